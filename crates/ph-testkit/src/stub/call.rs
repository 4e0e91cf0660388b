//! What a call asks for, whatever dialect it is written in.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// The dialects that the stub speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// `POST /v1/chat/completions`.
    OpenAiChat,
    /// `POST /v1/responses`.
    OpenAiResponses,
    /// `POST /v1/messages`.
    Anthropic,
    /// `POST /v1beta/models/MODEL:generateContent` and `:streamGenerateContent`.
    Google,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 4] = [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Google];

    /// The name in `/stats`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai_chat",
            Dialect::OpenAiResponses => "openai_responses",
            Dialect::Anthropic => "anthropic",
            Dialect::Google => "google",
        }
    }
}

/// Who speaks in a turn of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    System,
    User,
    Model,
    /// The result of a tool call.
    Tool,
}

/// One turn of the conversation.
#[derive(Debug, Clone)]
pub(super) struct Turn<'a> {
    pub(super) speaker: Speaker,
    pub(super) text: Cow<'a, str>,
}

/// A tool that the model may call.
#[derive(Debug, Clone)]
pub(super) struct Tool<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) schema: Value,
}

/// A call, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Call<'a> {
    pub(super) model: Cow<'a, str>,
    pub(super) turns: Vec<Turn<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    /// The model must call a tool: any, or the named one.
    pub(super) tool_forced: Option<Cow<'a, str>>,
    pub(super) stream: bool,
    /// Usage is sent at the end of a stream (OpenAI's `stream_options.include_usage`).
    pub(super) include_usage: bool,
    /// The number of alternatives for each token; 0 for the chosen token alone.
    pub(super) logprobs: Option<usize>,
    pub(super) reasoning: bool,
    pub(super) tokens_max: Option<usize>,
    pub(super) stop: Vec<Cow<'a, str>>,
    /// The same call is to get the same answer: temperature 0, or a seed.
    pub(super) fixed: bool,
    pub(super) request_seed: Option<i64>,
    /// The schema that the answer has to follow; `{}` for any JSON object.
    pub(super) schema: Option<Value>,
}

impl<'a> Call<'a> {
    /// The text of the last user message.
    pub(super) fn prompt(&self) -> &str {
        let user = self.turns.iter().rev().find(|turn| turn.speaker == Speaker::User && !turn.text.is_empty());
        user.map_or("", |turn| &turn.text)
    }

    /// The result of the tool, when it is the last thing that was said.
    pub(super) fn tool_result(&self) -> Option<&str> {
        let last = self.turns.last().filter(|turn| turn.speaker == Speaker::Tool)?;
        Some(&last.text)
    }

    /// Tokens of the conversation, at four bytes each.
    pub(super) fn input_tokens(&self) -> u64 {
        1 + self.turns.iter().map(|turn| turn.text.len() as u64).sum::<u64>() / 4
    }

    pub(super) fn turn(&mut self, speaker: Speaker, text: Cow<'a, str>) {
        self.turns.push(Turn { speaker, text });
    }
}

/// A text, or parts of which some have a text: how all dialects but Google's write content.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
}

/// A part of a message. What is not text or a tool's result is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) content: Option<Box<Content<'a>>>,
}

impl<'a> Content<'a> {
    /// The text in all parts.
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Content::Text(text) => text,
            Content::Parts(parts) => joined(parts.into_iter().filter_map(|part| part.text)),
        }
    }
}

/// Texts one after another; a single one is not copied.
pub(super) fn joined<'a>(mut texts: impl Iterator<Item = Cow<'a, str>>) -> Cow<'a, str> {
    let mut all = texts.next().unwrap_or_default();
    for text in texts {
        all.to_mut().push_str(&text);
    }
    all
}
