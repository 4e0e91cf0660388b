//! The four dialects: how each writes calls, answers, streams and errors. Written from what the services document;
//! the official SDKs read the result in `tests/it/sdk.rs`.

pub(super) mod anthropic;
pub(super) mod google;
pub(super) mod openai_chat;
pub(super) mod openai_responses;

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, Dialect};
use super::fault::Fault;

/// Instant at which everything is said to have been created, in seconds: ids and times never differ between runs.
pub(super) const CREATED_S: i64 = 1_750_000_000;

/// Why a call gets no answer, as far as the services have words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    ContextTooLong,
    /// The request is not what it should be; says what is wrong.
    Invalid(String),
    Unauthorized,
    Forbidden,
    /// No such model or path: this one.
    NotFound(String),
    /// The path knows no such method.
    Method,
    TooLarge,
    RateLimited,
    Server,
    Unavailable,
    Overloaded,
}

impl Problem {
    /// The problem that a fault of the kind [`Fault::is_error_reply`] tells.
    pub(super) fn of(fault: Fault, model: &str) -> Self {
        match fault {
            Fault::ContextTooLong => Problem::ContextTooLong,
            Fault::Unauthorized => Problem::Unauthorized,
            Fault::Forbidden => Problem::Forbidden,
            Fault::NotFound => Problem::NotFound(model.to_owned()),
            Fault::RateLimited | Fault::RateLimitedDate => Problem::RateLimited,
            Fault::Unavailable => Problem::Unavailable,
            Fault::Overloaded => Problem::Overloaded,
            _ => Problem::Server,
        }
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            Problem::ContextTooLong | Problem::Invalid(_) => 400,
            Problem::Unauthorized => 401,
            Problem::Forbidden => 403,
            Problem::NotFound(_) => 404,
            Problem::Method => 405,
            Problem::TooLarge => 413,
            Problem::RateLimited => 429,
            Problem::Server => 500,
            Problem::Unavailable => 503,
            Problem::Overloaded => 529,
        }
    }

    /// What the service says where its own words do not matter.
    fn message(&self) -> String {
        match self {
            Problem::ContextTooLong => "The prompt is longer than the model's context of 8192 tokens.".to_owned(),
            Problem::Invalid(reason) => format!("The request is malformed: {reason}"),
            Problem::Unauthorized => "The API key is not valid.".to_owned(),
            Problem::Forbidden => "The API key may not use this model.".to_owned(),
            Problem::NotFound(name) => format!("The model or path `{name}` does not exist."),
            Problem::Method => "The path does not take this method.".to_owned(),
            Problem::TooLarge => "The request is larger than 64 MiB, or its head than 64 KiB.".to_owned(),
            Problem::RateLimited => "Rate limit reached for requests.".to_owned(),
            Problem::Server => "The server had an error while processing the request.".to_owned(),
            Problem::Unavailable => "The service is not available at present.".to_owned(),
            Problem::Overloaded => "Overloaded".to_owned(),
        }
    }
}

/// The events of a stream, in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Events {
    /// Appends one event.
    pub(super) fn push(&mut self, name: Option<&str>, data: &Value, line_end: &str) {
        if let Some(name) = name {
            self.text(&["event: ", name, line_end]);
        }
        self.text(&["data: "]);
        // A value of our own making always has a text.
        let _ = serde_json::to_writer(&mut self.bytes, data);
        self.text(&[line_end, line_end]);
        self.ends.push(self.bytes.len());
    }

    /// Appends `data: [DONE]`.
    pub(super) fn done(&mut self) {
        self.text(&["data: [DONE]\n\n"]);
        self.ends.push(self.bytes.len());
    }

    fn text(&mut self, texts: &[&str]) {
        for text in texts {
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }

    /// Forgets all but the first half of the events (never the last one).
    pub(super) fn halve(&mut self) {
        self.ends.truncate(self.ends.len() / 2);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Cuts the last event in the middle.
    pub(super) fn cut_last(&mut self) {
        let begin = self.ends.len().checked_sub(2).map_or(0, |last| self.ends[last]);
        let middle = begin + (self.bytes.len() - begin) / 2;
        self.bytes.truncate(middle);
        if let Some(end) = self.ends.last_mut() {
            *end = middle;
        }
    }

    /// All bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Rewrites the bytes of each event.
    pub(super) fn map(&self, change: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        let mut changed = Self::default();
        for event in self.iter() {
            changed.bytes.extend_from_slice(&change(event));
            changed.ends.push(changed.bytes.len());
        }
        changed
    }

    /// The bytes of each event.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.bytes[begin..*end])
    }
}

