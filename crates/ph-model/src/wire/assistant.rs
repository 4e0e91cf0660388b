//! The assistant message between our shape and a provider's: content parts in order, tool calls with their place
//! among them, and what the provider said beside it.

use serde_json::{Value, json};

use super::fields::{Object, Take, parse};
use super::{Dialect, WireError};
use crate::message::{Content, ContentPart, KnownPart, Message, Role};
use crate::tool::ToolCall;

/// The call's place among the content parts, kept where it is not behind all of them.
const AT: &str = "at";
/// Marks a call whose id the provider did not give.
const MADE_ID: &str = "made_id";

/// What a dialect keeps in `Message::extra` under its name.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Unknown fields of the message; sent back.
    pub(super) message: Object,
    /// By call id: unknown fields of the tool calls; sent back.
    pub(super) calls: Object,
    /// Unknown fields of the reply around it; not sent back.
    pub(super) reply: Object,
}

impl Kept {
    fn into_value(self) -> Option<Value> {
        let named = [("message", self.message), ("calls", self.calls), ("reply", self.reply)];
        let kept: Object = named
            .into_iter()
            .filter(|(_, fields)| !fields.is_empty())
            .map(|(name, fields)| (name.to_owned(), Value::Object(fields)))
            .collect();
        (!kept.is_empty()).then_some(Value::Object(kept))
    }
}

/// The unknown fields that `message` had in this dialect.
pub(super) fn kept_message(message: &Message, dialect: Dialect) -> Option<&Object> {
    message.extra.get(dialect.name())?.get("message")?.as_object()
}

/// Puts an assistant message together from a provider's pieces, in their order.
#[derive(Debug, Default)]
pub(super) struct AssistantBuilder {
    parts: Vec<ContentPart>,
    calls: Vec<ToolCall>,
    /// What is kept beside.
    pub(super) kept: Kept,
}

/// A tool call as a provider made it.
pub(super) struct WireToolCall {
    /// Its id, where it has one.
    pub(super) id: Option<String>,
    /// The tool.
    pub(super) function: String,
    /// The arguments, parsed or not.
    pub(super) arguments: Result<Object, Malformed>,
    /// Unknown fields.
    pub(super) extra: Object,
}

/// Arguments that are no JSON object.
pub(super) struct Malformed {
    value: Value,
    why: String,
}

/// The arguments in a text that should be a JSON object. Nothing at all is a call without arguments.
pub(super) fn parse_arguments(text: String) -> Result<Object, Malformed> {
    if text.trim().is_empty() {
        return Ok(Object::new());
    }
    let why = match parse(text.as_bytes()) {
        Ok(Value::Object(arguments)) => return Ok(arguments),
        Ok(_) => "the arguments are not a JSON object".to_owned(),
        Err(WireError::Json(error)) => format!("the arguments are not JSON: {error}"),
        Err(WireError::TooManyValues { .. }) => "the arguments hold too many values".to_owned(),
        Err(_) => "the arguments are nested too deep".to_owned(),
    };
    Err(Malformed { value: Value::String(text), why })
}

/// The arguments where the provider gives a value: an object, or a text with one.
pub(super) fn value_arguments(value: Option<Value>) -> Result<Object, Malformed> {
    match value {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(Value::String(text)) => parse_arguments(text),
        Some(value) => Err(Malformed { value, why: "the arguments are not a JSON object".to_owned() }),
    }
}

impl AssistantBuilder {
    /// Adds text; nothing with no fields is nothing.
    pub(super) fn text(&mut self, text: String, extra: Object) {
        if !text.is_empty() || !extra.is_empty() {
            self.parts.push(ContentPart::Known(KnownPart::Text { text, extra }));
        }
    }

    /// Adds reasoning.
    pub(super) fn reasoning(&mut self, reasoning: String, extra: Object) {
        self.parts.push(ContentPart::Known(KnownPart::Reasoning { reasoning, extra }));
    }

    /// Adds a part of a kind that is not known.
    pub(super) fn other(&mut self, value: Value) {
        self.parts.push(ContentPart::Other(value));
    }

