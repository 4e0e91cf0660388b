//! Messages: who said what.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::tool::ToolCall;

/// Who a message is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The deployment's standing instructions.
    System,
    /// The person or harness that asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// The role's name as every API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

/// What a message holds: plain text, or parts of several kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Parts in order.
    Parts(Vec<ContentPart>),
}

/// One part of a message's content; kinds not known here survive as they came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ContentPart {
    /// A kind that this version knows.
    Known(KnownPart),
    /// Any other kind, untouched.
    Other(Value),
}

/// The kinds of content part that this version reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KnownPart {
    /// Text meant for the reader.
    Text {
        /// The text.
        text: String,
        /// Fields that this version does not know.
        #[serde(flatten)]
        extra: Map<String, Value>,
    },
    /// The model's reasoning.
    Reasoning {
        /// The reasoning's text; empty where the provider holds it back.
        reasoning: String,
        /// Fields that this version does not know.
        #[serde(flatten)]
        extra: Map<String, Value>,
    },
}

impl Content {
    /// All text parts, in order, without the reasoning.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.iter().filter_map(ContentPart::text).collect(),
        }
    }
}

impl ContentPart {
    fn text(&self) -> Option<&str> {
        match self {
            ContentPart::Known(KnownPart::Text { text, .. }) => Some(text),
            _ => None,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Content::Text(String::new())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Content::Text(text.to_owned())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Content::Text(text)
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Message {
    /// Who it is from.
    pub role: Role,
    /// What it says.
    #[serde(default)]
    pub content: Content,
    /// The calls that an assistant message makes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// In a tool message: the call that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Fields that this version does not know; they survive reading and writing.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Message {
    /// A message of plain text.
    pub fn new(role: Role, content: impl Into<Content>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None, extra: Map::new() }
    }

    /// A system message.
    pub fn system(content: impl Into<Content>) -> Self {
        Self::new(Role::System, content)
    }

    /// A user message.
    pub fn user(content: impl Into<Content>) -> Self {
        Self::new(Role::User, content)
    }

    /// An assistant message.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// The result of the tool call `call_id`.
    pub fn tool(call_id: impl Into<String>, content: impl Into<Content>) -> Self {
        Self { tool_call_id: Some(call_id.into()), ..Self::new(Role::Tool, content) }
    }

    /// The message's text; see [`Content::text`].
    #[must_use]
    pub fn text(&self) -> String {
        self.content.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_kinds_survive() {
        let text = r#"{"role":"user","content":[{"type":"text","text":"look","citations":[1]},{"type":"hologram","x":1}],"vendor":{"a":[1,2]}}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(message.text(), "look");
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn plain_text_stays_plain() {
        let text = r#"{"role":"tool","content":"12","tool_call_id":"call-1"}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(message, Message::tool("call-1", "12"));
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn a_message_without_content_is_empty() {
        let message: Message = serde_json::from_str(r#"{"role":"assistant"}"#).unwrap();
        assert_eq!(message.text(), "");
    }
}