impl Dialect {
    /// The whole reply.
    pub(super) fn reply(self, call: &Call<'_>, answer: &Answer) -> Value {
        match self {
            Dialect::OpenAiChat => openai_chat::reply(call, answer),
            Dialect::OpenAiResponses => openai_responses::reply(call, answer),
            Dialect::Anthropic => anthropic::reply(call, answer),
            Dialect::Google => google::reply(call, answer),
        }
    }

    /// The reply as a stream.
    pub(super) fn stream(self, call: &Call<'_>, answer: &Answer) -> Events {
        match self {
            Dialect::OpenAiChat => openai_chat::stream(call, answer),
            Dialect::OpenAiResponses => openai_responses::stream(call, answer),
            Dialect::Anthropic => anthropic::stream(call, answer),
            Dialect::Google => google::stream(call, answer),
        }
    }

    /// The error object.
    pub(super) fn error(self, problem: &Problem) -> Value {
        match self {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::error(problem),
            Dialect::Anthropic => anthropic::error(problem),
            Dialect::Google => google::error(problem),
        }
    }

    /// Appends an error as this dialect tells it inside a stream.
    pub(super) fn error_event(self, events: &mut Events) {
        let error = self.error(&Problem::Overloaded);
        match self {
            Dialect::OpenAiChat => events.push(None, &error, "\n"),
            Dialect::OpenAiResponses => {
                let sequence_number = events.iter().count();
                let message = Problem::Overloaded.message();
                let event = json!({"type": "error", "code": "server_error", "message": message, "param": null,
                    "sequence_number": sequence_number});
                events.push(Some("error"), &event, "\n");
            }
            Dialect::Anthropic => events.push(Some("error"), &error, "\n"),
            Dialect::Google => events.push(None, &error, "\r\n"),
        }
    }

    /// The list of models, as this dialect writes it.
    pub(super) fn models(self, names: &[String]) -> Value {
        match self {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                let models: Vec<Value> = names.iter().map(|name| openai_chat::model(name)).collect();
                json!({"object": "list", "data": models})
            }
            Dialect::Anthropic => {
                let models: Vec<Value> = names.iter().map(|name| anthropic::model(name)).collect();
                json!({"data": models, "has_more": false, "first_id": names.first(), "last_id": names.last()})
            }
            Dialect::Google => {
                let models: Vec<Value> = names.iter().map(|name| google::model(name)).collect();
                json!({"models": models})
            }
        }
    }

    /// One model, as this dialect writes it.
    pub(super) fn model(self, name: &str) -> Value {
        match self {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::model(name),
            Dialect::Anthropic => anthropic::model(name),
            Dialect::Google => google::model(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_where_asked() {
        let mut events = Events::default();
        for n in 0..4 {
            events.push(Some("e"), &json!({"n": n}), "\n");
        }
        assert_eq!(events.iter().nth(3), Some(&b"event: e\ndata: {\"n\":3}\n\n"[..]));
        events.halve();
        assert_eq!(events.iter().count(), 2);
        events.cut_last();
        let whole: Vec<u8> = events.iter().flatten().copied().collect();
        assert!(whole.starts_with(b"event: e\ndata: {\"n\":0}\n\nevent: e\n") && !whole.ends_with(b"\n\n"));
        assert_eq!(whole, events.into_bytes());
    }
}
