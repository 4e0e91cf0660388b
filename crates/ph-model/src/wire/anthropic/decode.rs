//! The whole reply.

use serde_json::{Value, json};

use super::super::assistant::{AssistantBuilder, WireToolCall, value_arguments};
use super::super::fields::{Object, Take, holds_error, kind};
use super::super::{Dialect, WireError, error_reply};
use crate::output::{ModelOutput, StopReason, Usage};

pub(crate) fn decode(mut reply: Object) -> Result<ModelOutput, WireError> {
    if reply.get("type").and_then(Value::as_str) == Some("error") || holds_error(&reply) {
        return Err(WireError::Reported(error_reply::from_value(None, &Value::Object(reply))));
    }
    let blocks = reply.take_array("content").ok_or(WireError::Missing { field: "content" })?;
    let reply_id = reply.take_string("id").unwrap_or_default();
    let mut builder = AssistantBuilder::default();
    for block in blocks {
        content_block(block, &reply_id, &mut builder);
    }
    let said = reply.take_string("stop_reason");
    let stop_reason = stop_reason(said.as_deref());
    if let (StopReason::Unknown, Some(said)) = (stop_reason, said) {
        builder.kept.reply.insert("stop_reason".to_owned(), json!(said));
    }
    let usage = reply.take_object("usage").and_then(usage);
    let model = reply.take_string("model").unwrap_or_default();
    reply.drop_fields(&["type", "role"]);
    builder.kept.reply.extend(reply.rest());
    Ok(ModelOutput { model, message: builder.build(Dialect::AnthropicMessages), stop_reason, usage, logprobs: None })
}

fn content_block(block: Value, reply_id: &str, builder: &mut AssistantBuilder) {
    let kind = kind(&block);
    match (kind.as_str(), block) {
        ("text", Value::Object(mut block)) => {
            let text = block.take_string("text").unwrap_or_default();
            block.drop_fields(&["type"]);
            builder.text(text, block.rest());
        }
        ("thinking", Value::Object(mut block)) => {
            let thinking = block.take_string("thinking").unwrap_or_default();
            block.drop_fields(&["type"]);
            builder.reasoning(thinking, block.rest());
        }
        ("redacted_thinking", Value::Object(mut block)) => {
            block.drop_fields(&["type"]);
            block.insert("redacted".to_owned(), json!(true));
            builder.reasoning(String::new(), block.rest());
        }
        ("tool_use", Value::Object(mut block)) => {
            let id = block.take_string("id");
            let function = block.take_string("name").unwrap_or_default();
            let arguments = value_arguments(block.shift_remove("input"));
            block.drop_fields(&["type"]);
            builder.call(WireToolCall { id, function, arguments, extra: block.rest() }, reply_id);
        }
        (_, other) => builder.other(other),
    }
}

/// `refusal` comes from the provider's classifiers, which stop the stream: a block, not the model's own words.
fn stop_reason(said: Option<&str>) -> StopReason {
    match said {
        Some("end_turn" | "stop_sequence") => StopReason::Stop,
        Some("max_tokens") => StopReason::MaxTokens,
        Some("tool_use") => StopReason::ToolCalls,
        Some("refusal") => StopReason::ContentFilter,
        Some("model_context_window_exceeded") => StopReason::ModelLength,
        _ => StopReason::Unknown,
    }
}

/// The API counts cached input apart from `input_tokens`; ours counts all of it.
fn usage(mut usage: Object) -> Option<Usage> {
    let input = usage.take_count("input_tokens")?;
    let read = usage.take_count("cache_read_input_tokens");
    let write = usage.take_count("cache_creation_input_tokens");
    let mut details = usage.take_object("output_tokens_details").unwrap_or_default();
    Some(Usage {
        input_tokens: input.saturating_add(read.unwrap_or(0)).saturating_add(write.unwrap_or(0)),
        output_tokens: usage.take_count("output_tokens").unwrap_or(0),
        input_tokens_cache_read: read,
        input_tokens_cache_write: write,
        reasoning_tokens: details.take_count("thinking_tokens").or_else(|| details.take_count("reasoning_tokens")),
    })
}
