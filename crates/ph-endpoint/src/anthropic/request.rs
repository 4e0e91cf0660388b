//! A messages request as a [`ModelRequest`].

use ph_model::{GenerateConfig, Message, ModelRequest, Role, ToolCall, ToolChoice, ToolDefinition};
use serde_json::{Value, json};

use crate::failure::ApiFailure;
use crate::fields::{Fields, Neutral, clip, kind};
use crate::tools::check_choice;

/// What was asked for.
#[derive(Debug)]
pub(super) struct MessagesRequest {
    pub(super) model: String,
    pub(super) request: ModelRequest,
    pub(super) stream: bool,
}

/// Fields that would change the reply and are not supported, with the values that change nothing.
const UNSUPPORTED: [(&str, Neutral); 5] = [
    ("top_k", Neutral::Never),
    ("mcp_servers", Neutral::Empty),
    ("container", Neutral::Never),
    ("output_format", Neutral::Never),
    ("output_config", Neutral::Empty),
];

/// Reads the request; `max_tokens` must be there unless only tokens are counted.
pub(super) fn read(mut fields: Fields, counts_only: bool) -> Result<MessagesRequest, ApiFailure> {
    let model = fields.required_text("model")?;
    fields.refuse(&UNSUPPORTED)?;
    check_thinking(&mut fields)?;
    let max_tokens = fields.count("max_tokens", u32::MAX)?;
    if max_tokens.is_none() && !counts_only {
        return Err(fields.failed("max_tokens", "is missing"));
    }
    let mut messages = system(&mut fields)?;
    messages.extend(conversation(&mut fields)?);
    let tools = tools(&mut fields)?;
    let tool_choice = tool_choice(&mut fields)?;
    check_choice(&tool_choice, &tools)?;
    let config = GenerateConfig {
        max_tokens,
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        stop: fields.texts("stop_sequences")?,
        // Not Anthropic's: an extension, so that a run can be repeated over this dialect too.
        seed: fields.seed("seed")?,
        ..GenerateConfig::default()
    };
    let stream = fields.flag("stream")?;
    Ok(MessagesRequest { model, request: ModelRequest { messages, tools, tool_choice, config }, stream })
}

fn check_thinking(fields: &mut Fields) -> Result<(), ApiFailure> {
    let Some(mut thinking) = fields.object("thinking")? else { return Ok(()) };
    match thinking.required_text("type")?.as_str() {
        "disabled" => Ok(()),
        other => Err(thinking.failed("type", format!("is `{}`; this model has no thinking to turn on", clip(other)))),
    }
}

fn system(fields: &mut Fields) -> Result<Vec<Message>, ApiFailure> {
    let place = fields.place("system");
    match fields.take("system") {
        None => Ok(Vec::new()),
        Some(value) => Ok(vec![Message::system(text_of(value, &place)?)]),
    }
}

fn conversation(fields: &mut Fields) -> Result<Vec<Message>, ApiFailure> {
    let list = fields.list("messages")?.ok_or_else(|| fields.failed("messages", "is missing"))?;
    let mut messages = Vec::new();
    for (n, value) in list.into_iter().enumerate() {
        let mut turn = Fields::new(value, format!("messages[{n}]"))?;
        let role = turn.required_text("role")?;
        let content = turn.required("content")?;
        let place = turn.place("content");
        match role.as_str() {
            "user" => messages.extend(user(content, &place)?),
            "assistant" => messages.push(assistant(content, &place)?),
            other => return Err(turn.failed("role", format!("is `{}`, not `user` or `assistant`", clip(other)))),
        }
    }
    match messages.last().map(|message| message.role) {
        None => Err(fields.failed("messages", "is empty")),
        Some(Role::Assistant) => {
            let what = "ends with the assistant: going on from a given beginning of the reply is not supported here";
            Err(fields.failed("messages", what))
        }
        Some(_) => Ok(messages),
    }
}

/// A user's turn: its texts as user messages, its tool results as tool messages, in order.
fn user(content: Value, place: &str) -> Result<Vec<Message>, ApiFailure> {
    let blocks = match content {
        Value::String(text) => return Ok(vec![Message::user(text)]),
        other => blocks(other, place)?,
    };
    let mut messages: Vec<Message> = Vec::new();
    let mut text: Option<String> = None;
    for mut block in blocks {
        match block.required_text("type")?.as_str() {
            "text" => text.get_or_insert_default().push_str(&block.required_text("text")?),
            "tool_result" => {
                messages.extend(text.take().map(Message::user));
                messages.push(tool_result(block)?);
            }
            other => return Err(unsupported(&block, other)),
        }
    }
    messages.extend(text.map(Message::user));
    Ok(messages)
}

