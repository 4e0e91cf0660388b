//! A reply before it goes to the socket, and the faults that spoil what it says.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::answer::Answer;
use super::call::{Call, Dialect};
use super::dialect::{Events, Problem};
use super::fault::Fault;

/// Stands in a text where bytes are to be put that no string can hold: a character of the private use area.
pub(super) const MARK: char = '\u{E000}';

/// What follows the head.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Vec<u8>),
    Events(Events),
}

/// A reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

pub(super) const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

impl Reply {
    /// A JSON document.
    pub(super) fn json(status: u16, document: &Value) -> Self {
        // A value of our own making always has a text.
        let body = serde_json::to_vec(document).unwrap_or_default();
        Self { status, content_type: JSON, headers: Vec::new(), body: Body::Whole(body) }
    }

    /// An error, in the dialect's words.
    pub(super) fn error(dialect: Dialect, problem: &Problem) -> Self {
        Self::json(problem.status(), &dialect.error(problem))
    }

    /// The page of a proxy that stands before the service.
    pub(super) fn bad_gateway() -> Self {
        let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n";
        Self { status: 502, content_type: "text/html", headers: Vec::new(), body: Body::Whole(page.into()) }
    }

    /// The answer to a call, as a document or as a stream.
    pub(super) fn answer(dialect: Dialect, call: &Call<'_>, answer: &Answer) -> Self {
        let mut reply = match call.stream {
            false => Self::json(200, &dialect.reply(call, answer)),
            true => {
                let body = Body::Events(dialect.stream(call, answer));
                Self { status: 200, content_type: EVENT_STREAM, headers: Vec::new(), body }
            }
        };
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => reply.headers.push(("x-request-id", answer.id("req_"))),
            Dialect::Anthropic => reply.headers.push(("request-id", answer.id("req_"))),
            Dialect::Google => {}
        }
        reply
    }

    /// Google's stream without `alt=sse`: all its responses in one array.
    pub(super) fn into_array(mut self) -> Self {
        if let Body::Events(events) = self.body {
            let documents: Vec<_> = events.iter().map(|event| event[6..].trim_ascii_end()).collect();
            let mut array = b"[".to_vec();
            array.extend(documents.join(&b",\r\n"[..]));
            array.push(b']');
            self.content_type = JSON;
            self.body = Body::Whole(array);
        }
        self
    }

    /// Spoils what the reply says; faults of the connection are the delivery's.
    pub(super) fn spoil(&mut self, fault: Fault, dialect: Dialect, random: &mut ChaCha8Rng) {
        match fault {
            Fault::Garbage => self.replace((0..600).map(|_| random.random::<u8>()).collect()),
            Fault::EmptyBody => self.replace(Vec::new()),
            Fault::WrongContentType => self.content_type = "text/html; charset=utf-8",
            Fault::ErrorInBody => self.end_in_error(dialect),
            Fault::TruncatedStream => self.truncate_stream(),
            Fault::TruncatedJson => self.truncate_json(),
            Fault::DuplicateKeys => self.each_document(doubled),
            Fault::InvalidUtf8 => self.each_document(not_utf8),
            _ => {}
        }
    }

    /// Other bytes, under the same content type.
    fn replace(&mut self, bytes: Vec<u8>) {
        self.body = Body::Whole(bytes);
    }

    fn end_in_error(&mut self, dialect: Dialect) {
        match &mut self.body {
            Body::Whole(bytes) => *bytes = dialect.error(&Problem::Overloaded).to_string().into_bytes(),
            Body::Events(events) => {
                events.halve();
                dialect.error_event(events);
            }
        }
    }

    fn truncate_stream(&mut self) {
        match &mut self.body {
            Body::Whole(bytes) => bytes.truncate(bytes.len() * 3 / 4),
            Body::Events(events) => events.halve(),
        }
    }

    fn truncate_json(&mut self) {
        match &mut self.body {
            Body::Whole(bytes) => bytes.truncate(bytes.len() / 2),
            Body::Events(events) => {
                events.halve();
                events.cut_last();
            }
        }
    }

    fn each_document(&mut self, change: fn(&[u8]) -> Vec<u8>) {
        match &mut self.body {
            Body::Whole(bytes) => *bytes = change(bytes),
            Body::Events(events) => *events = events.map(change),
        }
    }
}

/// The document with all its keys twice: first with other texts, then as they are.
fn doubled(bytes: &[u8]) -> Vec<u8> {
    let begin = bytes.iter().position(|byte| *byte == b'{').unwrap_or(0);
    let end = bytes.iter().rposition(|byte| *byte == b'}').map_or(bytes.len(), |at| at + 1);
    let Ok(document) = serde_json::from_slice::<Value>(&bytes[begin..end]) else { return bytes.to_vec() };
    let first = other(&document, "").to_string();
    let mut doubled = bytes[..begin].to_vec();
    doubled.extend_from_slice(first.strip_suffix('}').unwrap_or(&first).as_bytes());
    doubled.push(b',');
    doubled.extend_from_slice(&bytes[begin + 1..]);
    doubled
}

/// The value with every text changed that a reader does not need to find its way.
fn other(value: &Value, key: &str) -> Value {
    match value {
        Value::String(_) if !matches!(key, "type" | "object" | "role" | "id" | "model" | "status") => "other".into(),
        Value::Array(values) => values.iter().map(|value| other(value, key)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, value)| (key.clone(), other(value, key))).collect())
        }
        value => value.clone(),
    }
}

/// The document with bytes that are not UTF-8 in the place of the mark.
fn not_utf8(bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    while let Some((begin, end)) = mark(&changed) {
        changed.splice(begin..end, [0xFF, 0xC3, 0x28]);
    }
    changed
}

/// Where the mark stands.
pub(super) fn mark(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut buffer = [0; 4];
    let needle = MARK.encode_utf8(&mut buffer).as_bytes();
    let begin = bytes.windows(needle.len()).position(|window| window == needle)?;
    Some((begin, begin + needle.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_doubled_and_the_last_ones_are_the_true_ones() {
        let bytes = doubled(b"data: {\"type\":\"x\",\"text\":\"true\"}\n\n");
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, "data: {\"type\":\"x\",\"text\":\"other\",\"type\":\"x\",\"text\":\"true\"}\n\n");
        assert_eq!(doubled(b"data: [DONE]\n\n"), b"data: [DONE]\n\n");
    }

    #[test]
    fn the_mark_becomes_bytes_that_are_not_utf_8() {
        let bytes = not_utf8(format!("a{MARK}b").as_bytes());
        assert!(std::str::from_utf8(&bytes).is_err() && bytes.starts_with(b"a") && bytes.ends_with(b"b"));
    }
}
