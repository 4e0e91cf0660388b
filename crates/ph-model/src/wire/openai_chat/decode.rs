//! The whole reply.

use serde_json::{Value, json};

use super::super::assistant::{AssistantBuilder, WireToolCall, value_arguments};
use super::super::fields::{Object, Take, object};
use super::super::{Dialect, WireError, error_reply, logprob};
use super::{FIELD, REASONING_FIELDS};
use crate::output::{ModelOutput, StopReason, Usage};

pub(crate) fn decode(mut reply: Object) -> Result<ModelOutput, WireError> {
    if let Some(error) = reply.get("error").filter(|error| !error.is_null()) {
        return Err(WireError::Reported(error_reply::from_value(None, &json!({ "error": error }))));
    }
    let choices = reply.take_array("choices").ok_or(WireError::Missing { field: "choices" })?;
    let choice = choices.into_iter().next().ok_or(WireError::Missing { field: "choices[0]" })?;
    let mut choice = object(choice, "choices[0]")?;
    let message = choice.take_object("message").ok_or(WireError::Missing { field: "choices[0].message" })?;
    let reply_id = reply.take_string("id").unwrap_or_default();
    let mut builder = AssistantBuilder::default();
    assistant(message, &reply_id, &mut builder);
    let logprobs = choice.take_object("logprobs").and_then(|mut logprobs| logprobs.take_array("content"));
    let finish_reason = choice.take_string("finish_reason");
    let stop_reason = stop_reason(finish_reason.as_deref(), &builder);
    if let (StopReason::Unknown, Some(reason)) = (stop_reason, finish_reason) {
        builder.kept.reply.insert("finish_reason".to_owned(), json!(reason));
    }
    let usage = reply.take_object("usage").and_then(usage);
    let model = reply.take_string("model").unwrap_or_default();
    reply.drop_fields(&["object", "created", "obfuscation"]);
    choice.drop_fields(&["index"]);
    builder.kept.reply.extend(choice.rest());
    builder.kept.reply.extend(reply.rest());
    Ok(ModelOutput {
        model,
        message: builder.build(Dialect::OpenAiChat),
        stop_reason,
        usage,
        logprobs: logprobs.map(|items| logprob::openai(&items)),
    })
}

fn assistant(mut message: Object, reply_id: &str, builder: &mut AssistantBuilder) {
    for field in REASONING_FIELDS {
        if let Some(text) = message.take_string(field).filter(|text| !text.is_empty()) {
            builder.reasoning(text, Object::from_iter([(FIELD.to_owned(), json!(field))]));
            // Some servers give the same reasoning under both names.
            message.drop_fields(&REASONING_FIELDS);
        }
    }
    if let Some(text) = message.take_string("content") {
        builder.text(text, Object::new());
    }
    for part in message.take_array("content").unwrap_or_default() {
        content_part(part, builder);
    }
    if let Some(refusal) = message.take_string("refusal").filter(|refusal| !refusal.is_empty()) {
        builder.text(refusal, Object::from_iter([("refusal".to_owned(), json!(true))]));
    }
    for call in message.take_array("tool_calls").unwrap_or_default() {
        if let Value::Object(call) = call {
            tool_call(call, reply_id, builder);
        }
    }
    if let Some(function) = message.take_object("function_call") {
        let call = Object::from_iter([("function".to_owned(), Value::Object(function))]);
        tool_call(call, reply_id, builder);
    }
    message.drop_fields(&["role"]);
    builder.kept.message = message.rest();
}

fn content_part(part: Value, builder: &mut AssistantBuilder) {
    match part {
        Value::Object(mut part) if part.get("type").and_then(Value::as_str) == Some("text") => {
            let text = part.take_string("text").unwrap_or_default();
            part.drop_fields(&["type"]);
            builder.text(text, part.rest());
        }
        other => builder.other(other),
    }
}

fn tool_call(mut call: Object, reply_id: &str, builder: &mut AssistantBuilder) {
    let mut function = call.take_object("function").unwrap_or_default();
    let id = call.take_string("id");
    call.drop_fields(&["type", "index"]);
    let name = function.take_string("name").unwrap_or_default();
    let arguments = value_arguments(function.shift_remove("arguments"));
    builder.call(WireToolCall { id, function: name, arguments, extra: call.rest() }, reply_id);
}

fn stop_reason(finish_reason: Option<&str>, builder: &AssistantBuilder) -> StopReason {
    match finish_reason {
        // Several servers say `stop` where the reply calls tools.
        Some("stop") if builder.calls_tools() => StopReason::ToolCalls,
        Some("stop") => StopReason::Stop,
        Some("length" | "max_tokens") => StopReason::MaxTokens,
        Some("tool_calls" | "function_call") => StopReason::ToolCalls,
        Some("content_filter") => StopReason::ContentFilter,
        _ => StopReason::Unknown,
    }
}

fn usage(mut usage: Object) -> Option<Usage> {
    let mut details = usage.take_object("prompt_tokens_details").unwrap_or_default();
    let cached = details.take_count("cached_tokens").or_else(|| usage.take_count("prompt_cache_hit_tokens"));
    let mut generated = usage.take_object("completion_tokens_details").unwrap_or_default();
    Some(Usage {
        input_tokens: usage.take_count("prompt_tokens")?,
        output_tokens: usage.take_count("completion_tokens").unwrap_or(0),
        input_tokens_cache_read: cached,
        input_tokens_cache_write: details.take_count("cache_write_tokens"),
        reasoning_tokens: generated.take_count("reasoning_tokens"),
    })
}
