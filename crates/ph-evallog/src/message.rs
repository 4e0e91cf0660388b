//! Messages and model outputs, ours to Inspect's and back.

use ph_model::message::KnownPart;
use ph_model::{
    Content, ContentPart, Message, ModelOutput, Role, StopReason, TokenAlternative, TokenLogprob, ToolCall,
};
use serde_json::{Map, Value, json};

use crate::numbers::{number, number_in};
use crate::shape::{EXTRA, add_fields, object, object_in, restore_fields, usage, usage_in};

/// A message as Inspect reads it.
pub(crate) fn message(message: &Message) -> Value {
    let mut fields = Map::new();
    fields.insert("role".to_owned(), message.role.as_str().into());
    fields.insert("content".to_owned(), content(&message.content));
    if !message.tool_calls.is_empty() {
        fields.insert("tool_calls".to_owned(), message.tool_calls.iter().map(tool_call).collect());
    }
    if let Some(id) = &message.tool_call_id {
        fields.insert("tool_call_id".to_owned(), id.as_str().into());
    }
    add_fields(&mut fields, &message.extra, fits_message);
    Value::Object(fields)
}

/// Whether a field has the type that Inspect gives it; a name that Inspect does not know fits always.
fn fits_message(name: &str, value: &Value) -> bool {
    match name {
        "id" | "model" | "function" => value.is_string(),
        "source" => matches!(value.as_str(), Some("input" | "generate" | "operator")),
        "metadata" => value.is_object(),
        "error" => {
            value.get("type").is_some_and(Value::is_string) && value.get("message").is_some_and(Value::is_string)
        }
        "role" | "content" | "tool_calls" | "tool_call_id" | EXTRA => false,
        _ => true,
    }
}

/// A message of a log; `None` where it is none.
pub(crate) fn message_in(value: &Value) -> Option<Message> {
    let mut fields = value.as_object()?.clone();
    restore_fields(&mut fields);
    let role: Role = serde_json::from_value(fields.shift_remove("role")?).ok()?;
    let content = fields.shift_remove("content").map(content_in).unwrap_or_default();
    let calls = fields.shift_remove("tool_calls");
    let tool_calls = calls.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(tool_call_in).collect();
    let tool_call_id = match fields.shift_remove("tool_call_id") {
        Some(Value::String(id)) => Some(id),
        _ => None,
    };
    Some(Message { role, content, tool_calls, tool_call_id, extra: fields })
}

/// The messages of a log's list; what is no message is left out.
pub(crate) fn messages_in(value: Option<&Value>) -> Vec<Message> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(message_in).collect()
}

fn content(content: &Content) -> Value {
    match content {
        Content::Text(text) => text.as_str().into(),
        Content::Parts(parts) => parts.iter().map(part).collect(),
    }
}

fn part(part: &ContentPart) -> Value {
    let mut fields = Map::new();
    match part {
        ContentPart::Known(KnownPart::Text { text, extra }) => {
            fields.insert("type".to_owned(), "text".into());
            fields.insert("text".to_owned(), text.as_str().into());
            add_fields(&mut fields, extra, |name, value| name == "refusal" && value.is_boolean());
        }
        ContentPart::Known(KnownPart::Reasoning { reasoning, extra }) => {
            fields.insert("type".to_owned(), "reasoning".into());
            fields.insert("reasoning".to_owned(), reasoning.as_str().into());
            add_fields(&mut fields, extra, |name, value| match name {
                "signature" | "summary" => value.is_string(),
                "redacted" => value.is_boolean(),
                _ => false,
            });
        }
        ContentPart::Other(other) if fits_part(other) => return other.clone(),
        ContentPart::Other(other) => return json!({ "type": "data", "data": { EXTRA: other } }),
    }
    Value::Object(fields)
}

/// Whether a part of another kind is one that Inspect reads.
fn fits_part(part: &Value) -> bool {
    let has = |name: &str| part.get(name).is_some_and(Value::is_string);
    match part.get("type").and_then(Value::as_str) {
        Some("image") => has("image"),
        Some("audio") => has("audio") && has("format"),
        Some("video") => has("video") && has("format"),
        Some("document") => has("document"),
        Some("data") => part.get("data").is_some_and(|data| data.is_object() && data.get(EXTRA).is_none()),
        _ => false,
    }
}

fn content_in(value: Value) -> Content {
    match value {
        Value::String(text) => Content::Text(text),
        Value::Array(parts) => Content::Parts(parts.into_iter().map(part_in).collect()),
        _ => Content::default(),
    }
}

