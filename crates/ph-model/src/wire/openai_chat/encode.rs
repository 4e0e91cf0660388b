//! The request's body.

use serde_json::{Value, json};

use super::super::assistant::{Piece, add_fields, arguments_text, kept_message, part_pieces, pieces};
use super::super::fields::{Object, put};
use super::super::openai_model::is_reasoning_model;
use super::super::{Dialect, EncodeError, WireCall};
use super::FIELD;
use crate::api::ModelRequest;
use crate::config::{GenerateConfig, ReasoningEffort};
use crate::message::{Content, Message, Role};
use crate::tool::{ToolChoice, ToolDefinition};

/// The largest seed: the API takes a signed 64-bit number.
const SEED_MAX: u64 = i64::MAX as u64;

pub(crate) fn encode(request: &ModelRequest, call: &WireCall<'_>) -> Result<Value, EncodeError> {
    let mut body = Object::new();
    body.insert("model".to_owned(), json!(call.model));
    body.insert("messages".to_owned(), request.messages.iter().map(message).collect());
    settings(&mut body, &request.config, call.model)?;
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        put(&mut body, "tool_choice", tool_choice(&request.tool_choice));
    }
    if call.stream {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }
    Ok(Value::Object(body))
}

fn settings(body: &mut Object, config: &GenerateConfig, model: &str) -> Result<(), EncodeError> {
    if config.reasoning_tokens.is_some() {
        return Err(EncodeError::Unsupported { dialect: Dialect::OpenAiChat, setting: "reasoning_tokens" });
    }
    let max_tokens = if is_reasoning_model(model) { "max_completion_tokens" } else { "max_tokens" };
    put(body, max_tokens, config.max_tokens);
    put(body, "temperature", config.temperature);
    put(body, "top_p", config.top_p);
    put(body, "top_k", config.top_k);
    put(body, "frequency_penalty", config.frequency_penalty);
    put(body, "presence_penalty", config.presence_penalty);
    put(body, "stop", (!config.stop.is_empty()).then(|| json!(config.stop)));
    put(body, "seed", config.seed.map(|seed| seed & SEED_MAX));
    put(body, "reasoning_effort", config.reasoning_effort.map(ReasoningEffort::as_str));
    if config.logprobs || config.top_logprobs.is_some() {
        body.insert("logprobs".to_owned(), json!(true));
        put(body, "top_logprobs", config.top_logprobs);
    }
    if let Some(wanted) = &config.response_schema {
        let mut schema = Object::new();
        schema.insert("name".to_owned(), json!(wanted.name));
        put(&mut schema, "description", wanted.description.clone());
        schema.insert("schema".to_owned(), wanted.json_schema.clone());
        put(&mut schema, "strict", wanted.strict);
        body.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": schema }));
    }
    Ok(())
}

fn tool(tool: &ToolDefinition) -> Value {
    json!({
        "type": "function",
        "function": { "name": tool.name, "description": tool.description, "parameters": tool.parameters },
    })
}

fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::Any => Some(json!("required")),
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Function(name) => Some(json!({ "type": "function", "function": { "name": name } })),
    }
}

fn message(message: &Message) -> Value {
    let mut wire = Object::new();
    wire.insert("role".to_owned(), json!(message.role.as_str()));
    match message.role {
        Role::Assistant => assistant(&mut wire, message),
        _ => {
            wire.insert("content".to_owned(), content(&message.content));
            put(&mut wire, "tool_call_id", message.tool_call_id.clone());
        }
    }
    put(&mut wire, "name", message.extra.get("name").filter(|name| name.is_string()).cloned());
    Value::Object(wire)
}

fn content(content: &Content) -> Value {
    match content {
        Content::Text(text) => json!(text),
        Content::Parts(_) => part_pieces(content).iter().filter_map(part).collect(),
    }
}

/// A part of a message that is not the model's; reasoning has no place there.
fn part(piece: &Piece<'_>) -> Option<Value> {
    match piece {
        Piece::Text(text, extra) => {
            let mut part = Object::new();
            part.insert("type".to_owned(), json!("text"));
            part.insert("text".to_owned(), json!(text));
            add_fields(&mut part, *extra);
            Some(Value::Object(part))
        }
        Piece::Other(value) => Some((*value).clone()),
        Piece::Reasoning(..) | Piece::Call(..) => None,
    }
}

fn assistant(wire: &mut Object, message: &Message) {
    let (mut text, mut refusal, mut calls, mut others) = (String::new(), String::new(), Vec::new(), Vec::new());
    let mut reasoning = Object::new();
    for piece in pieces(message, Dialect::OpenAiChat) {
        match piece {
            Piece::Text(more, extra) if is_refusal(extra) => refusal.push_str(more),
            Piece::Text(more, _) => text.push_str(more),
            Piece::Reasoning(more, extra) => {
                if let Some(field) = extra.get(FIELD).and_then(Value::as_str) {
                    super::super::fields::append(&mut reasoning, field, more);
                }
            }
            Piece::Other(value) => others.push(value.clone()),
            Piece::Call(call, extra) => {
                let mut wire = Object::new();
                wire.insert("id".to_owned(), json!(call.id));
                wire.insert("type".to_owned(), json!("function"));
                let function = json!({ "name": call.function, "arguments": arguments_text(call) });
                wire.insert("function".to_owned(), function);
                add_fields(&mut wire, extra);
                calls.push(Value::Object(wire));
            }
        }
    }
    let is_silent = text.is_empty() && (!calls.is_empty() || !refusal.is_empty());
    let content = if !others.is_empty() {
        let text = (!text.is_empty()).then(|| json!({ "type": "text", "text": text }));
        text.into_iter().chain(others).collect()
    } else if is_silent {
        Value::Null
    } else {
        json!(text)
    };
    wire.insert("content".to_owned(), content);
    put(wire, "refusal", (!refusal.is_empty()).then_some(refusal));
    wire.extend(reasoning);
    put(wire, "tool_calls", (!calls.is_empty()).then_some(calls));
    add_fields(wire, kept_message(message, Dialect::OpenAiChat));
}

fn is_refusal(extra: Option<&Object>) -> bool {
    extra.and_then(|extra| extra.get("refusal")) == Some(&Value::Bool(true))
}
