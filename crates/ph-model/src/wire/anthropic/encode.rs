//! The request's body. System messages go to `system`; what user and tools say in a row becomes one user message,
//! tool results first.

use serde_json::{Value, json};

use super::super::ANTHROPIC_MAX_TOKENS;
use super::super::assistant::{Piece, add_fields, arguments_object, is_tool_error, part_pieces, pieces};
use super::super::fields::{Object, put};
use super::super::{Dialect, EncodeError, WireCall};
use crate::api::ModelRequest;
use crate::config::{GenerateConfig, ReasoningEffort};
use crate::message::{Content, Message, Role};
use crate::tool::{ToolChoice, ToolDefinition};

pub(crate) fn encode(request: &ModelRequest, call: &WireCall<'_>) -> Result<Value, EncodeError> {
    let mut body = Object::new();
    body.insert("model".to_owned(), json!(call.model));
    settings(&mut body, &request.config)?;
    put(&mut body, "system", system(&request.messages));
    body.insert("messages".to_owned(), Value::Array(messages(&request.messages)));
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        put(&mut body, "tool_choice", tool_choice(&request.tool_choice));
    }
    if call.stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Ok(Value::Object(body))
}

fn settings(body: &mut Object, config: &GenerateConfig) -> Result<(), EncodeError> {
    let lacking = [
        ("logprobs", config.logprobs || config.top_logprobs.is_some()),
        ("frequency_penalty", config.frequency_penalty.is_some()),
        ("presence_penalty", config.presence_penalty.is_some()),
    ];
    if let Some((setting, _)) = lacking.into_iter().find(|(_, is_set)| *is_set) {
        return Err(EncodeError::Unsupported { dialect: Dialect::AnthropicMessages, setting });
    }
    let reasoning = config.reasoning_tokens.unwrap_or(0);
    let max_tokens = config.max_tokens.unwrap_or_else(|| ANTHROPIC_MAX_TOKENS.saturating_add(reasoning));
    body.insert("max_tokens".to_owned(), json!(max_tokens));
    put(body, "temperature", config.temperature);
    put(body, "top_p", config.top_p);
    put(body, "top_k", config.top_k);
    put(body, "stop_sequences", (!config.stop.is_empty()).then(|| json!(config.stop)));
    put(body, "thinking", thinking(config));
    let mut output = Object::new();
    put(&mut output, "effort", config.reasoning_effort.and_then(effort));
    if let Some(wanted) = &config.response_schema {
        output.insert("format".to_owned(), json!({ "type": "json_schema", "schema": wanted.json_schema }));
    }
    put(body, "output_config", (!output.is_empty()).then_some(output));
    Ok(())
}

/// A budget where one is given; an effort alone lets the model decide how long it thinks.
fn thinking(config: &GenerateConfig) -> Option<Value> {
    match (config.reasoning_tokens, config.reasoning_effort) {
        (Some(0), _) | (None, Some(ReasoningEffort::None)) => Some(json!({ "type": "disabled" })),
        (Some(budget), _) => Some(json!({ "type": "enabled", "budget_tokens": budget })),
        (None, Some(_)) => Some(json!({ "type": "adaptive" })),
        (None, None) => None,
    }
}

fn effort(effort: ReasoningEffort) -> Option<&'static str> {
    match effort {
        ReasoningEffort::None => None,
        ReasoningEffort::Minimal => Some("low"),
        effort => Some(effort.as_str()),
    }
}

fn tool(tool: &ToolDefinition) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters })
}

fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::Any => Some(json!({ "type": "any" })),
        ToolChoice::None => Some(json!({ "type": "none" })),
        ToolChoice::Function(name) => Some(json!({ "type": "tool", "name": name })),
    }
}

/// All system messages: one text as it is, several as blocks.
fn system(messages: &[Message]) -> Option<Value> {
    let system: Vec<&Message> = messages.iter().filter(|message| message.role == Role::System).collect();
    match system.as_slice() {
        [] => None,
        [Message { content: Content::Text(text), .. }] => Some(json!(text)),
        several => Some(several.iter().flat_map(|message| blocks(&message.content)).collect()),
    }
}

/// The conversation with what belongs to one side in a row put together.
fn messages(messages: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message.role {
            Role::System => continue,
            Role::Assistant => ("assistant", assistant(message)),
            Role::Tool => ("user", vec![tool_result(message)]),
            Role::User => ("user", blocks(&message.content)),
        };
        match turns.last_mut() {
            Some((last, so_far)) if *last == role => so_far.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    turns.retain(|(_, blocks)| !blocks.is_empty());
    turns.into_iter().map(turn).collect()
}

fn turn((role, mut blocks): (&'static str, Vec<Value>)) -> Value {
    blocks.sort_by_key(|block| role == "user" && !is_tool_result(block));
    // One plain text is said in the short way.
    let plain = match blocks.as_slice() {
        [Value::Object(block)] if block.len() == 2 && block.get("type") == Some(&json!("text")) => block.get("text"),
        _ => None,
    };
    match plain {
        Some(text) => json!({ "role": role, "content": text }),
        None => json!({ "role": role, "content": blocks }),
    }
}

fn is_tool_result(block: &Value) -> bool {
    block.get("type").and_then(Value::as_str) == Some("tool_result")
}

/// The blocks of content that is not the model's. The API refuses empty text, so that is left out.
fn blocks(content: &Content) -> Vec<Value> {
    part_pieces(content).iter().filter_map(block).collect()
}

fn block(piece: &Piece<'_>) -> Option<Value> {
    match piece {
        Piece::Text("", _) => None,
        Piece::Text(text, extra) => {
            let mut block = Object::new();
            block.insert("type".to_owned(), json!("text"));
            block.insert("text".to_owned(), json!(text));
            add_fields(&mut block, *extra);
            Some(Value::Object(block))
        }
        Piece::Other(value) => Some((*value).clone()),
        Piece::Reasoning(text, extra) => thinking_block(text, extra),
        Piece::Call(call, extra) => {
            let mut block = Object::new();
            block.insert("type".to_owned(), json!("tool_use"));
            block.insert("id".to_owned(), json!(call.id));
            block.insert("name".to_owned(), json!(call.function));
            block.insert("input".to_owned(), arguments_object(call));
            add_fields(&mut block, *extra);
            Some(Value::Object(block))
        }
    }
}

fn assistant(message: &Message) -> Vec<Value> {
    pieces(message, Dialect::AnthropicMessages).iter().filter_map(block).collect()
}

/// Reasoning as it came, signed or held back; the API takes no other.
fn thinking_block(text: &str, extra: &Object) -> Option<Value> {
    let mut block = Object::new();
    if extra.get("signature").is_some_and(Value::is_string) {
        block.insert("type".to_owned(), json!("thinking"));
        block.insert("thinking".to_owned(), json!(text));
        add_fields(&mut block, Some(extra));
    } else if let Some(data) = extra.get("data").filter(|data| data.is_string()) {
        block.insert("type".to_owned(), json!("redacted_thinking"));
        block.insert("data".to_owned(), data.clone());
    } else {
        return None;
    }
    Some(Value::Object(block))
}

fn tool_result(message: &Message) -> Value {
    let mut block = Object::new();
    block.insert("type".to_owned(), json!("tool_result"));
    block.insert("tool_use_id".to_owned(), json!(message.tool_call_id.as_deref().unwrap_or_default()));
    let content = match &message.content {
        Content::Text(text) => json!(text),
        parts => json!(blocks(parts)),
    };
    block.insert("content".to_owned(), content);
    put(&mut block, "is_error", is_tool_error(message).then_some(true));
    Value::Object(block)
}
