//! The credential of an endpoint: shown nowhere.

use std::fmt;

use ph_model::Exchange;

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

    fn redact_bytes(&self, bytes: &mut Vec<u8>) {
        let key = self.0.as_bytes();
        let mut from = 0;
        while let Some(at) = find(bytes.get(from..).unwrap_or_default(), key) {
            let start = from + at;
            bytes.splice(start..start + key.len(), REDACTED.bytes());
            from = start + REDACTED.len();
        }
    }

    fn is_sought(&self) -> bool {
        self.0.len() >= SOUGHT_LEN_MIN
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
    fn a_short_key_changes_no_words() {
        assert_eq!(ApiKey::new("none").redact("none at all".to_owned()), "none at all");
    }
}
