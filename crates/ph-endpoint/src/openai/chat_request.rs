//! A chat completion's request as a [`ModelRequest`].

use ph_model::{GenerateConfig, Message, ModelRequest, ToolCall, ToolChoice, ToolDefinition};
use serde_json::{Value, json};

use super::stream_options;
use crate::failure::ApiFailure;
use crate::fields::{Fields, Neutral, clip, kind};
use crate::tools::{check_choice, parse_arguments};

/// What was asked for.
#[derive(Debug)]
pub(super) struct ChatRequest {
    pub(super) model: String,
    pub(super) request: ModelRequest,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

/// Fields that would change the reply and are not supported, with the values that change nothing.
const UNSUPPORTED: [(&str, Neutral); 19] = [
    ("n", Neutral::Number(1.0)),
    ("frequency_penalty", Neutral::Number(0.0)),
    ("presence_penalty", Neutral::Number(0.0)),
    ("repetition_penalty", Neutral::Number(1.0)),
    ("logit_bias", Neutral::Empty),
    ("functions", Neutral::Empty),
    ("function_call", Neutral::Never),
    ("modalities", Neutral::Only("text")),
    ("audio", Neutral::Never),
    ("web_search_options", Neutral::Never),
    ("reasoning_effort", Neutral::Text("none")),
    ("verbosity", Neutral::Text("medium")),
    ("parallel_tool_calls", Neutral::Bool(true)),
    ("top_k", Neutral::Never),
    ("min_p", Neutral::Number(0.0)),
    ("guided_json", Neutral::Never),
    ("guided_regex", Neutral::Never),
    ("guided_choice", Neutral::Never),
    ("best_of", Neutral::Number(1.0)),
];

/// Reads the request.
pub(super) fn read(mut fields: Fields) -> Result<ChatRequest, ApiFailure> {
    let model = fields.required_text("model")?;
    fields.refuse(&UNSUPPORTED)?;
    check_response_format(&mut fields)?;
    let (stream, include_usage) = stream_options(&mut fields)?;
    let messages = messages(&mut fields)?;
    let tools = tools(&mut fields)?;
    let tool_choice = tool_choice(&mut fields)?;
    check_choice(&tool_choice, &tools)?;
    let config = GenerateConfig {
        max_tokens: max_tokens(&mut fields)?,
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        stop: fields.texts("stop")?,
        seed: fields.seed("seed")?,
        logprobs: fields.flag("logprobs")?,
        top_logprobs: fields.count("top_logprobs", 20)?.and_then(|count| u8::try_from(count).ok()),
        ..GenerateConfig::default()
    };
    let request = ModelRequest { messages, tools, tool_choice, config };
    Ok(ChatRequest { model, request, stream, include_usage })
}

fn max_tokens(fields: &mut Fields) -> Result<Option<u32>, ApiFailure> {
    let old = fields.count("max_tokens", u32::MAX)?;
    let new = fields.count("max_completion_tokens", u32::MAX)?;
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            Err(fields.failed("max_completion_tokens", format!("is `{new}`, but `max_tokens` is `{old}`: give one")))
        }
        _ => Ok(new.or(old)),
    }
}

/// Plain text is all that a model without constrained decoding can promise.
fn check_response_format(fields: &mut Fields) -> Result<(), ApiFailure> {
    let Some(mut format) = fields.object("response_format")? else { return Ok(()) };
    match format.required_text("type")?.as_str() {
        "text" => Ok(()),
        other => Err(format.failed("type", format!("is `{}`; only `text` is supported here", clip(other)))),
    }
}

fn messages(fields: &mut Fields) -> Result<Vec<Message>, ApiFailure> {
    let list = fields.list("messages")?.ok_or_else(|| fields.failed("messages", "is missing"))?;
    if list.is_empty() {
        return Err(fields.failed("messages", "is empty"));
    }
    list.into_iter().enumerate().map(|(n, value)| message(Fields::new(value, format!("messages[{n}]"))?)).collect()
}

