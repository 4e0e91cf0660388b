//! The one door to a model.

use std::fmt;

use async_trait::async_trait;
use ph_base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::completion::CompletionApi;
use crate::config::GenerateConfig;
use crate::message::Message;
use crate::output::{ModelOutput, StopReason};
use crate::target::TargetName;
use crate::tool::{ToolChoice, ToolDefinition};

/// One call: the conversation so far, the tools, the settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelRequest {
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Which of them it must call.
    #[serde(default)]
    pub tool_choice: ToolChoice,
    /// Settings of the call.
    #[serde(default)]
    pub config: GenerateConfig,
}

/// The exact bytes of one exchange over a network, for whoever keeps evidence. Credentials are already taken out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exchange {
    /// The request's body as sent.
    pub request: Vec<u8>,
    /// The reply's body as received; for a stream all of it, in order.
    pub reply: Vec<u8>,
    /// The HTTP status, where one came.
    pub status: Option<u16>,
    /// The reply's headers, in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A reply with the exchange behind it, where there was one (an in-process model has none).
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReply {
    /// What the model returned.
    pub output: ModelOutput,
    /// The bytes behind it.
    pub exchange: Option<Box<Exchange>>,
    /// What came before, where the engine tried more than once or waited.
    pub earlier: EarlierAttempts,
}

impl ModelReply {
    /// What an in-process model returned: no exchange, nothing before it.
    #[must_use]
    pub fn new(output: ModelOutput) -> Self {
        Self { output, exchange: None, earlier: EarlierAttempts::default() }
    }
}

/// What a call went through before the attempt that ended it. Only the engine's door to a target makes more than one attempt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EarlierAttempts {
    /// The attempts that failed, oldest first.
    pub failed: Vec<FailedAttempt>,
    /// Milliseconds that the call waited in all: for a place, a rate, the time to come back at.
    pub waited_ms: u64,
    /// When the last attempt began; absent where the call was one attempt from its beginning.
    pub last_began: Option<Timestamp>,
}

/// An attempt that failed and was followed by another.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedAttempt {
    /// When it began.
    pub began: Timestamp,
    /// When it had failed.
    pub ended: Timestamp,
    /// Why; nothing came before it in itself.
    pub error: ModelError,
}

/// A reply that the target gave earlier to the same request.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// What the model returned.
    pub output: ModelOutput,
    /// When the call that it answered began, where that is known.
    pub asked_at: Option<Timestamp>,
    /// Milliseconds that the target took, where that is known.
    pub took_ms: Option<u64>,
}

/// What kind of failure a call ended in; decides whether another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelErrorKind {
    /// No connection could be made, or it broke.
    Unreachable,
    /// A time limit of the call passed.
    Timeout,
    /// The target asks to slow down (HTTP 429).
    RateLimited,
    /// The target is overloaded or broken (HTTP 5xx).
    Overloaded,
    /// The credential is missing, wrong or not enough (HTTP 401, 403).
    Unauthorized,
    /// The target does not know the model or address (HTTP 404).
    NotFound,
    /// The target refuses the request as it is (HTTP 4xx): another attempt would fail alike.
    InvalidRequest,
    /// The conversation is longer than the model's context.
    ContextTooLong,
    /// The reply could not be read.
    MalformedReply,
    /// The model itself failed: its template, its weights, its arithmetic.
    Model,
    /// Access was withdrawn while the call was under way.
    AccessCut,
}

impl ModelErrorKind {
    /// Whether the target took nothing of the call and asks for less at once.
    #[must_use]
    pub fn is_turned_away(self) -> bool {
        matches!(self, ModelErrorKind::RateLimited | ModelErrorKind::Overloaded)
    }
}

/// A call that failed. Every attempt is one call: nothing below the engine tries again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What kind of failure.
    pub kind: ModelErrorKind,
    /// What happened, without secrets.
    pub message: String,
    /// How long the target asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The bytes behind it, where there are any.
    pub exchange: Option<Box<Exchange>>,
    /// What came before, where the engine tried more than once or waited.
    pub earlier: Box<EarlierAttempts>,
}

