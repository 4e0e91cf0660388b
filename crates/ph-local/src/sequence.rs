//! One sequence under way: its prompt, what it generated so far, and when it ends.
//!
//! Owned by a batch. It knows nothing of its neighbours: everything that decides its text is in here.

use ph_model::StopReason;

use crate::LocalError;
use crate::model::LocalModel;
use crate::sampler::{Sampler, Scored, Settings, score};
use crate::tokenizer::IncrementalText;

/// A prompt with its settings, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<u32>,
    pub(crate) settings: Settings,
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
    /// Text so far; kept only where stop texts must be looked for.
    watched: Option<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    text: String,
    incremental: IncrementalText,
}

impl Sequence {
    pub(crate) fn new(model: LocalModel, prompt: Prompt) -> Self {
        let Prompt { tokens, settings } = prompt;
        Self {
            model,
            prompt_tokens: tokens.len(),
            tokens,
            fed: 0,
            generated_tokens: 0,
            sampler: Sampler::new(&settings),
            scores: Vec::new(),
            watched: (!settings.stop.is_empty()).then(Watched::default),
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

    /// Notes that the next `count` pending tokens went through.
    pub(crate) fn feed(&mut self, count: usize) {
        self.fed += count;
    }

    /// Chooses the next token from the logits after the last one; a reply when that ends it.
    pub(crate) fn advance(&mut self, logits: &[f32]) -> Result<Option<Reply>, LocalError> {
        let token = self.sampler.pick(logits)?;
        self.generated_tokens += 1;
        if self.model.eos().contains(&token) {
            return self.end(StopReason::Stop).map(Some);
        }
        if let Some(top) = self.settings.logprobs {
            self.scores.push(score(logits, token, top));
        }
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
        if met {
            watched.incremental = IncrementalText::default();
        }
        Ok(met)
    }

    fn end(&mut self, stop: StopReason) -> Result<Reply, LocalError> {
        let tokenizer = self.model.tokenizer();
        let text = match &mut self.watched {
            None => tokenizer.decode(&self.tokens[self.prompt_tokens..])?,
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
        })
    }
}

/// Cuts `text` at the earliest stop text that ends after byte `before`; whether there was one.
fn cut_at_stop(text: &mut String, before: usize, stops: &[String]) -> bool {
    let earliest = stops.iter().filter_map(|stop| {
        let mut from = before.saturating_sub(stop.len() - 1);
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        text[from..].find(stop.as_str()).map(|at| from + at)
    });
    match earliest.min() {
        Some(at) => {
            text.truncate(at);
            true
        }
        None => false,
    }
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
            text.push_str(piece);
            met = cut_at_stop(&mut text, before, &stops);
            if met {
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
}
