//! From a call to an answer: the markers in the prompt, then the configuration's rules, then the echo.

use std::str::FromStr as _;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::answer::{Answer, Stop, ToolCall, Usage, instance, tokens};
use super::call::{Call, Tool};
use super::config::Rule;
use super::fault::{Fault, FaultNameError, Order};

/// The longest answer, in words.
const WORDS_MAX: usize = 1_000_000;
/// The longest echo, in bytes.
const ECHO_BYTES: usize = 400;

/// What is to happen with one call, from its markers and the rule that fits.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Script {
    rule: Rule,
    fault: Option<String>,
    cached: Option<u64>,
    /// The prompt without its markers.
    said: String,
}

impl Script {
    /// Reads the markers of the prompt; what they leave open the first rule that fits says.
    pub(super) fn of(call: &Call<'_>, rules: &[Rule]) -> Self {
        let prompt = call.prompt();
        let fits = |rule: &&Rule| {
            prompt.contains(&rule.contains) && rule.model.as_ref().is_none_or(|model| *model == call.model)
        };
        let mut script = Self { rule: rules.iter().find(fits).cloned().unwrap_or_default(), ..Self::default() };
        let mut rest = prompt;
        while let Some((before, after)) = rest.split_once("[[stub:") {
            let Some((marker, after)) = after.split_once("]]") else { break };
            script.said.push_str(before);
            script.marker(marker);
            rest = after;
        }
        script.said.push_str(rest);
        script
    }

    /// Takes one marker, `KEY` or `KEY=VALUE`. One that is not known is passed over, as any text in a prompt.
    fn marker(&mut self, marker: &str) {
        let (key, value) = marker.split_once('=').unwrap_or((marker, ""));
        match key.trim() {
            "say" => self.rule.say = vec![value.to_owned()],
            "tool" => self.rule.tool = Some(value.trim().to_owned()),
            "arguments" => self.rule.arguments = serde_json::from_str(value).ok(),
            "reasoning" => {
                self.rule.reasoning = Some(if value.is_empty() { THOUGHTS.to_owned() } else { value.to_owned() });
            }
            "refuse" => self.rule.refuse = true,
            "filter" => self.rule.filter = true,
            "words" => self.rule.words = value.trim().parse().ok(),
            "cached" => self.cached = value.trim().parse().ok(),
            "fault" => self.fault = Some(value.to_owned()),
            _ => {}
        }
    }

    /// The fault that marker or rule orders for a prompt seen `seen` times before.
    ///
    /// # Errors
    /// The marker names no fault.
    pub(super) fn fault(&self, seen: u32) -> Result<Option<Fault>, FaultNameError> {
        let marked = self.fault.as_deref().map(Order::from_str).transpose()?;
        let ruled = self.rule.fault.filter(|_| self.rule.fault_times.is_none_or(|times| seen < times));
        Ok(marked.and_then(|order| order.at(seen)).or(ruled))
    }

    /// The answer to the call; `random` is a function of seed, prompt and times seen.
    pub(super) fn answer(&self, call: &Call<'_>, seen: u32, random: &mut ChaCha8Rng) -> Answer {
        let serial = random.random();
        let tool_call = self.tool_call(call);
        let reasoning = self.reasoning(call);
        let (text, stop) = if tool_call.is_some() { (String::new(), Stop::Tool) } else { self.text(call, random) };
        let thought = reasoning.as_deref().map_or(0, |text| tokens(text).count() as u64);
        let spoken = tool_call.as_ref().map_or(0, |call| call.arguments.to_string().len() as u64 / 4 + 1);
        let usage = self.usage(call, seen, (tokens(&text).count() as u64 + spoken, thought));
        Answer { serial, reasoning, text, tool_call, stop, usage }
    }

    fn reasoning(&self, call: &Call<'_>) -> Option<String> {
        self.rule.reasoning.clone().or_else(|| call.reasoning.then(|| THOUGHTS.to_owned()))
    }

    /// The tool that is called: the forced one or the scripted one, never after a tool's result.
    fn tool_call(&self, call: &Call<'_>) -> Option<ToolCall> {
        if call.tool_result().is_some() {
            return None;
        }
        let wanted = self.rule.tool.as_deref().or(call.tool_forced.as_deref())?;
        let tool = call.tools.iter().find(|tool| wanted.is_empty() || tool.name == wanted)?;
        Some(ToolCall { name: tool.name.clone().into_owned(), arguments: self.arguments(tool) })
    }

    fn arguments(&self, tool: &Tool<'_>) -> Value {
        self.rule.arguments.clone().unwrap_or_else(|| instance(&tool.schema))
    }

    fn text(&self, call: &Call<'_>, random: &mut ChaCha8Rng) -> (String, Stop) {
        if self.rule.filter {
            return (String::new(), Stop::Filter);
        }
        if self.rule.refuse {
            return ("I can't help with that.".to_owned(), Stop::Refusal);
        }
        cut(self.whole_text(call, random), call)
    }

    fn whole_text(&self, call: &Call<'_>, random: &mut ChaCha8Rng) -> String {
        if let Some(words) = self.rule.words {
            return long(words);
        }
        if !self.rule.say.is_empty() {
            return self.rule.say[random.random_range(0..self.rule.say.len())].clone();
        }
        if let Some(schema) = &call.schema {
            return instance(schema).to_string();
        }
        match call.tool_result() {
            Some(result) => format!("tool says: {}", first_bytes(result)),
            None => format!("echo: {}", first_bytes(self.said.trim())),
        }
    }

