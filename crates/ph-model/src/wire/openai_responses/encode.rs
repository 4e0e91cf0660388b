//! The request's body.

use serde_json::{Value, json};

use super::super::assistant::{Piece, add_fields, arguments_text, part_pieces, pieces};
use super::super::fields::{Object, put};
use super::super::openai_model::is_reasoning_model;
use super::super::{Dialect, EncodeError, WireCall};
use crate::api::ModelRequest;
use crate::config::GenerateConfig;
use crate::message::{Content, Message, Role};
use crate::tool::{ToolChoice, ToolDefinition};

pub(crate) fn encode(request: &ModelRequest, call: &WireCall<'_>) -> Result<Value, EncodeError> {
    let mut body = Object::new();
    body.insert("model".to_owned(), json!(call.model));
    body.insert("input".to_owned(), request.messages.iter().flat_map(items).collect());
    settings(&mut body, &request.config)?;
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
        put(&mut body, "tool_choice", tool_choice(&request.tool_choice));
    }
    body.insert("store".to_owned(), json!(false));
    let include = include(&request.config, call.model);
    put(&mut body, "include", (!include.is_empty()).then(|| json!(include)));
    if call.stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Ok(Value::Object(body))
}

fn settings(body: &mut Object, config: &GenerateConfig) -> Result<(), EncodeError> {
    let lacking = [
        ("reasoning_tokens", config.reasoning_tokens.is_some()),
        ("top_k", config.top_k.is_some()),
        ("frequency_penalty", config.frequency_penalty.is_some()),
        ("presence_penalty", config.presence_penalty.is_some()),
        ("stop", !config.stop.is_empty()),
    ];
    if let Some((setting, _)) = lacking.into_iter().find(|(_, is_set)| *is_set) {
        return Err(EncodeError::Unsupported { dialect: Dialect::OpenAiResponses, setting });
    }
    put(body, "max_output_tokens", config.max_tokens);
    put(body, "temperature", config.temperature);
    put(body, "top_p", config.top_p);
    put(body, "top_logprobs", config.top_logprobs);
    put(body, "reasoning", config.reasoning_effort.map(|effort| json!({ "effort": effort.as_str() })));
    if let Some(wanted) = &config.response_schema {
        let mut format = Object::new();
        format.insert("type".to_owned(), json!("json_schema"));
        format.insert("name".to_owned(), json!(wanted.name));
        put(&mut format, "description", wanted.description.clone());
        format.insert("schema".to_owned(), wanted.json_schema.clone());
        put(&mut format, "strict", wanted.strict);
        body.insert("text".to_owned(), json!({ "format": format }));
    }
    Ok(())
}

/// What the reply must bring beside its text. Only reasoning models take the question for encrypted reasoning.
fn include(config: &GenerateConfig, model: &str) -> Vec<&'static str> {
    let mut include = Vec::new();
    if config.reasoning_effort.is_some() || is_reasoning_model(model) {
        include.push("reasoning.encrypted_content");
    }
    if config.logprobs || config.top_logprobs.is_some() {
        include.push("message.output_text.logprobs");
    }
    include
}

fn tool(tool: &ToolDefinition) -> Value {
    json!({
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": false,
    })
}

fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::Any => Some(json!("required")),
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Function(name) => Some(json!({ "type": "function", "name": name })),
    }
}

fn items(message: &Message) -> Vec<Value> {
    match message.role {
        Role::Assistant => assistant(message),
        Role::Tool => vec![json!({
            "type": "function_call_output",
            "call_id": message.tool_call_id.as_deref().unwrap_or_default(),
            "output": content(&message.content),
        })],
        role => vec![json!({ "role": role.as_str(), "content": content(&message.content) })],
    }
}

fn content(content: &Content) -> Value {
    match content {
        Content::Text(text) => json!(text),
        Content::Parts(_) => part_pieces(content).iter().filter_map(part).collect(),
    }
}

fn part(piece: &Piece<'_>) -> Option<Value> {
    match piece {
        Piece::Text(text, _) => Some(json!({ "type": "input_text", "text": text })),
        Piece::Other(value) => Some((*value).clone()),
        Piece::Reasoning(..) | Piece::Call(..) => None,
    }
}

/// An assistant message as the items that it was given as.
fn assistant(message: &Message) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    for piece in pieces(message, Dialect::OpenAiResponses) {
        match piece {
            Piece::Text(text, extra) => items.push(text_item(text, extra)),
            Piece::Reasoning(_, extra) => items.extend(reasoning_item(extra)),
            Piece::Other(value) => items.push(value.clone()),
            Piece::Call(call, extra) => {
                let mut item = Object::new();
                item.insert("type".to_owned(), json!("function_call"));
                item.insert("call_id".to_owned(), json!(call.id));
                item.insert("name".to_owned(), json!(call.function));
                item.insert("arguments".to_owned(), json!(arguments_text(call)));
                add_fields(&mut item, extra);
                items.push(Value::Object(item));
            }
        }
    }
    items
}

fn text_item(text: &str, extra: Option<&Object>) -> Value {
    let is_refusal = extra.and_then(|extra| extra.get("refusal")) == Some(&Value::Bool(true));
    let part = match is_refusal {
        true => json!({ "type": "refusal", "refusal": text }),
        false => json!({ "type": "output_text", "text": text }),
    };
    let mut item = Object::new();
    item.insert("type".to_owned(), json!("message"));
    item.insert("role".to_owned(), json!("assistant"));
    item.insert("content".to_owned(), json!([part]));
    add_fields(&mut item, extra.and_then(|extra| extra.get("item")).and_then(Value::as_object));
    Value::Object(item)
}

/// The reasoning as it came; reasoning of another dialect has no id here and stays out.
fn reasoning_item(extra: &Object) -> Option<Value> {
    if !extra.contains_key("id") || !extra.contains_key("summary") {
        return None;
    }
    let mut item = Object::new();
    item.insert("type".to_owned(), json!("reasoning"));
    add_fields(&mut item, Some(extra));
    Some(Value::Object(item))
}
