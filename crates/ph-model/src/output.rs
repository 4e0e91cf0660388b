//! What a model returned.

use serde::{Deserialize, Serialize};

use crate::message::Message;

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It had said what it wanted, or a stop text came.
    Stop,
    /// `max_tokens` was reached.
    MaxTokens,
    /// Its context is full.
    ModelLength,
    /// It calls a tool.
    ToolCalls,
    /// A filter outside the model withheld the reply.
    ContentFilter,
    /// The provider gave a reason that is not one of these, or none.
    Unknown,
}

/// Tokens that a call used. `input` counts all input tokens, those read from a cache included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens generated, reasoning included.
    pub output_tokens: u64,
    /// Of the input: tokens read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens_cache_read: Option<u64>,
    /// Of the input: tokens written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens_cache_write: Option<u64>,
    /// Of the output: tokens of reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
}

impl Usage {
    /// Input and output together.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// What is left of this without `part` of it; never less than nothing.
    #[must_use]
    pub fn without(&self, part: &Usage) -> Usage {
        let less = |all: Option<u64>, part: Option<u64>| all.map(|all| all.saturating_sub(part.unwrap_or(0)));
        Usage {
            input_tokens: self.input_tokens.saturating_sub(part.input_tokens),
            output_tokens: self.output_tokens.saturating_sub(part.output_tokens),
            input_tokens_cache_read: less(self.input_tokens_cache_read, part.input_tokens_cache_read),
            input_tokens_cache_write: less(self.input_tokens_cache_write, part.input_tokens_cache_write),
            reasoning_tokens: less(self.reasoning_tokens, part.reasoning_tokens),
        }
    }

    /// Adds another call's usage; a part that neither names stays absent.
    pub fn add(&mut self, other: &Usage) {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.input_tokens_cache_read = sum(self.input_tokens_cache_read, other.input_tokens_cache_read);
        self.input_tokens_cache_write = sum(self.input_tokens_cache_write, other.input_tokens_cache_write);
        self.reasoning_tokens = sum(self.reasoning_tokens, other.reasoning_tokens);
    }
}

/// A token that the model might have generated, with the natural logarithm of its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenAlternative {
    /// The token's text; bytes that are not UTF-8 are replaced.
    pub token: String,
    /// Natural logarithm of its probability under the untempered distribution.
    pub logprob: f64,
}

/// A generated token with its log-probability and the likeliest alternatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenLogprob {
    /// The token that was generated.
    #[serde(flatten)]
    pub chosen: TokenAlternative,
    /// The likeliest tokens at this place, likeliest first.
    #[serde(default)]
    pub top: Vec<TokenAlternative>,
}

/// One reply of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelOutput {
    /// The model as the target names itself.
    pub model: String,
    /// The assistant message.
    pub message: Message,
    /// Why it stopped.
    pub stop_reason: StopReason,
    /// The tokens used, where the target says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Log-probabilities of the generated tokens, where asked for and given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_adds_without_inventing_parts() {
        let mut total = Usage { input_tokens: 3, output_tokens: 1, ..Usage::default() };
        total.add(&Usage { input_tokens: u64::MAX, output_tokens: 2, reasoning_tokens: Some(2), ..Usage::default() });
        assert_eq!(total.input_tokens, u64::MAX);
        assert_eq!(total.output_tokens, 3);
        assert_eq!(total.reasoning_tokens, Some(2));
        assert_eq!(total.input_tokens_cache_read, None);
        assert_eq!(total.total_tokens(), u64::MAX);
    }
}
