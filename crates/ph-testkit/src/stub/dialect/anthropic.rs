//! Anthropic messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Answer, Stop, tokens};
use super::super::call::{Call, Content, Speaker, Tool};
use super::openai_chat::pieces;
use super::{Events, Problem};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    /// Required by the service, so required here.
    max_tokens: usize,
    #[serde(borrow)]
    system: Option<Content<'a>>,
    stream: Option<bool>,
    #[serde(borrow, default)]
    tools: Vec<ToolEntry<'a>>,
    tool_choice: Option<Value>,
    thinking: Option<Value>,
    #[serde(default)]
    stop_sequences: Vec<String>,
    temperature: Option<f64>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Content<'a>,
}

#[derive(Deserialize)]
struct ToolEntry<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    input_schema: Value,
}

/// Reads a call.
pub(in super::super) fn read(body: &[u8]) -> Result<Call<'_>, serde_json::Error> {
    let request: Request<'_> = serde_json::from_slice(body)?;
    let thinking = request.thinking.as_ref().and_then(|thinking| thinking["type"].as_str());
    let mut call = Call {
        model: request.model,
        stream: request.stream == Some(true),
        include_usage: true,
        reasoning: matches!(thinking, Some("enabled" | "adaptive")),
        tokens_max: Some(request.max_tokens),
        stop: request.stop_sequences.into_iter().map(Cow::Owned).collect(),
        fixed: request.temperature == Some(0.0),
        tool_forced: request.tool_choice.as_ref().and_then(forced),
        ..Call::default()
    };
    let tools = request.tools.into_iter();
    call.tools = tools.map(|tool| Tool { name: tool.name, schema: tool.input_schema }).collect();
    if let Some(system) = request.system {
        call.turn(Speaker::System, system.into_text());
    }
    for message in request.messages {
        take(&mut call, message);
    }
    Ok(call)
}

fn forced(choice: &Value) -> Option<Cow<'static, str>> {
    match choice["type"].as_str()? {
        "any" => Some(Cow::Borrowed("")),
        "tool" => Some(Cow::Owned(choice["name"].as_str()?.to_owned())),
        _ => None,
    }
}

/// A user's message may hold results of tools: they are turns of their own.
fn take<'a>(call: &mut Call<'a>, message: Message<'a>) {
    let speaker = if message.role == "assistant" { Speaker::Model } else { Speaker::User };
    let parts = match message.content {
        Content::Text(text) => return call.turn(speaker, text),
        Content::Parts(parts) => parts,
    };
    for part in parts {
        match &*part.kind {
            "tool_result" => {
                let result = part.content.map(|content| content.into_text()).unwrap_or_default();
                call.turn(Speaker::Tool, result);
            }
            _ => {
                if let Some(text) = part.text {
                    call.turn(speaker, text);
                }
            }
        }
    }
}

/// The whole reply.
pub(super) fn reply(call: &Call<'_>, answer: &Answer) -> Value {
    let mut message = begun(call, answer);
    message["content"] = blocks(answer).into();
    message["stop_reason"] = json!(stop_reason(answer));
    message["stop_sequence"] = json!(stop_sequence(answer));
    message["usage"]["output_tokens"] = json!(answer.usage.output);
    message
}

/// The message before anything is said.
fn begun(call: &Call<'_>, answer: &Answer) -> Value {
    let usage = answer.usage;
    json!({
        "id": answer.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": call.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": {
            "input_tokens": usage.input - usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 1,
            "service_tier": "standard",
        },
    })
}

fn blocks(answer: &Answer) -> Vec<Value> {
    let mut blocks = Vec::new();
    if let Some(reasoning) = &answer.reasoning {
        blocks.push(json!({"type": "thinking", "thinking": reasoning, "signature": answer.id("sig")}));
    }
    if !answer.text.is_empty() {
        blocks.push(json!({"type": "text", "text": answer.text}));
    }
    if let Some(tool_call) = &answer.tool_call {
        blocks.push(json!({"type": "tool_use", "id": answer.id("toolu_"), "name": tool_call.name,
            "input": tool_call.arguments}));
    }
    blocks
}

fn stop_reason(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::End => "end_turn",
        Stop::Sequence(_) => "stop_sequence",
        Stop::Length => "max_tokens",
        Stop::Tool => "tool_use",
        Stop::Refusal | Stop::Filter => "refusal",
    }
}

fn stop_sequence(answer: &Answer) -> Option<&str> {
    match &answer.stop {
        Stop::Sequence(sequence) => Some(sequence),
        _ => None,
    }
}

/// The reply as a stream.
pub(super) fn stream(call: &Call<'_>, answer: &Answer) -> Events {
    let mut events = Events::default();
    let mut send = |event: Value| events.push(event["type"].as_str(), &event, "\n");
    send(json!({"type": "message_start", "message": begun(call, answer)}));
    for (index, block) in blocks(answer).iter().enumerate() {
        let (empty, deltas) = opened(block);
        send(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        if index == 0 {
            send(json!({"type": "ping"}));
        }
        for delta in deltas {
            send(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        send(json!({"type": "content_block_stop", "index": index}));
    }
    let usage = answer.usage;
    send(json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(answer), "stop_sequence": stop_sequence(answer)},
        "usage": {"input_tokens": usage.input - usage.cached, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached, "output_tokens": usage.output},
    }));
    send(json!({"type": "message_stop"}));
    events
}

/// A block before it is filled, and the deltas that fill it.
fn opened(block: &Value) -> (Value, Vec<Value>) {
    let text = |field: &str| block[field].as_str().unwrap_or_default();
    match text("type") {
        "thinking" => {
            let thoughts = tokens(text("thinking")).map(|token| json!({"type": "thinking_delta", "thinking": token}));
            let signature = json!({"type": "signature_delta", "signature": text("signature")});
            let deltas = thoughts.chain(std::iter::once(signature)).collect();
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        "tool_use" => {
            let input = block["input"].to_string();
            let pieces = std::iter::once(String::new()).chain(pieces(&input));
            let deltas = pieces.map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).collect();
            (json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}), deltas)
        }
        _ => {
            let deltas = tokens(text("text")).map(|token| json!({"type": "text_delta", "text": token})).collect();
            (json!({"type": "text", "text": ""}), deltas)
        }
    }
}

/// One model of the list.
pub(super) fn model(name: &str) -> Value {
    json!({"type": "model", "id": name, "display_name": name, "created_at": "2025-06-15T15:06:40Z"})
}

/// The error object.
pub(super) fn error(problem: &Problem) -> Value {
    let kind = match problem {
        Problem::ContextTooLong | Problem::Invalid(_) | Problem::Method => "invalid_request_error",
        Problem::Unauthorized => "authentication_error",
        Problem::Forbidden => "permission_error",
        Problem::NotFound(_) => "not_found_error",
        Problem::TooLarge => "request_too_large",
        Problem::RateLimited => "rate_limit_error",
        Problem::Server | Problem::Unavailable => "api_error",
        Problem::Overloaded => "overloaded_error",
    };
    let message = match problem {
        Problem::ContextTooLong => "prompt is too long: 9000 tokens > 8192 maximum".to_owned(),
        problem => problem.message(),
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_stub"})
}