impl ModelError {
    /// A failure of this kind.
    pub fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None, exchange: None, earlier: Box::default() }
    }

    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ModelErrorKind::Unreachable
                | ModelErrorKind::Timeout
                | ModelErrorKind::RateLimited
                | ModelErrorKind::Overloaded
                | ModelErrorKind::MalformedReply
        )
    }
}

impl fmt::Display for ModelErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ModelErrorKind::Unreachable => "unreachable",
            ModelErrorKind::Timeout => "timeout",
            ModelErrorKind::RateLimited => "rate limited",
            ModelErrorKind::Overloaded => "overloaded",
            ModelErrorKind::Unauthorized => "unauthorized",
            ModelErrorKind::NotFound => "not found",
            ModelErrorKind::InvalidRequest => "invalid request",
            ModelErrorKind::ContextTooLong => "context too long",
            ModelErrorKind::MalformedReply => "malformed reply",
            ModelErrorKind::Model => "model failure",
            ModelErrorKind::AccessCut => "access cut",
        })
    }
}

/// A piece of a reply that arrives while the model still generates.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputChunk {
    /// More text of the reply.
    Text(String),
    /// More of the model's reasoning.
    Reasoning(String),
    /// The reply has ended; the whole of it follows as the call's result.
    End(StopReason),
}

/// Takes the pieces of a streamed reply. Returning `false` ends the call early.
pub trait OutputSink: Send {
    /// Takes the next piece.
    fn chunk(&mut self, chunk: OutputChunk) -> bool;

    /// Hears, before the end, which of the request's stop texts ended the reply; never called where the model's side
    /// does not say.
    fn stop_text(&mut self, _text: &str) {}
}

/// A model that can be asked.
///
/// One `generate` is exactly one attempt: an implementation never retries, never falls back to another model and
/// never hides a failure. The one exception is the engine's door to a target, which tells every attempt it made
/// ([`EarlierAttempts`]). Dropping the future cancels the call.
#[async_trait]
pub trait ModelApi: Send + Sync {
    /// The target's name as the plan has it.
    fn target(&self) -> &TargetName;

    /// Detects drift of the target: for an in-process model the digest of its files. It does not prove which
    /// checkpoint answers.
    fn fingerprint(&self) -> Option<Digest> {
        None
    }

    /// The most tokens that prompt and reply may have together, where known.
    fn context_tokens(&self) -> Option<u64> {
        None
    }

    /// Whether the seed of a call reaches the target: some APIs have no such setting, and leave it out.
    fn takes_seed(&self) -> bool {
        true
    }

    /// Where the target is reached, without credentials; none for one inside this process. Together with the name it
    /// says which target a reply is of, where there is no fingerprint.
    fn address(&self) -> Option<String> {
        None
    }

    /// The reply that the target gave earlier to the same request, where somebody on the way keeps one that may stand for
    /// another call. Asks nobody and costs nothing.
    async fn recall(&self, _request: &ModelRequest) -> Option<Recalled> {
        None
    }

    /// The door for raw prompts and for counting tokens, where the model has one.
    fn completion(&self) -> Option<&dyn CompletionApi> {
        None
    }

    /// Makes one call.
    ///
    /// # Errors
    /// [`ModelError`], classified.
    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError>;

    /// Makes one call and hands the pieces of the reply to `sink` as they come. An implementation that cannot
    /// stream hands over the whole text at once.
    ///
    /// # Errors
    /// [`ModelError`], classified; pieces already handed over stay handed over.
    async fn stream(&self, request: &ModelRequest, sink: &mut dyn OutputSink) -> Result<ModelReply, ModelError> {
        let reply = self.generate(request).await?;
        if sink.chunk(OutputChunk::Text(reply.output.message.text())) {
            sink.chunk(OutputChunk::End(reply.output.stop_reason));
        }
        Ok(reply)
    }
}