fn tool_result(mut block: Fields) -> Result<Message, ApiFailure> {
    let id = block.required_text("tool_use_id")?;
    let place = block.place("content");
    let text = block.take("content").map(|content| text_of(content, &place)).transpose()?.unwrap_or_default();
    let error = block.flag("is_error")?.then(|| json!({ "type": "unknown", "message": text }));
    let mut message = Message::tool(id, text);
    if let Some(error) = error {
        message.extra.insert("error".to_owned(), error);
    }
    Ok(message)
}

fn assistant(content: Value, place: &str) -> Result<Message, ApiFailure> {
    let blocks = match content {
        Value::String(text) => return Ok(Message::assistant(text)),
        other => blocks(other, place)?,
    };
    let (mut text, mut calls) = (String::new(), Vec::new());
    for mut block in blocks {
        match block.required_text("type")?.as_str() {
            "text" => text.push_str(&block.required_text("text")?),
            "tool_use" => calls.push(tool_use(block)?),
            // Reasoning of earlier turns is not shown to the model again.
            "thinking" | "redacted_thinking" => {}
            other => return Err(unsupported(&block, other)),
        }
    }
    Ok(Message { tool_calls: calls, ..Message::assistant(text) })
}

fn tool_use(mut block: Fields) -> Result<ToolCall, ApiFailure> {
    let arguments = match block.required("input")? {
        arguments @ Value::Object(_) => arguments,
        other => return Err(block.failed("input", format!("is {}, not an object", kind(&other)))),
    };
    let (id, function) = (block.required_text("id")?, block.required_text("name")?);
    Ok(ToolCall { id, function, arguments, parse_error: None })
}

fn blocks(content: Value, place: &str) -> Result<Vec<Fields>, ApiFailure> {
    let list = match content {
        Value::Array(list) => list,
        other => {
            return Err(ApiFailure::invalid(place, format!("is {}, not a string or a list of blocks", kind(&other))));
        }
    };
    list.into_iter().enumerate().map(|(n, block)| Fields::new(block, format!("{place}[{n}]"))).collect()
}

/// The text of a string or of blocks of text.
fn text_of(content: Value, place: &str) -> Result<String, ApiFailure> {
    if let Value::String(text) = content {
        return Ok(text);
    }
    let mut text = String::new();
    for mut block in blocks(content, place)? {
        match block.required_text("type")?.as_str() {
            "text" => text.push_str(&block.required_text("text")?),
            other => return Err(unsupported(&block, other)),
        }
    }
    Ok(text)
}

fn unsupported(block: &Fields, name: &str) -> ApiFailure {
    block.failed("type", format!("is `{}`, which is not supported here", clip(name)))
}

fn tools(fields: &mut Fields) -> Result<Vec<ToolDefinition>, ApiFailure> {
    let list = fields.list("tools")?.unwrap_or_default();
    let tool = |(n, value)| {
        let mut tool = Fields::new(value, format!("tools[{n}]"))?;
        tool.refuse(&[("type", Neutral::Text("custom")), ("strict", Neutral::Bool(false))])?;
        let parameters = match tool.take("input_schema") {
            None => json!({ "type": "object", "properties": {} }),
            Some(schema @ Value::Object(_)) => schema,
            Some(other) => return Err(tool.failed("input_schema", format!("is {}, not an object", kind(&other)))),
        };
        let description = tool.text("description")?.unwrap_or_default();
        Ok(ToolDefinition { name: tool.required_text("name")?, description, parameters })
    };
    list.into_iter().enumerate().map(tool).collect()
}

