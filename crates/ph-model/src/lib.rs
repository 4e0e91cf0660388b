//! The vocabulary of talking to a model: message, tool call, config, output, usage, stop reason, trait [`ModelApi`].
//!
//! Level 1 and pure: no HTTP, no runtime, no clock. Whoever talks to a model (an in-process runtime, an endpoint, a
//! cache, a replay) implements [`ModelApi`]; whoever needs a model takes `Arc<dyn ModelApi>` and knows nothing else.

pub mod api;
pub mod completion;
pub mod config;
pub mod message;
pub mod nesting;
pub mod output;
pub mod target;
pub mod tool;
pub mod value_count;
pub mod wire;

pub use api::{
    EarlierAttempts, Exchange, FailedAttempt, ModelApi, ModelError, ModelErrorKind, ModelReply, ModelRequest,
    OutputChunk, OutputSink, Recalled,
};
pub use completion::{CompletionApi, CompletionOutput, CompletionRequest, CompletionToken, NoSink, RawPrompt};
pub use config::{GenerateConfig, ReasoningEffort, ResponseSchema};
pub use message::{Content, ContentPart, KnownPart, Message, Role};
pub use output::{ModelOutput, StopReason, TokenAlternative, TokenLogprob, Usage};
pub use target::{TargetName, TargetNameError};
pub use tool::{ToolCall, ToolChoice, ToolDefinition};