fn message(mut fields: Fields) -> Result<Message, ApiFailure> {
    let role = fields.required_text("role")?;
    let content = content(&mut fields)?;
    let needed = |content: Option<String>| content.ok_or_else(|| fields.failed("content", "is missing"));
    let mut message = match role.as_str() {
        "system" | "developer" => Message::system(needed(content)?),
        "user" => Message::user(needed(content)?),
        "tool" => {
            let content = needed(content)?;
            Message::tool(fields.required_text("tool_call_id")?, content)
        }
        "assistant" => {
            fields.refuse(&[("function_call", Neutral::Never), ("audio", Neutral::Never)])?;
            Message { tool_calls: tool_calls(&mut fields)?, ..Message::assistant(content.unwrap_or_default()) }
        }
        other => {
            let what = format!("is `{}`, not `system`, `developer`, `user`, `assistant` or `tool`", clip(other));
            return Err(fields.failed("role", what));
        }
    };
    if let Some(name) = fields.text("name")? {
        message.extra.insert("name".to_owned(), Value::String(name));
    }
    Ok(message)
}

/// A message's text: a string, or parts of text in order.
fn content(fields: &mut Fields) -> Result<Option<String>, ApiFailure> {
    let parts = match fields.take("content") {
        None => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text)),
        Some(Value::Array(parts)) => parts,
        Some(other) => {
            return Err(fields.failed("content", format!("is {}, not a string or a list of parts", kind(&other))));
        }
    };
    let mut text = String::new();
    for (n, part) in parts.into_iter().enumerate() {
        let mut part = Fields::new(part, fields.place(&format!("content[{n}]")))?;
        match part.required_text("type")?.as_str() {
            "text" => text.push_str(&part.required_text("text")?),
            "refusal" => text.push_str(&part.required_text("refusal")?),
            other => {
                return Err(part.failed("type", format!("is `{}`; this model takes only text", clip(other))));
            }
        }
    }
    Ok(Some(text))
}

fn tool_calls(fields: &mut Fields) -> Result<Vec<ToolCall>, ApiFailure> {
    let list = fields.list("tool_calls")?.unwrap_or_default();
    let call = |(n, value)| {
        let mut call = Fields::new(value, fields.place(&format!("tool_calls[{n}]")))?;
        call.refuse(&[("type", Neutral::Text("function"))])?;
        let id = call.required_text("id")?;
        let mut function = call.object("function")?.ok_or_else(|| call.failed("function", "is missing"))?;
        let (arguments, parse_error) = parse_arguments(function.text("arguments")?.unwrap_or_else(|| "{}".to_owned()));
        Ok(ToolCall { id, function: function.required_text("name")?, arguments, parse_error })
    };
    list.into_iter().enumerate().map(call).collect()
}

fn tools(fields: &mut Fields) -> Result<Vec<ToolDefinition>, ApiFailure> {
    let list = fields.list("tools")?.unwrap_or_default();
    list.into_iter().enumerate().map(|(n, value)| tool(Fields::new(value, format!("tools[{n}]"))?)).collect()
}

/// `strict` passes without being held: Inspect and others send it with every tool, and what comes back is checked there.
fn tool(mut fields: Fields) -> Result<ToolDefinition, ApiFailure> {
    fields.refuse(&[("type", Neutral::Text("function"))])?;
    let mut function = fields.object("function")?.ok_or_else(|| fields.failed("function", "is missing"))?;
    let parameters = match function.take("parameters") {
        None => json!({ "type": "object", "properties": {} }),
        Some(schema @ Value::Object(_)) => schema,
        Some(other) => return Err(function.failed("parameters", format!("is {}, not an object", kind(&other)))),
    };
    Ok(ToolDefinition {
        name: function.required_text("name")?,
        description: function.text("description")?.unwrap_or_default(),
        parameters,
    })
}

