//! The request's body. The model and whether to stream are said in the path.

use serde_json::{Value, json};

use super::super::assistant::{Piece, add_fields, arguments_object, has_own_id, is_tool_error, part_pieces, pieces};
use super::super::fields::{Object, put};
use super::super::{Dialect, EncodeError, WireCall};
use super::SIGNATURE;
use crate::api::ModelRequest;
use crate::config::{GenerateConfig, ReasoningEffort};
use crate::message::{Message, Role};
use crate::tool::{ToolCall, ToolChoice, ToolDefinition};

/// The largest seed: the API takes a signed 32-bit number.
const SEED_MAX: u64 = i32::MAX as u64;

/// `models/NAME:generateContent`; a name that has its collection already keeps it.
pub(crate) fn path(call: &WireCall<'_>) -> String {
    let collection = if call.model.contains('/') { "" } else { "models/" };
    let method = if call.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    format!("{collection}{}:{method}", call.model)
}

pub(crate) fn encode(request: &ModelRequest) -> Result<Value, EncodeError> {
    let mut body = Object::new();
    put(&mut body, "systemInstruction", system(&request.messages));
    body.insert("contents".to_owned(), Value::Array(contents(&request.messages)?));
    if !request.tools.is_empty() {
        let declarations: Vec<Value> = request.tools.iter().map(tool).collect();
        body.insert("tools".to_owned(), json!([{ "functionDeclarations": declarations }]));
        put(&mut body, "toolConfig", tool_choice(&request.tool_choice));
    }
    let config = settings(&request.config);
    put(&mut body, "generationConfig", (!config.is_empty()).then_some(config));
    Ok(Value::Object(body))
}

fn settings(config: &GenerateConfig) -> Object {
    let mut body = Object::new();
    put(&mut body, "maxOutputTokens", config.max_tokens);
    put(&mut body, "temperature", config.temperature);
    put(&mut body, "topP", config.top_p);
    put(&mut body, "topK", config.top_k);
    put(&mut body, "frequencyPenalty", config.frequency_penalty);
    put(&mut body, "presencePenalty", config.presence_penalty);
    put(&mut body, "stopSequences", (!config.stop.is_empty()).then(|| json!(config.stop)));
    put(&mut body, "seed", config.seed.map(|seed| seed & SEED_MAX));
    if config.logprobs || config.top_logprobs.is_some() {
        body.insert("responseLogprobs".to_owned(), json!(true));
        put(&mut body, "logprobs", config.top_logprobs);
    }
    if let Some(wanted) = &config.response_schema {
        body.insert("responseMimeType".to_owned(), json!("application/json"));
        body.insert("responseJsonSchema".to_owned(), wanted.json_schema.clone());
    }
    put(&mut body, "thinkingConfig", thinking(config));
    body
}

fn thinking(config: &GenerateConfig) -> Option<Value> {
    match (config.reasoning_tokens, config.reasoning_effort) {
        (Some(budget), _) => Some(json!({ "thinkingBudget": budget, "includeThoughts": budget > 0 })),
        (None, Some(ReasoningEffort::None)) => Some(json!({ "thinkingBudget": 0 })),
        (None, Some(ReasoningEffort::XHigh)) => Some(json!({ "thinkingLevel": "high", "includeThoughts": true })),
        (None, Some(effort)) => Some(json!({ "thinkingLevel": effort.as_str(), "includeThoughts": true })),
        (None, None) => None,
    }
}

fn tool(tool: &ToolDefinition) -> Value {
    json!({ "name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters })
}

fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    let calling = match choice {
        ToolChoice::Auto => return None,
        ToolChoice::Any => json!({ "mode": "ANY" }),
        ToolChoice::None => json!({ "mode": "NONE" }),
        ToolChoice::Function(name) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    Some(json!({ "functionCallingConfig": calling }))
}

fn system(messages: &[Message]) -> Option<Value> {
    let system = messages.iter().filter(|message| message.role == Role::System);
    let parts: Vec<Value> = system.flat_map(|message| part_pieces(&message.content)).filter_map(|p| part(&p)).collect();
    (!parts.is_empty()).then(|| json!({ "parts": parts }))
}

/// The conversation with what belongs to one side in a row put together.
fn contents(messages: &[Message]) -> Result<Vec<Value>, EncodeError> {
    let mut turns: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let (role, pieces) = match message.role {
            Role::System => continue,
            Role::Assistant => ("model", pieces(message, Dialect::GoogleGenerateContent)),
            Role::Tool => {
                let result = function_response(message, messages.get(..at).unwrap_or_default())?;
                add_turn(&mut turns, "user", vec![result]);
                continue;
            }
            Role::User => ("user", part_pieces(&message.content)),
        };
        add_turn(&mut turns, role, pieces.iter().filter_map(part).collect());
    }
    turns.retain(|(_, parts)| !parts.is_empty());
    Ok(turns.into_iter().map(|(role, parts)| json!({ "role": role, "parts": parts })).collect())
}

fn add_turn(turns: &mut Vec<(&'static str, Vec<Value>)>, role: &'static str, parts: Vec<Value>) {
    match turns.last_mut() {
        Some((last, so_far)) if *last == role => so_far.extend(parts),
        _ => turns.push((role, parts)),
    }
}

fn part(piece: &Piece<'_>) -> Option<Value> {
    let mut part = Object::new();
    match piece {
        Piece::Text(text, extra) => {
            part.insert("text".to_owned(), json!(text));
            add_fields(&mut part, *extra);
        }
        // Thoughts of another dialect bear no mark of this one and stay out.
        Piece::Reasoning(text, extra) if extra.contains_key("thought") || extra.contains_key(SIGNATURE) => {
            part.insert("text".to_owned(), json!(text));
            add_fields(&mut part, Some(extra));
        }
        Piece::Reasoning(..) => return None,
        Piece::Other(value) => return Some((*value).clone()),
        Piece::Call(call, extra) => {
            part.insert("functionCall".to_owned(), function_call(call, *extra));
            add_fields(&mut part, *extra);
        }
    }
    Some(Value::Object(part))
}

fn function_call(call: &ToolCall, extra: Option<&Object>) -> Value {
    let mut wire = Object::new();
    put(&mut wire, "id", has_own_id(extra).then(|| call.id.clone()));
    wire.insert("name".to_owned(), json!(call.function));
    wire.insert("args".to_owned(), arguments_object(call));
    Value::Object(wire)
}

/// The result of a call. The API names the function again, so the call is looked up among the messages before.
fn function_response(message: &Message, before: &[Message]) -> Result<Value, EncodeError> {
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    let call = before.iter().rev().find_map(|asked| Some((asked, asked.tool_calls.iter().find(|call| call.id == id)?)));
    let named = message.extra.get("function").and_then(Value::as_str);
    let (name, has_own_id) = match (call, named) {
        (Some((asked, call)), _) => (call.function.as_str(), gave_id(asked, id)),
        (None, Some(name)) => (name, false),
        (None, None) => return Err(EncodeError::UnknownToolCall { id: id.to_owned() }),
    };
    let key = if is_tool_error(message) { "error" } else { "output" };
    let mut response = Object::new();
    put(&mut response, "id", has_own_id.then(|| id.to_owned()));
    response.insert("name".to_owned(), json!(name));
    response.insert("response".to_owned(), json!({ key: message.text() }));
    Ok(json!({ "functionResponse": response }))
}

fn gave_id(asked: &Message, id: &str) -> bool {
    let kept = asked.extra.get(Dialect::GoogleGenerateContent.name());
    has_own_id(kept.and_then(|kept| kept.get("calls")?.get(id)?.as_object()))
}
