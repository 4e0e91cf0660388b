//! Tool calls in the models' JSON form, and answers read from a tool's result.

use super::lists::Tool;
use super::writer::{Exchange, Jitter, Writer, fill};
use super::{Turn, TurnRole, composed, fact, sum};

/// A request that needs one tool.
struct Need {
    tool: String,
    parameter: String,
    value: String,
    want: String,
    ask: String,
    result: String,
}

/// One or two requests with tools listed; sometimes a question that needs none.
pub(super) fn example(writer: &mut Writer) -> Vec<Turn> {
    if writer.disturb(0.15) {
        return without_need(writer);
    }
    let needs: Vec<Need> = (0..writer.rounds(2)).map(|_| need(writer)).collect();
    let mut turns = vec![listed(writer, &needs)];
    for need in &needs {
        let text = result_text(writer, need);
        turns.extend(round(writer, need, text, &need.result));
    }
    turns
}

/// One request whose result carries a planted sentence; the last answer is `said`, or the right one.
pub(super) fn with_planted(writer: &mut Writer, sentence: &str, said: Option<&str>) -> Vec<Turn> {
    let needs = [need(writer)];
    let [need] = &needs;
    let mut turns = vec![listed(writer, &needs)];
    let text = result_text(writer, need);
    let joint = if writer.chance(0.3) { "\n" } else { " " };
    let text =
        if writer.chance(0.75) { format!("{text}{joint}{sentence}") } else { format!("{sentence}{joint}{text}") };
    turns.extend(round(writer, need, text, said.unwrap_or(&need.result)));
    turns
}

fn without_need(writer: &mut Writer) -> Vec<Turn> {
    let exchanges: Vec<Exchange> = (0..writer.rounds(2))
        .map(|_| if writer.chance(0.5) { sum::exchange(writer) } else { fact::exchange(writer) })
        .collect();
    let mut turns = writer.conversation(exchanges);
    turns.retain(|turn| turn.role != TurnRole::System);
    turns.insert(0, listed(writer, &[]));
    turns
}

/// The literal call as the chat template renders it.
pub(super) fn call_text(tool: &str, parameter: &str, value: &str) -> String {
    format!("<tool_call>{{\"name\": \"{tool}\", \"arguments\": {{\"{parameter}\": \"{value}\"}}}}</tool_call>")
}

fn round(writer: &mut Writer, need: &Need, result: String, answer: &str) -> [Turn; 4] {
    let wordings = writer.wordings.clone();
    [
        Turn::new(TurnRole::User, writer.framed(&need.ask, &wordings.frame.answer_suffixes)),
        Turn::new(TurnRole::Assistant, call_text(&need.tool, &need.parameter, &need.value)),
        Turn::new(TurnRole::Tool, result),
        Turn::new(TurnRole::Assistant, answer),
    ]
}

fn need(writer: &mut Writer) -> Need {
    if writer.disturb(0.25) { invented_need(writer) } else { listed_need(writer) }
}

fn listed_need(writer: &mut Writer) -> Need {
    let (lists, wordings) = (writer.lists.clone(), writer.wordings.clone());
    let Tool { name, parameter, want, values, results, .. } = writer.pick(&lists.tools);
    let value = if writer.disturb(0.15) { writer.any_word() } else { writer.pick(&values) };
    let result = if writer.disturb(0.2) { writer.any_word() } else { writer.pick(&results) };
    let want = fill(&want, &[("value", &value)]);
    let core = writer.pick(&wordings.tool.asks);
    let ask = writer.phrase(&core, Jitter::Free, &[("want", &want)]);
    Need { tool: name, parameter, value, want, ask, result }
}

fn invented_need(writer: &mut Writer) -> Need {
    let wordings = writer.wordings.clone();
    let tool = format!("{}{}", writer.invented(), writer.letters(1));
    let (value, result) = (writer.any_word(), writer.any_word());
    let core = writer.pick(&wordings.tool.invented);
    let ask = writer.phrase(&core, Jitter::Free, &[("tool", &tool), ("value", &value)]);
    let want = format!("the {tool} of {value}");
    Need { parameter: writer.pick(&wordings.tool.parameters), tool, value, want, ask, result }
}

fn result_text(writer: &mut Writer, need: &Need) -> String {
    let wordings = writer.wordings.clone();
    let form = if writer.disturb(0.35) { composed::result(writer) } else { writer.pick(&wordings.tool.results) };
    fill(&form, &[("want", &need.want), ("value", &need.value), ("result", &need.result)])
}

/// The system turn with the needed tools and up to two others, in random order.
fn listed(writer: &mut Writer, needs: &[Need]) -> Turn {
    let lists = writer.lists.clone();
    let mut signatures: Vec<(String, String)> = Vec::new();
    let others = writer.sample(&lists.tools, 3).into_iter().map(|tool| (tool.name, tool.parameter));
    let others = others.take(writer.below(3).max(usize::from(needs.is_empty())));
    for (name, parameter) in needs.iter().map(|need| (need.tool.clone(), need.parameter.clone())).chain(others) {
        if signatures.iter().all(|(other, _)| *other != name) {
            signatures.push((name, parameter));
        }
    }
    writer.shuffle(&mut signatures);
    let list: Vec<String> = signatures.iter().map(|(name, parameter)| format!("{name}({parameter})")).collect();
    let line = format!("Tools: {}", list.join("; "));
    let text = writer.system().map_or_else(|| line.clone(), |system| format!("{system}\n{line}"));
    Turn::new(TurnRole::System, text)
}

#[cfg(test)]
mod tests {
    use super::super::writer::Fold;
    use super::*;

    #[test]
    fn a_call_names_a_listed_tool_and_a_value_of_the_request() {
        let mut writer = Writer::new(Fold::Training, 4).unwrap();
        for _ in 0..300 {
            let turns = example(&mut writer);
            for pair in turns.windows(2).filter(|pair| pair[1].text.starts_with("<tool_call>")) {
                let json = pair[1].text.trim_start_matches("<tool_call>").trim_end_matches("</tool_call>");
                let call: serde_json::Value = serde_json::from_str(json).unwrap();
                let name = call["name"].as_str().unwrap();
                let (parameter, value) = call["arguments"].as_object().unwrap().iter().next().unwrap();
                assert!(turns[0].text.contains(&format!("{name}({parameter})")), "{turns:?}");
                assert!(pair[0].text.contains(value.as_str().unwrap()), "{turns:?}");
            }
        }
    }
}