fn tool_choice(fields: &mut Fields) -> Result<ToolChoice, ApiFailure> {
    let Some(mut choice) = fields.object("tool_choice")? else { return Ok(ToolChoice::Auto) };
    choice.refuse(&[("disable_parallel_tool_use", Neutral::Bool(false))])?;
    match choice.required_text("type")?.as_str() {
        "auto" => Ok(ToolChoice::Auto),
        "any" => Ok(ToolChoice::Any),
        "none" => Ok(ToolChoice::None),
        "tool" => Ok(ToolChoice::Function(choice.required_text("name")?)),
        other => Err(choice.failed("type", format!("is `{}`, not `auto`, `any`, `tool` or `none`", clip(other)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(more: Value) -> Result<MessagesRequest, ApiFailure> {
        let mut body = json!({ "model": "m", "max_tokens": 5, "messages": [{ "role": "user", "content": "hi" }] });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        read(Fields::new(body, "").unwrap(), false)
    }

    #[test]
    fn turns_with_tools_become_messages_in_order() {
        let read = request(json!({
            "system": [{ "type": "text", "text": "be ", "cache_control": { "type": "ephemeral" } }, { "type": "text", "text": "brief" }],
            "messages": [
                { "role": "user", "content": [{ "type": "text", "text": "weather?" }] },
                { "role": "assistant", "content": [
                    { "type": "thinking", "thinking": "hm", "signature": "s" }, { "type": "text", "text": "Look." },
                    { "type": "tool_use", "id": "call-1", "name": "weather", "input": { "city": "Oslo" } }] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "call-1", "content": [{ "type": "text", "text": "rain" }] },
                    { "type": "text", "text": "and?" }] }
            ],
            "tools": [{ "name": "weather", "description": "d", "input_schema": { "type": "object" } }],
            "tool_choice": { "type": "any" }, "stop_sequences": ["x"], "seed": 4, "metadata": { "user_id": "u" }
        }))
        .unwrap();
        let call = ToolCall {
            id: "call-1".into(),
            function: "weather".into(),
            arguments: json!({ "city": "Oslo" }),
            parse_error: None,
        };
        assert_eq!(
            read.request.messages,
            [
                Message::system("be brief"),
                Message::user("weather?"),
                Message { tool_calls: vec![call], ..Message::assistant("Look.") },
                Message::tool("call-1", "rain"),
                Message::user("and?"),
            ]
        );
        assert_eq!(read.request.tool_choice, ToolChoice::Any);
        assert_eq!((read.request.config.seed, read.request.config.max_tokens), (Some(4), Some(5)));
        assert_eq!(read.request.config.stop, ["x"]);
    }

    #[test]
    fn a_failed_tools_result_says_so_to_who_asks_on() {
        let turns = |is_error: bool| {
            let call = json!({ "type": "tool_use", "id": "c", "name": "f", "input": {} });
            let result = json!({ "type": "tool_result", "tool_use_id": "c", "content": "broke", "is_error": is_error });
            request(json!({ "messages": [{ "role": "user", "content": "x" },
                { "role": "assistant", "content": [call] }, { "role": "user", "content": [result] }] }))
            .unwrap()
            .request
        };
        let call = ph_model::wire::WireCall { model: "m", stream: false };
        for is_error in [true, false] {
            let sent = ph_model::wire::Dialect::AnthropicMessages.encode(&turns(is_error), &call).unwrap();
            assert_eq!(String::from_utf8(sent).unwrap().contains(r#""is_error":true"#), is_error);
        }
    }

    #[test]
    fn what_cannot_be_done_names_its_place() {
        for (more, param) in [
            (json!({ "max_tokens": null }), "max_tokens"),
            (json!({ "top_k": 5 }), "top_k"),
            (json!({ "thinking": { "type": "enabled", "budget_tokens": 9 } }), "thinking.type"),
            (json!({ "messages": [] }), "messages"),
            (json!({ "messages": [{ "role": "system", "content": "x" }] }), "messages[0].role"),
            (
                json!({ "messages": [{ "role": "user", "content": [{ "type": "image" }] }] }),
                "messages[0].content[0].type",
            ),
            (
                json!({ "messages": [{ "role": "user", "content": "x" }, { "role": "assistant", "content": "A:" }] }),
                "messages",
            ),
            (json!({ "tools": [{ "type": "web_search_20250305", "name": "web_search" }] }), "tools[0].type"),
            (json!({ "tool_choice": { "type": "tool", "name": "f" } }), "tool_choice"),
            (json!({ "system": 7 }), "system"),
        ] {
            let failure = request(more.clone()).unwrap_err();
            assert_eq!(failure.param.as_deref(), Some(param), "{more}: {}", failure.message);
        }
    }
}
