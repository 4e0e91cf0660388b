//! A message as the dialect writes it.

use ph_model::{ModelOutput, StopReason, ToolCall, Usage};
use serde_json::{Value, json};

/// What is known before the reply begins.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    pub(super) id: String,
    /// The model's name as it is served.
    pub(super) model: String,
}

impl Heading {
    /// The whole message.
    pub(super) fn message(&self, output: &ModelOutput, stop_text: Option<&str>) -> Value {
        let text = output.message.text();
        let mut content = Vec::new();
        if !text.is_empty() {
            content.push(json!({ "type": "text", "text": text }));
        }
        content.extend(output.message.tool_calls.iter().map(|call| tool_use(call, arguments(call))));
        let (reason, sequence) = stop(output.stop_reason, stop_text);
        let mut message = self.empty(output.usage.unwrap_or_default());
        message["content"] = Value::Array(content);
        message["stop_reason"] = json!(reason);
        message["stop_sequence"] = json!(sequence);
        message
    }

    /// The message before anything is known of it.
    pub(super) fn empty(&self, used: Usage) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(used),
        })
    }
}

/// `stop_reason` and `stop_sequence`.
pub(super) fn stop(stop: StopReason, stop_text: Option<&str>) -> (&'static str, Option<&str>) {
    match stop {
        StopReason::Stop if stop_text.is_some() => ("stop_sequence", stop_text),
        StopReason::Stop | StopReason::Unknown => ("end_turn", None),
        StopReason::MaxTokens => ("max_tokens", None),
        StopReason::ModelLength => ("model_context_window_exceeded", None),
        StopReason::ToolCalls => ("tool_use", None),
        StopReason::ContentFilter => ("refusal", None),
    }
}

/// The dialect counts tokens from and to the cache beside the input.
pub(super) fn usage(used: Usage) -> Value {
    let (read, written) = (used.input_tokens_cache_read.unwrap_or(0), used.input_tokens_cache_write.unwrap_or(0));
    json!({
        "input_tokens": used.input_tokens.saturating_sub(read).saturating_sub(written),
        "output_tokens": used.output_tokens,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    })
}

pub(super) fn tool_use(call: &ToolCall, input: Value) -> Value {
    json!({ "type": "tool_use", "id": call.id, "name": call.function, "input": input })
}

/// A call's arguments; the dialect has only objects, so text that could not be read stands in one.
pub(super) fn arguments(call: &ToolCall) -> Value {
    match &call.arguments {
        object @ Value::Object(_) => object.clone(),
        other => json!({ "unparsed": other }),
    }
}
