//! The credential of an endpoint: shown nowhere.

use std::fmt;

use ph_model::{Exchange, ModelOutput, OutputChunk, OutputSink};
use serde_json::Value;

/// Shorter keys are not looked for in what comes back: they could be any word of it.
const SOUGHT_LEN_MIN: usize = 8;
const REDACTED: &str = "[credential]";

/// An endpoint's credential. `Debug` and errors never show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key in `text`, without the white space around it (files end in a line feed).
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// `text` without the key, where an endpoint repeats it.
    pub(crate) fn redact(&self, text: String) -> String {
        if self.is_sought() && text.contains(&self.0) { text.replace(&self.0, REDACTED) } else { text }
    }

    /// `output` without the key, also where it was escaped or came in pieces on the wire: what counts is what was read.
    ///
    /// # Errors
    /// [`serde_json::Error`] where an output that holds the key cannot be made anew without it.
    pub(crate) fn redact_output(&self, output: ModelOutput) -> serde_json::Result<ModelOutput> {
        if !self.is_sought() {
            return Ok(output);
        }
        let mut value = serde_json::to_value(&output)?;
        if self.redact_value(&mut value) { serde_json::from_value(value) } else { Ok(output) }
    }

    /// Takes the key out of every text of `value`, the names of fields too; returns whether one held it.
    fn redact_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) if text.contains(&self.0) => {
                *text = text.replace(&self.0, REDACTED);
                true
            }
            Value::Array(items) => self.redact_all(items),
            Value::Object(fields) => {
                let mut found = self.redact_all(fields.values_mut());
                if fields.keys().any(|name| name.contains(&self.0)) {
                    let named = std::mem::take(fields).into_iter();
                    *fields = named.map(|(name, value)| (name.replace(&self.0, REDACTED), value)).collect();
                    found = true;
                }
                found
            }
            _ => false,
        }
    }

    fn redact_all<'v>(&self, values: impl IntoIterator<Item = &'v mut Value>) -> bool {
        let mut found = false;
        for value in values {
            found |= self.redact_value(value);
        }
        found
    }

    /// Takes the key out of whatever an endpoint repeats.
    pub(crate) fn redact_exchange(&self, exchange: &mut Exchange) {
        if !self.is_sought() {
            return;
        }
        let headers = exchange.headers.iter_mut().map(|(_, value)| value);
        for bytes in [&mut exchange.request, &mut exchange.reply].into_iter().chain(headers) {
            self.redact_bytes(bytes);
        }
    }

    /// One pass: a reply may be nothing but the key, a million times.
    fn redact_bytes(&self, bytes: &mut Vec<u8>) {
        let key = self.0.as_bytes();
        let mut rest = bytes.as_slice();
        let mut redacted = Vec::new();
        while let Some(at) = find(rest, key) {
            redacted.extend_from_slice(&rest[..at]);
            redacted.extend_from_slice(REDACTED.as_bytes());
            rest = &rest[at + key.len()..];
        }
        if rest.len() < bytes.len() {
            redacted.extend_from_slice(rest);
            *bytes = redacted;
        }
    }

    fn is_sought(&self) -> bool {
        self.0.len() >= SOUGHT_LEN_MIN
    }
}

/// Passes the pieces of a reply on without the key. One that is cut between two pieces is taken out of the whole output.
pub(crate) struct RedactedSink<'a> {
    /// The key.
    pub(crate) key: &'a ApiKey,
    /// Who takes the pieces.
    pub(crate) sink: &'a mut dyn OutputSink,
}

impl OutputSink for RedactedSink<'_> {
    fn chunk(&mut self, chunk: OutputChunk) -> bool {
        self.sink.chunk(match chunk {
            OutputChunk::Text(text) => OutputChunk::Text(self.key.redact(text)),
            OutputChunk::Reasoning(text) => OutputChunk::Reasoning(self.key.redact(text)),
            end @ OutputChunk::End(_) => end,
        })
    }

    fn stop_text(&mut self, text: &str) {
        self.sink.stop_text(text);
    }
}

fn find(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    let first = *sought.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let start = from + at;
        if bytes.get(start..)?.starts_with(sought) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([credential])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_shown_nowhere() {
        let key = ApiKey::new("sk-very-secret\n");
        assert_eq!(format!("{key:?}"), "ApiKey([credential])");
        assert_eq!(key.redact("no `sk-very-secret`!".to_owned()), "no `[credential]`!");
        let mut exchange = Exchange {
            reply: b"ssk-very-secret sk-very-secretsk-very-secret sk-".to_vec(),
            headers: vec![("x".to_owned(), b"sk-very-secret".to_vec())],
            ..Exchange::default()
        };
        key.redact_exchange(&mut exchange);
        assert_eq!(exchange.reply, b"s[credential] [credential][credential] sk-");
        assert_eq!(exchange.headers[0].1, b"[credential]");
    }

    #[test]
    fn a_reply_of_nothing_but_the_key_takes_one_pass() {
        let (key, times) = (ApiKey::new("sk-very-secret"), 1_000_000);
        let mut exchange = Exchange { reply: b"sk-very-secret".repeat(times), ..Exchange::default() };
        // Moving the tail for every key would take minutes.
        key.redact_exchange(&mut exchange);
        assert_eq!(exchange.reply, b"[credential]".repeat(times));
    }

    #[test]
    fn a_short_key_changes_no_words() {
        assert_eq!(ApiKey::new("none").redact("none at all".to_owned()), "none at all");
    }
}
