//! The whole reply.

use serde_json::{Value, json};

use super::super::assistant::{AssistantBuilder, WireToolCall, value_arguments};
use super::super::fields::{Object, Take, holds_error, object};
use super::super::{Dialect, WireError, error_reply, logprob};
use crate::output::{ModelOutput, StopReason, Usage};

pub(crate) fn decode(mut reply: Object) -> Result<ModelOutput, WireError> {
    if holds_error(&reply) {
        return Err(WireError::Reported(error_reply::from_value(None, &Value::Object(reply))));
    }
    let is_blocked = reply.get("promptFeedback").is_some_and(|feedback| feedback.get("blockReason").is_some());
    let first = reply.take_array("candidates").and_then(|candidates| candidates.into_iter().next());
    let mut candidate = match first {
        Some(candidate) => object(candidate, "candidates[0]")?,
        None if is_blocked => Object::new(),
        None => return Err(WireError::Missing { field: "candidates[0]" }),
    };
    let reply_id = reply.take_string("responseId").unwrap_or_default();
    let mut builder = AssistantBuilder::default();
    let parts = candidate.take_object("content").and_then(|mut content| content.take_array("parts"));
    for part in parts.unwrap_or_default() {
        self::part(part, &reply_id, &mut builder);
    }
    let said = candidate.take_string("finishReason");
    let stop_reason = if is_blocked { StopReason::ContentFilter } else { stop_reason(said.as_deref(), &builder) };
    if let (StopReason::Unknown | StopReason::ContentFilter, Some(said)) = (stop_reason, said) {
        builder.kept.reply.insert("finishReason".to_owned(), json!(said));
    }
    let logprobs = candidate.take_object("logprobsResult").map(|result| logprob::google(&result));
    let usage = reply.take_object("usageMetadata").map(usage);
    let model = reply.take_string("modelVersion").unwrap_or_default();
    candidate.drop_fields(&["index", "avgLogprobs"]);
    reply.drop_fields(&["createTime"]);
    builder.kept.reply.extend(candidate.rest());
    builder.kept.reply.extend(reply.rest());
    Ok(ModelOutput { model, message: builder.build(Dialect::GoogleGenerateContent), stop_reason, usage, logprobs })
}

fn part(part: Value, reply_id: &str, builder: &mut AssistantBuilder) {
    let Value::Object(mut part) = part else {
        builder.other(part);
        return;
    };
    if let Some(mut call) = part.take_object("functionCall") {
        let id = call.take_string("id");
        let function = call.take_string("name").unwrap_or_default();
        let arguments = value_arguments(call.shift_remove("args"));
        builder.call(WireToolCall { id, function, arguments, extra: part.rest() }, reply_id);
    } else if let Some(text) = part.take_string("text") {
        if part.get("thought") == Some(&Value::Bool(true)) {
            builder.reasoning(text, part.rest());
        } else {
            part.drop_fields(&["thought"]);
            builder.text(text, part.rest());
        }
    } else {
        builder.other(Value::Object(part));
    }
}

fn stop_reason(said: Option<&str>, builder: &AssistantBuilder) -> StopReason {
    match said {
        Some("STOP") if builder.calls_tools() => StopReason::ToolCalls,
        Some("STOP") => StopReason::Stop,
        Some("MAX_TOKENS") => StopReason::MaxTokens,
        Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" | "LANGUAGE") => {
            StopReason::ContentFilter
        }
        _ => StopReason::Unknown,
    }
}

/// The API counts thoughts apart from the reply's tokens; ours counts them in.
fn usage(mut usage: Object) -> Usage {
    let thoughts = usage.take_count("thoughtsTokenCount");
    let prompt = usage.take_count("promptTokenCount").unwrap_or(0);
    let results = usage.take_count("toolUsePromptTokenCount").unwrap_or(0);
    Usage {
        input_tokens: prompt.saturating_add(results),
        output_tokens: usage.take_count("candidatesTokenCount").unwrap_or(0).saturating_add(thoughts.unwrap_or(0)),
        input_tokens_cache_read: usage.take_count("cachedContentTokenCount"),
        input_tokens_cache_write: None,
        reasoning_tokens: thoughts,
    }
}