    /// Adds a tool call; a call without id gets one from the reply's.
    pub(super) fn call(&mut self, call: WireToolCall, reply_id: &str) {
        let mut extra = call.extra;
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            extra.insert(MADE_ID.to_owned(), Value::Bool(true));
            let before = if reply_id.is_empty() { "call" } else { reply_id };
            format!("{before}-{}", self.calls.len())
        });
        extra.insert(AT.to_owned(), json!(self.parts.len()));
        self.kept.calls.insert(id.clone(), Value::Object(extra));
        let (arguments, parse_error) = match call.arguments {
            Ok(arguments) => (Value::Object(arguments), None),
            Err(malformed) => (malformed.value, Some(malformed.why)),
        };
        self.calls.push(ToolCall { id, function: call.function, arguments, parse_error });
    }

    /// Whether it calls a tool.
    pub(super) fn calls_tools(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The message. Text alone stays plain.
    pub(super) fn build(mut self, dialect: Dialect) -> Message {
        self.forget_last_places();
        let mut message = Message::assistant(content(self.parts));
        message.tool_calls = self.calls;
        if let Some(kept) = self.kept.into_value() {
            message.extra.insert(dialect.name().to_owned(), kept);
        }
        message
    }

    fn forget_last_places(&mut self) {
        let last = json!(self.parts.len());
        for extra in self.kept.calls.values_mut().filter_map(Value::as_object_mut) {
            if extra.get(AT) == Some(&last) {
                extra.drop_fields(&[AT]);
            }
        }
        self.kept.calls.retain(|_, extra| extra.as_object().is_some_and(|extra| !extra.is_empty()));
    }
}

fn content(mut parts: Vec<ContentPart>) -> Content {
    match parts.as_mut_slice() {
        [] => Content::default(),
        [ContentPart::Known(KnownPart::Text { text, extra })] if extra.is_empty() => {
            Content::Text(std::mem::take(text))
        }
        _ => Content::Parts(parts),
    }
}

/// A piece of a message, in order.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Text with its unknown fields.
    Text(&'a str, Option<&'a Object>),
    /// Reasoning with its unknown fields.
    Reasoning(&'a str, &'a Object),
    /// A part of a kind that is not known.
    Other(&'a Value),
    /// A tool call with the fields that its dialect kept.
    Call(&'a ToolCall, Option<&'a Object>),
}

/// The pieces of a message: its parts, each call where it stood when this dialect gave it.
pub(super) fn pieces(message: &Message, dialect: Dialect) -> Vec<Piece<'_>> {
    let mut pieces = part_pieces(&message.content);
    let parts = pieces.len();
    let kept = message.extra.get(dialect.name()).and_then(|kept| kept.get("calls"));
    for (inserted, call) in message.tool_calls.iter().enumerate() {
        let extra = kept.and_then(|kept| kept.get(&call.id)).and_then(Value::as_object);
        let at = extra.and_then(|extra| extra.get(AT)).and_then(Value::as_u64);
        let at = at.and_then(|at| usize::try_from(at).ok()).unwrap_or(parts).min(parts);
        pieces.insert(at + inserted, Piece::Call(call, extra));
    }
    pieces
}

/// The pieces of content, without tool calls.
pub(super) fn part_pieces(content: &Content) -> Vec<Piece<'_>> {
    match content {
        Content::Text(text) if text.is_empty() => Vec::new(),
        Content::Text(text) => vec![Piece::Text(text, None)],
        Content::Parts(parts) => parts.iter().map(part_piece).collect(),
    }
}

fn part_piece(part: &ContentPart) -> Piece<'_> {
    match part {
        ContentPart::Known(KnownPart::Text { text, extra }) => Piece::Text(text, Some(extra)),
        ContentPart::Known(KnownPart::Reasoning { reasoning, extra }) => Piece::Reasoning(reasoning, extra),
        ContentPart::Other(value) => Piece::Other(value),
    }
}

/// Adds the fields that are not ours: those with a value, never one that is written already.
pub(super) fn add_fields(object: &mut Object, extra: Option<&Object>) {
    for (key, value) in extra.into_iter().flatten() {
        if !value.is_null() && key != AT && key != MADE_ID && !object.contains_key(key) {
            object.insert(key.clone(), value.clone());
        }
    }
}

/// Whether the provider gave the call its id.
pub(super) fn has_own_id(extra: Option<&Object>) -> bool {
    extra.is_none_or(|extra| !extra.contains_key(MADE_ID))
}

/// The arguments as text, as the model wrote them where they could not be read.
pub(super) fn arguments_text(call: &ToolCall) -> String {
    match &call.arguments {
        Value::String(text) if call.parse_error.is_some() => text.clone(),
        arguments => arguments.to_string(),
    }
}

/// The arguments as an object; malformed ones under the name that Anthropic's documentation gives such.
pub(super) fn arguments_object(call: &ToolCall) -> Value {
    match &call.arguments {
        Value::Object(_) => call.arguments.clone(),
        Value::String(text) => json!({ "INVALID_JSON": text }),
        other => json!({ "INVALID_JSON": other.to_string() }),
    }
}

/// Whether a tool message tells of the tool's failure.
pub(super) fn is_tool_error(message: &Message) -> bool {
    message.role == Role::Tool && message.extra.get("error").is_some_and(|error| !error.is_null())
}