fn tool_choice(fields: &mut Fields) -> Result<ToolChoice, ApiFailure> {
    let value = match fields.take("tool_choice") {
        None => return Ok(ToolChoice::Auto),
        Some(value) => value,
    };
    match value.as_str() {
        Some("auto") => return Ok(ToolChoice::Auto),
        Some("none") => return Ok(ToolChoice::None),
        Some("required") => return Ok(ToolChoice::Any),
        Some(other) => {
            return Err(fields.failed("tool_choice", format!("is `{}`, not `auto`, `none` or `required`", clip(other))));
        }
        None => {}
    }
    let mut choice = Fields::new(value, "tool_choice")?;
    choice.refuse(&[("type", Neutral::Text("function"))])?;
    let mut function = choice.object("function")?.ok_or_else(|| choice.failed("function", "is missing"))?;
    Ok(ToolChoice::Function(function.required_text("name")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ph_model::Role;

    fn request(more: Value) -> Result<ChatRequest, ApiFailure> {
        let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        read(Fields::new(body, "").unwrap())
    }

    fn refused(more: Value, param: &str) {
        let failure = request(more.clone()).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(param), "{more}: {}", failure.message);
        assert!(failure.message.contains(param), "{more}: {}", failure.message);
    }

    #[test]
    fn a_whole_conversation_is_read() {
        let read = request(json!({
            "messages": [
                { "role": "developer", "content": [{ "type": "text", "text": "be " }, { "type": "text", "text": "brief" }] },
                { "role": "user", "content": "weather?", "name": "ann" },
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "call-1", "type": "function", "function": { "name": "weather", "arguments": "{\"city\": \"Oslo\"}" } }] },
                { "role": "tool", "tool_call_id": "call-1", "content": "rain" }
            ],
            "tools": [{ "type": "function", "function": { "name": "weather" } }],
            "tool_choice": { "type": "function", "function": { "name": "weather" } },
            "max_completion_tokens": 9, "stop": "x", "seed": 3, "temperature": 0, "logprobs": true, "top_logprobs": 2,
            "stream": true, "stream_options": { "include_usage": true }, "store": true, "user": "u", "unheard_of": 1
        }))
        .unwrap();
        let messages = &read.request.messages;
        assert_eq!(messages[0], Message::system("be brief"));
        assert_eq!(messages[1].extra["name"], "ann");
        assert_eq!((messages[2].role, messages[2].text().as_str()), (Role::Assistant, ""));
        assert_eq!(messages[2].tool_calls[0].arguments, json!({ "city": "Oslo" }));
        assert_eq!(messages[3], Message::tool("call-1", "rain"));
        assert_eq!(read.request.tool_choice, ToolChoice::Function("weather".into()));
        let config = &read.request.config;
        assert_eq!((config.max_tokens, config.seed, config.top_logprobs), (Some(9), Some(3), Some(2)));
        assert!(read.stream && read.include_usage && config.logprobs);
    }

    #[test]
    fn what_would_change_the_reply_is_refused_by_name() {
        refused(json!({ "n": 2 }), "n");
        refused(json!({ "frequency_penalty": 0.5 }), "frequency_penalty");
        refused(json!({ "logit_bias": { "5": 1 } }), "logit_bias");
        refused(json!({ "response_format": { "type": "json_object" } }), "response_format.type");
        refused(json!({ "tools": [{ "type": "web_search" }] }), "tools[0].type");
        refused(json!({ "parallel_tool_calls": false }), "parallel_tool_calls");
        request(json!({ "n": 1, "frequency_penalty": 0, "logit_bias": null, "response_format": { "type": "text" } }))
            .unwrap();
        request(json!({ "tools": [{ "type": "function", "function": { "name": "f", "strict": true } }] })).unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        refused(json!({ "messages": [] }), "messages");
        refused(json!({ "messages": "hi" }), "messages");
        refused(json!({ "messages": [7] }), "messages[0]");
        refused(json!({ "messages": [{ "role": "robot", "content": "x" }] }), "messages[0].role");
        refused(json!({ "messages": [{ "role": "user" }] }), "messages[0].content");
        refused(
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }),
            "messages[0].content[0].type",
        );
        refused(json!({ "messages": [{ "role": "tool", "content": "x" }] }), "messages[0].tool_call_id");
        refused(json!({ "max_tokens": 1, "max_completion_tokens": 2 }), "max_completion_tokens");
        refused(json!({ "max_tokens": -1 }), "max_tokens");
        refused(json!({ "top_logprobs": 21 }), "top_logprobs");
        refused(json!({ "stop": [1] }), "stop[0]");
        refused(json!({ "tool_choice": "required" }), "tool_choice");
        refused(json!({ "tool_choice": { "type": "function", "function": { "name": "f" } } }), "tool_choice");
        refused(json!({ "stream_options": { "include_usage": true } }), "stream_options");
        refused(json!({ "model": 3 }), "model");
    }
}