fn part_in(mut part: Value) -> ContentPart {
    if let Some(other) = part.get("data").and_then(|data| data.get(EXTRA)) {
        return ContentPart::Other(other.clone());
    }
    if let Value::Object(fields) = &mut part {
        restore_fields(fields);
    }
    match serde_json::from_value::<KnownPart>(part.clone()) {
        Ok(known) => ContentPart::Known(known),
        Err(_) => ContentPart::Other(part),
    }
}

fn tool_call(call: &ToolCall) -> Value {
    let mut value = json!({
        "id": call.id,
        "function": call.function,
        "arguments": object(&call.arguments),
        "type": "function",
    });
    if let Some(error) = &call.parse_error {
        value["parse_error"] = error.as_str().into();
    }
    value
}

fn tool_call_in(value: &Value) -> Option<ToolCall> {
    Some(ToolCall {
        id: value.get("id")?.as_str()?.to_owned(),
        function: value.get("function")?.as_str()?.to_owned(),
        arguments: object_in(value.get("arguments")),
        parse_error: value.get("parse_error").and_then(Value::as_str).map(str::to_owned),
    })
}

/// A model's output as Inspect reads it.
pub(crate) fn output(output: &ModelOutput) -> Value {
    let mut choice = json!({ "message": message(&output.message), "stop_reason": output.stop_reason });
    if let Some(tokens) = &output.logprobs {
        choice["logprobs"] = json!({ "content": tokens.iter().map(logprob).collect::<Vec<_>>() });
    }
    let mut value = json!({ "model": output.model, "choices": [choice], "completion": output.message.text() });
    if let Some(used) = &output.usage {
        value["usage"] = usage(used);
    }
    value
}

/// A log's output: its first choice; `None` where it has none.
pub(crate) fn output_in(value: &Value) -> Option<ModelOutput> {
    let choice = value.get("choices")?.get(0)?;
    let tokens = choice.get("logprobs").and_then(|logprobs| logprobs.get("content")).and_then(Value::as_array);
    Some(ModelOutput {
        model: value.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
        message: message_in(choice.get("message")?)?,
        stop_reason: choice.get("stop_reason").map_or(StopReason::Unknown, stop_reason_in),
        usage: value.get("usage").and_then(usage_in),
        logprobs: tokens.map(|tokens| tokens.iter().filter_map(logprob_in).collect()),
    })
}

fn stop_reason_in(value: &Value) -> StopReason {
    serde_json::from_value(value.clone()).unwrap_or(StopReason::Unknown)
}

fn logprob(token: &TokenLogprob) -> Value {
    let one = |token: &TokenAlternative| json!({ "token": token.token, "logprob": number(token.logprob) });
    let mut value = one(&token.chosen);
    value["top_logprobs"] = token.top.iter().map(one).collect();
    value
}

fn logprob_in(value: &Value) -> Option<TokenLogprob> {
    let one = |value: &Value| {
        let token = value.get("token")?.as_str()?.to_owned();
        Some(TokenAlternative { token, logprob: number_in(value.get("logprob")?)? })
    };
    let top = value.get("top_logprobs").and_then(Value::as_array);
    Some(TokenLogprob { chosen: one(value)?, top: top.into_iter().flatten().filter_map(one).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ours: &Value) {
        let ours: Message = serde_json::from_value(ours.clone()).unwrap();
        assert_eq!(message_in(&message(&ours)).as_ref(), Some(&ours));
    }

    #[test]
    fn messages_come_back_as_they_were() {
        check(&json!({ "role": "user", "content": "hi" }));
        check(&json!({ "role": "tool", "content": "12", "tool_call_id": "c", "error": 5, "id": 7, "vendor": [1] }));
        check(&json!({ "role": "assistant", "content": [
            { "type": "text", "text": "a", "citations": [1] },
            { "type": "reasoning", "reasoning": "r", "signature": "s", "redacted": "no" },
            { "type": "hologram", "x": 1 },
            { "type": "image" },
            { "type": "image", "image": "data:," },
            7
        ]}));
        check(&json!({ "role": "assistant", "content": "", "tool_calls": [
            { "id": "1", "function": "f", "arguments": "{broken", "parse_error": "no" },
            { "id": "2", "function": "f", "arguments": { "a": 1 } }
        ]}));
    }

    #[test]
    fn what_inspect_cannot_read_is_wrapped() {
        let ours: Message = serde_json::from_value(json!({
            "role": "assistant", "content": [{ "type": "hologram" }], "source": "me",
            "tool_calls": [{ "id": "1", "function": "f", "arguments": "text" }]
        }))
        .unwrap();
        let theirs = message(&ours);
        assert_eq!(theirs["content"][0]["type"], "data");
        assert_eq!(theirs.get("source"), None);
        assert!(theirs["tool_calls"][0]["arguments"].is_object());
    }
}
