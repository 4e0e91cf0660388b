//! The OpenAI dialect: chat completions, completions, models.

mod chat;
mod chat_reply;
mod chat_request;
mod completion;
mod completion_reply;
mod completion_request;
mod heading;
mod models;

use serde_json::{Value, json};

use ph_model::{StopReason, Usage};

use crate::failure::ApiFailure;
use crate::fields::Fields;

pub(crate) use chat::chat;
pub(crate) use completion::complete;
pub(crate) use models::{model, models};

/// A reply's `finish_reason`. The dialect does not tell a full context from a reached `max_tokens`.
fn finish_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::Stop | StopReason::Unknown => "stop",
        StopReason::MaxTokens | StopReason::ModelLength => "length",
        StopReason::ToolCalls => "tool_calls",
        StopReason::ContentFilter => "content_filter",
    }
}

fn usage(usage: Usage) -> Value {
    let mut value = json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens(),
    });
    if let Some(cached) = usage.input_tokens_cache_read {
        value["prompt_tokens_details"] = json!({ "cached_tokens": cached });
    }
    if let Some(reasoning) = usage.reasoning_tokens {
        value["completion_tokens_details"] = json!({ "reasoning_tokens": reasoning });
    }
    value
}

/// `stream` and `stream_options.include_usage`.
fn stream_options(fields: &mut Fields) -> Result<(bool, bool), ApiFailure> {
    let stream = fields.flag("stream")?;
    let Some(mut options) = fields.object("stream_options")? else { return Ok((stream, false)) };
    if !stream {
        return Err(fields.failed("stream_options", "is only for streamed replies"));
    }
    Ok((stream, options.flag("include_usage")?))
}
