//! Raw text in, raw text out: what a model can do beside answering messages, where it has its tokenizer at hand.
//!
//! An optional capability of a [`ModelApi`](crate::ModelApi), reached through
//! [`ModelApi::completion`](crate::ModelApi::completion). Harnesses that compare log-likelihoods need it: the prompt's own
//! tokens come back with their log-probabilities.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::api::{ModelError, ModelRequest, OutputSink};
use crate::config::GenerateConfig;
use crate::output::{StopReason, TokenAlternative, Usage};

/// A prompt that no chat template touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RawPrompt {
    /// Text; the tokenizer adds what it adds by itself (a start token, where the model has one).
    Text(String),
    /// Token ids, taken as they are.
    Tokens(Vec<u32>),
}

/// One call for raw text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionRequest {
    /// What the model goes on from.
    pub prompt: RawPrompt,
    /// Whether the prompt is returned too: its text and, with `logprobs`, its tokens.
    pub echo: bool,
    /// Settings of the call. `max_tokens` may be 0: the prompt is then only read.
    pub config: GenerateConfig,
}

/// One token of prompt or reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionToken {
    /// The token's text, special tokens spelled out; bytes that are not UTF-8 are replaced.
    pub token: String,
    /// Natural logarithm of its probability after the tokens before it; absent for the very first one.
    pub logprob: Option<f64>,
    /// The likeliest tokens at this place, likeliest first.
    pub top: Vec<TokenAlternative>,
    /// Where it begins in prompt and reply together, in characters; without `echo` in the reply alone.
    pub offset: usize,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionOutput {
    /// The prompt's text, where asked for.
    pub prompt_text: Option<String>,
    /// The generated text, without the prompt.
    pub text: String,
    /// Why it ended; [`StopReason::MaxTokens`] where nothing was to be generated.
    pub stop_reason: StopReason,
    /// The tokens used.
    pub usage: Usage,
    /// Where `logprobs` was asked for: the prompt's tokens (with `echo`), then every generated token. A token that ended
    /// the reply is the last of them, though its text is not part of `text`.
    pub tokens: Option<Vec<CompletionToken>>,
}

/// A model that takes raw prompts and can count tokens.
#[async_trait]
pub trait CompletionApi: Send + Sync {
    /// Makes one call; exactly one attempt. Pieces of the text go to `sink` as they come, with `echo` the prompt's first.
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// [`ModelError`], classified.
    async fn complete(
        &self,
        request: &CompletionRequest,
        sink: &mut dyn OutputSink,
    ) -> Result<CompletionOutput, ModelError>;

    /// How many tokens the prompt of a conversation has, tools and chat template included.
    ///
    /// # Errors
    /// [`ModelError`] where the conversation cannot be rendered.
    fn count_tokens(&self, request: &ModelRequest) -> Result<u64, ModelError>;
}

/// A sink that takes everything and keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSink;

impl OutputSink for NoSink {
    fn chunk(&mut self, _: crate::api::OutputChunk) -> bool {
        true
    }
}
