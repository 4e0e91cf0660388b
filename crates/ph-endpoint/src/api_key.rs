//! The key that callers must show.

use std::fmt;

use axum::http::{HeaderMap, header};
use ph_base::Digest;
use subtle::ConstantTimeEq as _;

const KEY_BYTES_MIN: usize = 16;
const KEY_BYTES_MAX: usize = 4096;

/// A bearer key. Only its digest is kept, and it is never printed.
#[derive(Clone)]
pub struct ApiKey(Digest);

/// A text that cannot serve as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// Too short to be secret, or too long for a header.
    #[error("the key has `{0}` characters; it needs {KEY_BYTES_MIN} to {KEY_BYTES_MAX}")]
    Length(usize),
    /// It could not be sent in a header.
    #[error("the key has a character that is not printable ASCII without spaces")]
    Character,
}

impl ApiKey {
    /// The key in `text`, white space around it left out.
    ///
    /// # Errors
    /// [`ApiKeyError`] where nobody could send it or anybody could guess it.
    pub fn new(text: &str) -> Result<Self, ApiKeyError> {
        let text = text.trim();
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&text.len()) {
            return Err(ApiKeyError::Length(text.len()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiKeyError::Character);
        }
        Ok(Self(Digest::of(text.as_bytes())))
    }

    /// Whether the request shows this key: as a bearer (OpenAI's way) or in `x-api-key` (Anthropic's way). Compares digests
    /// in constant time.
    pub(crate) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        let own = headers.get("x-api-key").map(axum::http::HeaderValue::as_bytes);
        [bearer, own].into_iter().flatten().any(|shown| self.equals(shown))
    }

    fn equals(&self, shown: &[u8]) -> bool {
        self.0.bytes()[..].ct_eq(&Digest::of(shown).bytes()[..]).into()
    }
}

/// The credential of `Bearer CREDENTIAL`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef";

    fn check(name: &'static str, value: &'static str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(name, axum::http::HeaderValue::from_static(value));
        assert_eq!(ApiKey::new(KEY).unwrap().is_shown(&headers), expected, "{name}: {value}");
    }

    #[test]
    fn both_ways_of_showing_a_key_count() {
        check("authorization", "Bearer 0123456789abcdef", true);
        check("authorization", "bearer 0123456789abcdef", true);
        check("x-api-key", "0123456789abcdef", true);
        check("authorization", "Bearer 0123456789abcdeg", false);
        check("authorization", "0123456789abcdef", false);
        check("authorization", "Basic 0123456789abcdef", false);
        check("x-api-key", "", false);
        check("api-key", "0123456789abcdef", false);
    }

    #[test]
    fn keys_that_protect_nothing_are_refused() {
        assert_eq!(ApiKey::new("short\n").unwrap_err(), ApiKeyError::Length(5));
        assert_eq!(ApiKey::new("0123456789 abcdef").unwrap_err(), ApiKeyError::Character);
        assert_eq!(format!("{:?}", ApiKey::new(KEY).unwrap()), "ApiKey(…)");
    }
}