    /// Input from the cache: half of it once the prompt was seen, unless a marker says how much.
    fn usage(&self, call: &Call<'_>, seen: u32, (spoken, thought): (u64, u64)) -> Usage {
        let input = call.input_tokens();
        let cached = self.cached.unwrap_or(if seen > 0 { input / 2 } else { 0 }).min(input);
        Usage { input, cached, output: spoken + thought, reasoning: thought }
    }
}

/// The reasoning of a model that was asked to reason.
const THOUGHTS: &str = "The prompt asks for an answer. I repeat what it says.";

/// Ends a text at the first stop sequence, or at the most tokens that the call allows.
fn cut(mut text: String, call: &Call<'_>) -> (String, Stop) {
    let mut stop = Stop::End;
    let sequences = call.stop.iter().filter(|sequence| !sequence.is_empty());
    if let Some((at, sequence)) = sequences.filter_map(|sequence| Some((text.find(&**sequence)?, sequence))).min() {
        stop = Stop::Sequence(sequence.clone().into_owned());
        text.truncate(at);
    }
    let most = call.tokens_max.unwrap_or(usize::MAX);
    let length: usize = tokens(&text).take(most).map(str::len).sum();
    if length < text.len() {
        text.truncate(length);
        stop = Stop::Length;
    }
    (text, stop)
}

/// A text of so many words, each with its number.
fn long(words: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for number in 1..=words.min(WORDS_MAX) {
        let _ = write!(text, "{}w{number}", if number == 1 { "" } else { " " });
    }
    text
}

fn first_bytes(text: &str) -> &str {
    &text[..text.floor_char_boundary(ECHO_BYTES)]
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use rand::SeedableRng as _;
    use serde_json::json;

    use super::super::call::Speaker;
    use super::*;

    fn asking(prompt: &str) -> Call<'_> {
        let mut call = Call::default();
        call.turn(Speaker::User, Cow::Borrowed(prompt));
        call
    }

    fn answer(call: &Call<'_>, rules: &[Rule]) -> Answer {
        Script::of(call, rules).answer(call, 0, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[track_caller]
    fn check(prompt: &str, text: &str, stop: Stop) {
        let answer = answer(&asking(prompt), &[]);
        assert_eq!((answer.text.as_str(), answer.stop), (text, stop));
    }

    #[test]
    fn markers_script_the_answer_and_are_not_echoed() {
        check("hello there", "echo: hello there", Stop::End);
        check("hello [[stub:unknown]]there", "echo: hello there", Stop::End);
        check("q [[stub:say=Paris]]", "Paris", Stop::End);
        check("q [[stub:words=3]]", "w1 w2 w3", Stop::End);
        check("q [[stub:refuse]]", "I can't help with that.", Stop::Refusal);
        check("q [[stub:filter]]", "", Stop::Filter);
        check("open [[stub:say=x", "echo: open [[stub:say=x", Stop::End);
    }

    #[test]
    fn rules_come_after_markers() {
        let rule = Rule { contains: "capital".to_owned(), say: vec!["Paris".to_owned()], ..Rule::default() };
        let said = |prompt: &str| answer(&asking(prompt), std::slice::from_ref(&rule)).text;
        assert_eq!(said("the capital?"), "Paris");
        assert_eq!(said("the capital? [[stub:say=Rome]]"), "Rome");
        assert_eq!(said("the river?"), "echo: the river?");
    }

    #[test]
    fn stop_sequences_and_the_token_limit_cut_the_text() {
        let mut call = asking("[[stub:say=one two three four]]");
        call.tokens_max = Some(2);
        assert_eq!(answer(&call, &[]).text, "one two");
        assert_eq!(answer(&call, &[]).stop, Stop::Length);
        call.stop = vec![Cow::Borrowed("three"), Cow::Borrowed(" two")];
        let answer = answer(&call, &[]);
        assert_eq!((answer.text.as_str(), answer.stop), ("one", Stop::Sequence(" two".to_owned())));
    }

    #[test]
    fn a_tool_is_called_once_then_its_result_is_told() {
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        let mut call = asking("weather? [[stub:tool]]");
        assert_eq!(answer(&call, &[]).tool_call, None);
        call.tools = vec![Tool { name: Cow::Borrowed("weather"), schema }];
        let first = answer(&call, &[]);
        assert_eq!(first.tool_call.unwrap().arguments, json!({"city": "stub"}));
        call.turn(Speaker::Tool, Cow::Borrowed("rain"));
        assert_eq!(answer(&call, &[]).text, "tool says: rain");
    }

    #[test]
    fn faults_are_ordered_by_marker_or_rule_for_some_times() {
        let call = asking("q [[stub:fault=server_error~1]]");
        let script = Script::of(&call, &[]);
        assert_eq!([script.fault(0), script.fault(1)], [Ok(Some(Fault::ServerError)), Ok(None)]);
        assert!(Script::of(&asking("q [[stub:fault=flood]]"), &[]).fault(0).is_err());
        let rule = Rule { fault: Some(Fault::Hang), fault_times: Some(2), ..Rule::default() };
        let script = Script::of(&asking("q"), &[rule]);
        assert_eq!([script.fault(1), script.fault(2)], [Ok(Some(Fault::Hang)), Ok(None)]);
    }
}
