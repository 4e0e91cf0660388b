//! One sequence under way: its prompt, what it generated so far, and when it ends.
//!
//! Owned by a batch. It knows nothing of its neighbours: everything that decides its text is in here.

use ph_model::StopReason;

use crate::LocalError;
use crate::model::LocalModel;
use crate::sampler::{Sampler, Scored, Settings, likeliest, score};
use crate::tokenizer::{IncrementalText, LocalTokenizer};

/// A prompt with its settings, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<u32>,
    pub(crate) settings: Settings,
    /// Whether the prompt's own tokens get log-probabilities too, where the settings ask for them.
    pub(crate) scores_prompt: bool,
    /// Whether the text is wanted while it is generated.
    pub(crate) streams: bool,
}

/// A finished reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) stop: StopReason,
    pub(crate) prompt_tokens: usize,
    /// Tokens generated, the end token included.
    pub(crate) generated_tokens: usize,
    /// One per generated token but the end token, where asked for.
    pub(crate) scores: Vec<Scored>,
    /// That of the end token, where asked for and met.
    pub(crate) end_score: Option<Scored>,
    /// One per token of the prompt but the first, where asked for.
    pub(crate) prompt_scores: Vec<Scored>,
    /// The stop text that ended it.
    pub(crate) stop_text: Option<String>,
}

/// A sequence under way.
#[derive(Debug)]
pub(crate) struct Sequence {
    model: LocalModel,
    /// Prompt, then what was generated (without an end token).
    tokens: Vec<u32>,
    prompt_tokens: usize,
    /// How many of `tokens` went through the model.
    fed: usize,
    generated_tokens: usize,
    settings: Settings,
    sampler: Sampler,
    scores: Vec<Scored>,
    end_score: Option<Scored>,
    prompt_scores: Vec<Scored>,
    /// How many alternatives the prompt's scores have, where they are wanted.
    prompt_top: Option<usize>,
    /// Text so far; kept only where stop texts must be looked for or the text is streamed.
    watched: Option<Watched>,
    stop_text: Option<String>,
}

#[derive(Debug, Default)]
struct Watched {
    text: String,
    incremental: IncrementalText,
    /// Bytes of the text that were handed out.
    handed: usize,
}

impl Sequence {
    pub(crate) fn new(model: LocalModel, prompt: Prompt) -> Self {
        let Prompt { tokens, settings, scores_prompt, streams } = prompt;
        Self {
            model,
            prompt_tokens: tokens.len(),
            tokens,
            fed: 0,
            generated_tokens: 0,
            sampler: Sampler::new(&settings),
            scores: Vec::new(),
            end_score: None,
            prompt_scores: Vec::new(),
            prompt_top: settings.logprobs.filter(|_| scores_prompt),
            watched: (streams || !settings.stop.is_empty()).then(Watched::default),
            stop_text: None,
            settings,
        }
    }

    /// Tokens that are still to go through the model; never empty.
    pub(crate) fn pending(&self) -> &[u32] {
        &self.tokens[self.fed..]
    }

    /// The position of the first pending token.
    pub(crate) fn position(&self) -> usize {
        self.fed
    }

    /// Whether the logits after the `place`-th pending token are needed.
    pub(crate) fn wants_logits(&self, place: usize) -> bool {
        let at = self.fed + place;
        at + 1 == self.tokens.len() || (self.prompt_top.is_some() && at + 1 < self.prompt_tokens)
    }

