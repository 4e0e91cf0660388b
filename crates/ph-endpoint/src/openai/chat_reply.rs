//! A chat completion's reply, whole or in chunks.

use ph_model::{ModelOutput, TokenAlternative, TokenLogprob, ToolCall};
use serde_json::{Value, json};

use super::heading::Heading;
use super::{finish_reason, usage};
use crate::tools::arguments_text;

const CHUNK: &str = "chat.completion.chunk";

/// The whole reply.
pub(super) fn whole(heading: &Heading, output: &ModelOutput) -> Value {
    let text = output.message.text();
    let calls: Vec<Value> = output.message.tool_calls.iter().map(tool_call).collect();
    let content = if text.is_empty() && !calls.is_empty() { Value::Null } else { Value::String(text) };
    let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
    if !calls.is_empty() {
        message["tool_calls"] = Value::Array(calls);
    }
    let choice = json!({
        "index": 0,
        "message": message,
        "logprobs": logprobs(output),
        "finish_reason": finish_reason(output.stop_reason),
    });
    let mut reply = heading.object("chat.completion", json!([choice]));
    if let Some(used) = output.usage {
        reply["usage"] = usage(used);
    }
    reply
}

/// A chunk with this delta.
pub(super) fn chunk(heading: &Heading, delta: Value, logprobs: Value, finish_reason: Option<&str>) -> Value {
    let choice = json!({ "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason });
    heading.object(CHUNK, json!([choice]))
}

/// The chunk with the usage alone.
pub(super) fn usage_chunk(heading: &Heading, output: &ModelOutput) -> Value {
    let mut chunk = heading.object(CHUNK, json!([]));
    chunk["usage"] = output.usage.map_or(Value::Null, usage);
    chunk
}

/// The delta of all calls; each comes whole.
pub(super) fn calls_delta(calls: &[ToolCall]) -> Value {
    let indexed = calls.iter().enumerate().map(|(n, call)| {
        let mut value = tool_call(call);
        value["index"] = json!(n);
        value
    });
    json!({ "tool_calls": indexed.collect::<Vec<Value>>() })
}

/// The log-probabilities of all generated tokens; `null` where there are none.
pub(super) fn logprobs(output: &ModelOutput) -> Value {
    match &output.logprobs {
        None => Value::Null,
        Some(tokens) => json!({ "content": tokens.iter().map(token).collect::<Vec<Value>>(), "refusal": null }),
    }
}

fn tool_call(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": { "name": call.function, "arguments": arguments_text(call) },
    })
}

fn token(token: &TokenLogprob) -> Value {
    let mut value = alternative(&token.chosen);
    value["top_logprobs"] = token.top.iter().map(alternative).collect();
    value
}

/// A token; its bytes only where its text has them all.
fn alternative(token: &TokenAlternative) -> Value {
    let bytes = (!token.token.contains('\u{FFFD}')).then(|| token.token.as_bytes().to_vec());
    json!({ "token": token.token, "logprob": token.logprob, "bytes": bytes })
}
