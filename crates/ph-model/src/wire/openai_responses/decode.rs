//! The whole reply.

use serde_json::{Value, json};

use super::super::assistant::{AssistantBuilder, WireToolCall, value_arguments};
use super::super::fields::{Object, Take, kind};
use super::super::{Dialect, WireError, error_reply, logprob};
use crate::output::{ModelOutput, StopReason, TokenLogprob, Usage};

/// Fields of the reply that only repeat the request or name the envelope.
const ENVELOPE: [&str; 22] = [
    "object",
    "created_at",
    "completed_at",
    "instructions",
    "max_output_tokens",
    "parallel_tool_calls",
    "tool_choice",
    "tools",
    "temperature",
    "top_p",
    "text",
    "truncation",
    "store",
    "reasoning",
    "metadata",
    "user",
    "error",
    "incomplete_details",
    "background",
    "top_logprobs",
    "previous_response_id",
    "max_tool_calls",
];

pub(crate) fn decode(mut reply: Object) -> Result<ModelOutput, WireError> {
    failure(&reply)?;
    let reply_id = reply.take_string("id").unwrap_or_default();
    let output = reply.take_array("output").ok_or(WireError::Missing { field: "output" })?;
    let mut reading = Reading::default();
    for item in output {
        reading.item(item, &reply_id);
    }
    let Reading { mut builder, logprobs } = reading;
    let status = reply.take_string("status");
    let reason = reply.get("incomplete_details").and_then(|details| details.get("reason")).and_then(Value::as_str);
    let stop_reason = stop_reason(status.as_deref(), reason, builder.calls_tools());
    if let (StopReason::Unknown, Some(reason)) = (stop_reason, reason.or(status.as_deref())) {
        builder.kept.reply.insert("status".to_owned(), json!(reason));
    }
    let usage = reply.take_object("usage").and_then(usage);
    let model = reply.take_string("model").unwrap_or_default();
    reply.drop_fields(&ENVELOPE);
    builder.kept.reply.extend(reply.rest());
    Ok(ModelOutput { model, message: builder.build(Dialect::OpenAiResponses), stop_reason, usage, logprobs })
}

fn failure(reply: &Object) -> Result<(), WireError> {
    match reply.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(WireError::Reported(error_reply::from_value(None, &json!({ "error": error })))),
        None if reply.get("status").and_then(Value::as_str) == Some("failed") => {
            let said = json!({ "message": "the response failed, and the provider does not say why" });
            Err(WireError::Reported(error_reply::from_value(None, &said)))
        }
        None => Ok(()),
    }
}

#[derive(Default)]
struct Reading {
    builder: AssistantBuilder,
    logprobs: Option<Vec<TokenLogprob>>,
}

impl Reading {
    fn item(&mut self, item: Value, reply_id: &str) {
        let kind = kind(&item);
        match (kind.as_str(), item) {
            ("message", Value::Object(item)) => self.message(item),
            ("reasoning", Value::Object(item)) => self.reasoning(item),
            ("function_call", Value::Object(mut item)) => {
                item.drop_fields(&["type", "id", "status"]);
                let id = item.take_string("call_id");
                let function = item.take_string("name").unwrap_or_default();
                let arguments = value_arguments(item.shift_remove("arguments"));
                self.builder.call(WireToolCall { id, function, arguments, extra: item.rest() }, reply_id);
            }
            (_, other) => self.builder.other(other),
        }
    }

    fn message(&mut self, mut item: Object) {
        let content = item.take_array("content").unwrap_or_default();
        item.drop_fields(&["type", "id", "role", "status"]);
        let item = item.rest();
        for part in content {
            self.part(part, &item);
        }
    }

    fn part(&mut self, part: Value, item: &Object) {
        let mut extra = Object::new();
        let kind = kind(&part);
        match (kind.as_str(), part) {
            ("output_text", Value::Object(mut part)) => {
                let text = part.take_string("text").unwrap_or_default();
                if let Some(logprobs) = part.take_array("logprobs").filter(|items| !items.is_empty()) {
                    self.logprobs.get_or_insert_default().extend(logprob::openai(&logprobs));
                }
                part.drop_fields(&["type"]);
                extra.extend(part.rest());
                keep_item(&mut extra, item);
                self.builder.text(text, extra);
            }
            ("refusal", Value::Object(mut part)) => {
                extra.insert("refusal".to_owned(), json!(true));
                keep_item(&mut extra, item);
                self.builder.text(part.take_string("refusal").unwrap_or_default(), extra);
            }
            (_, other) => self.builder.other(other),
        }
    }

    /// The reasoning's text, or else its summary; the whole item stays beside it, to be sent back.
    fn reasoning(&mut self, mut item: Object) {
        item.drop_fields(&["type"]);
        let texts = |key: &str| -> Vec<&str> {
            let parts = item.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()
        };
        let content = texts("content");
        let reasoning = if content.is_empty() { texts("summary") } else { content }.join("\n\n");
        // An empty summary belongs to the item all the same: the API wants it back.
        item.retain(|_, value| !value.is_null());
        self.builder.reasoning(reasoning, item);
    }
}

fn keep_item(extra: &mut Object, item: &Object) {
    if !item.is_empty() {
        extra.insert("item".to_owned(), Value::Object(item.clone()));
    }
}

fn stop_reason(status: Option<&str>, reason: Option<&str>, calls_tools: bool) -> StopReason {
    match (status, reason) {
        (_, Some("max_output_tokens")) => StopReason::MaxTokens,
        (_, Some("content_filter")) => StopReason::ContentFilter,
        (Some("completed"), None) if calls_tools => StopReason::ToolCalls,
        (Some("completed"), None) => StopReason::Stop,
        _ => StopReason::Unknown,
    }
}

fn usage(mut usage: Object) -> Option<Usage> {
    let mut input = usage.take_object("input_tokens_details").unwrap_or_default();
    let mut output = usage.take_object("output_tokens_details").unwrap_or_default();
    Some(Usage {
        input_tokens: usage.take_count("input_tokens")?,
        output_tokens: usage.take_count("output_tokens").unwrap_or(0),
        input_tokens_cache_read: input.take_count("cached_tokens"),
        input_tokens_cache_write: input.take_count("cache_write_tokens"),
        reasoning_tokens: output.take_count("reasoning_tokens"),
    })
}