    /// Takes the results of the next `count` pending tokens; a reply when they end it. `logits` has a line for each that
    /// [`Sequence::wants_logits`].
    pub(crate) fn take<'a>(
        &mut self,
        count: usize,
        mut logits: impl Iterator<Item = &'a [f32]>,
    ) -> Result<Option<Reply>, LocalError> {
        for _ in 0..count {
            let line = if self.wants_logits(0) { logits.next() } else { None };
            self.fed += 1;
            let Some(line) = line else { continue };
            if let Some(top) = self.prompt_top.filter(|_| self.fed < self.prompt_tokens) {
                likeliest(line)?;
                self.prompt_scores.push(score(line, self.tokens[self.fed], top));
            }
            if self.fed == self.tokens.len() {
                return self.advance(line);
            }
        }
        Ok(None)
    }

    /// Text that became certain since the last look: whole characters, and none that may belong to a stop text.
    pub(crate) fn fresh_text(&mut self) -> Option<&str> {
        let Watched { text, handed, .. } = self.watched.as_mut()?;
        let from = *handed;
        *handed = certain_up_to(text, from, &self.settings.stop);
        text.get(from..*handed).filter(|fresh| !fresh.is_empty())
    }

    /// Chooses the next token from the logits after the last one; a reply when that ends it.
    fn advance(&mut self, logits: &[f32]) -> Result<Option<Reply>, LocalError> {
        if self.settings.max_tokens == Some(0) {
            return self.end(StopReason::MaxTokens).map(Some);
        }
        let token = self.sampler.pick(logits)?;
        self.generated_tokens += 1;
        let scored = self.settings.logprobs.map(|top| score(logits, token, top));
        if self.model.eos().contains(&token) {
            self.end_score = scored;
            return self.end(StopReason::Stop).map(Some);
        }
        self.scores.extend(scored);
        self.tokens.push(token);
        if self.meets_stop_text(token)? {
            return self.end(StopReason::Stop).map(Some);
        }
        if self.settings.max_tokens.is_some_and(|most| self.generated_tokens >= most) {
            return self.end(StopReason::MaxTokens).map(Some);
        }
        if self.tokens.len() >= self.model.context() {
            return self.end(StopReason::ModelLength).map(Some);
        }
        Ok(None)
    }

    /// Adds the token to the watched text and cuts that at the first stop text.
    fn meets_stop_text(&mut self, token: u32) -> Result<bool, LocalError> {
        let Some(watched) = &mut self.watched else { return Ok(false) };
        let fresh = watched.incremental.push(token, self.model.tokenizer())?;
        let before = watched.text.len();
        watched.text.push_str(&fresh);
        let met = cut_at_stop(&mut watched.text, before, &self.settings.stop);
        if met.is_some() {
            watched.incremental = IncrementalText::default();
        }
        self.stop_text = met.map(str::to_owned);
        Ok(self.stop_text.is_some())
    }

    fn end(&mut self, stop: StopReason) -> Result<Reply, LocalError> {
        let tokenizer = self.model.tokenizer();
        let text = match &mut self.watched {
            None => whole_text(&self.tokens[self.prompt_tokens..], tokenizer)?,
            Some(watched) => {
                let mut text = std::mem::take(&mut watched.text);
                text.push_str(&watched.incremental.rest(tokenizer)?);
                text
            }
        };
        Ok(Reply {
            text,
            stop,
            prompt_tokens: self.prompt_tokens,
            generated_tokens: self.generated_tokens,
            scores: std::mem::take(&mut self.scores),
            end_score: self.end_score.take(),
            prompt_scores: std::mem::take(&mut self.prompt_scores),
            stop_text: self.stop_text.take(),
        })
    }
}

/// The text of a whole reply, the same as token by token: only broken bytes could tell the difference.
fn whole_text(tokens: &[u32], tokenizer: &LocalTokenizer) -> Result<String, LocalError> {
    let text = tokenizer.decode(tokens)?;
    if !text.contains(char::REPLACEMENT_CHARACTER) {
        return Ok(text);
    }
    let mut incremental = IncrementalText::default();
    let mut text = String::new();
    for token in tokens {
        text.push_str(&incremental.push(*token, tokenizer)?);
    }
    text.push_str(&incremental.rest(tokenizer)?);
    Ok(text)
}

/// Where, from byte `from` on, the first text begins that may become a stop text; the end where none does. Each place
/// is looked at until it is certain and then never again.
fn certain_up_to(text: &str, from: usize, stops: &[String]) -> usize {
    let may_stop = |rest: &str| stops.iter().any(|stop| stop.starts_with(rest));
    let rest = text.get(from..).unwrap_or_default();
    rest.char_indices().map(|(at, _)| from + at).find(|at| may_stop(&text[*at..])).unwrap_or(text.len())
}

/// Cuts `text` at the earliest stop text that ends after byte `before`; which one it was.
fn cut_at_stop<'a>(text: &mut String, before: usize, stops: &'a [String]) -> Option<&'a str> {
    let earliest = stops.iter().filter_map(|stop| {
        let mut from = before.saturating_sub(stop.len() - 1);
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        text[from..].find(stop.as_str()).map(|at| (from + at, stop.as_str()))
    });
    let (at, stop) = earliest.min_by_key(|(at, _)| *at)?;
    text.truncate(at);
    Some(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], stops: &[&str], expected: &str, stopped: bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut text = String::new();
        let mut met = false;
        for piece in pieces {
            let before = text.len();
            let handed = certain_up_to(&text, 0, &stops);
            text.push_str(piece);
            met = cut_at_stop(&mut text, before, &stops).is_some();
            if met {
                assert!(handed <= text.len(), "{handed} bytes were handed out before the cut of {pieces:?}");
                break;
            }
        }
        assert_eq!((text.as_str(), met), (expected, stopped), "{pieces:?} {stops:?}");
    }

    #[test]
    fn stop_texts_are_found_across_borders_and_cut() {
        check(&["one", " two"], &["\n"], "one two", false);
        check(&["one\n", "two"], &["\n"], "one", true);
        check(&["on", "e ST", "O", "P rest"], &["STOP"], "one ", true);
        check(&["ab", "cd"], &["d", "bc"], "a", true);
        check(&["é日", "本x"], &["日本"], "é", true);
        check(&["aaa"], &["a"], "", true);
    }

    #[test]
    fn what_may_become_a_stop_text_is_held_back() {
        let check = |text: &str, stops: &[&str], certain: &str| {
            let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
            assert_eq!(&text[..certain_up_to(text, 0, &stops)], certain, "{text:?} {stops:?}");
        };
        check("one", &[], "one");
        check("one ST", &["STOP"], "one ");
        check("one STx", &["STOP"], "one STx");
        check("aab", &["abc", "b"], "a");
        check("日本", &["本語"], "日");
    }
}
