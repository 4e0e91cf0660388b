//! What a provider says when a call failed.

use std::fmt;

use serde_json::Value;

use super::fields::{self, Object};
use crate::api::ModelErrorKind;

/// The most characters of a provider's message that are kept; the bytes have the rest.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// What a failed call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The attempt failed.
    Failed(ModelErrorKind),
    /// A safeguard of the provider withheld the reply: the target's response, not a failure of the attempt.
    SafeguardBlock,
}

/// A provider's report of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReply {
    /// What it means.
    pub class: ErrorClass,
    /// The provider's words, shortened.
    pub message: String,
    /// The provider's own word for the failure.
    pub code: Option<String>,
    /// How long the body asks to wait, in milliseconds (Google says it there, not in a header).
    pub retry_after_ms: Option<u64>,
}

impl ErrorReply {
    /// How the attempt's failure is classified.
    #[must_use]
    pub fn kind(&self) -> ModelErrorKind {
        match self.class {
            ErrorClass::Failed(kind) => kind,
            ErrorClass::SafeguardBlock => ModelErrorKind::InvalidRequest,
        }
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) if !self.message.contains(code.as_str()) => write!(f, "{} (`{code}`)", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

/// Reads the body of a failed call.
pub(super) fn decode(status: u16, body: &[u8]) -> ErrorReply {
    match fields::parse(body) {
        Ok(value) => from_value(Some(status), &value),
        Err(_) => {
            let report = Report { message: String::from_utf8_lossy(body).trim().to_owned(), ..Report::default() };
            report.classified(Some(status))
        }
    }
}

/// Reads an error object, or whatever holds one; `status` where there was an HTTP status of failure.
pub(super) fn from_value(status: Option<u16>, value: &Value) -> ErrorReply {
    Report::read(value).classified(status)
}

/// The fields that the providers' error objects have between them.
#[derive(Debug, Default)]
struct Report {
    message: String,
    code: Option<String>,
    kind: Option<String>,
    status: Option<u16>,
    reason: Option<String>,
    retry_after_ms: Option<u64>,
}

impl Report {
    fn read(value: &Value) -> Self {
        let value = value.as_array().and_then(|items| items.first()).unwrap_or(value);
        let inner = match value.get("error") {
            Some(Value::String(message)) => return Self { message: message.clone(), ..Self::default() },
            Some(error) if error.is_object() => error,
            _ => value,
        };
        let Some(error) = inner.as_object() else {
            return Self { message: value.to_string(), ..Self::default() };
        };
        let words = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let message = words("message").or_else(|| words("detail")).or_else(|| words("msg"));
        Self {
            message: message.unwrap_or_else(|| inner.to_string()),
            code: words("code").or_else(|| words("status")),
            kind: words("type").filter(|kind| kind != "error"),
            status: number.filter(|code| (400..600).contains(code)),
            reason: google_detail(error, "reason").and_then(Value::as_str).map(str::to_owned),
            retry_after_ms: google_detail(error, "retryDelay").and_then(Value::as_str).and_then(duration_ms),
        }
    }

    fn classified(self, status: Option<u16>) -> ErrorReply {
        let words: Vec<&str> =
            [&self.reason, &self.code, &self.kind].into_iter().filter_map(|word| word.as_deref()).collect();
        let class = class(&words, &self.message.to_lowercase(), status.or(self.status));
        let code = words.first().map(|code| (*code).to_owned());
        let message = shortened(&self.message, status);
        ErrorReply { class, message, code, retry_after_ms: self.retry_after_ms }
    }
}

fn google_detail<'a>(error: &'a Object, key: &str) -> Option<&'a Value> {
    error.get("details")?.as_array()?.iter().find_map(|detail| detail.get(key))
}

/// Milliseconds of a duration as Google writes it: `34s`, `0.5s`.
fn duration_ms(text: &str) -> Option<u64> {
    let seconds = text.strip_suffix('s')?.parse::<f64>().ok()?;
    (0.0..=1e9).contains(&seconds).then_some((seconds * 1000.0).ceil() as u64)
}

fn shortened(message: &str, status: Option<u16>) -> String {
    if message.is_empty() {
        return match status {
            Some(status) => format!("HTTP status {status} without a message"),
            None => "a failure without a message".to_owned(),
        };
    }
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

fn class(words: &[&str], message: &str, status: Option<u16>) -> ErrorClass {
    let is = |names: &[&str]| words.iter().any(|word| names.contains(word));
    let may_be_too_long = status.is_none_or(|status| matches!(status, 400 | 413 | 422 | 500));
    if is(&["content_filter", "content_policy_violation", "invalid_prompt"]) {
        return ErrorClass::SafeguardBlock;
    }
    if is(&["context_length_exceeded"]) || (may_be_too_long && is_context_too_long(message)) {
        return ErrorClass::Failed(ModelErrorKind::ContextTooLong);
    }
    let refused = || is(&["invalid_request_error", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "request_too_large"]);
    let otherwise = || if refused() { ModelErrorKind::InvalidRequest } else { ModelErrorKind::Overloaded };
    ErrorClass::Failed(by_word(&is).or_else(|| status.map(by_status)).unwrap_or_else(otherwise))
}

/// The ways in which providers and servers say that the conversation is longer than the context.
fn is_context_too_long(message: &str) -> bool {
    const SAID: [&str; 9] = [
        "maximum context length",
        "context window",
        "context length",
        "prompt is too long",
        "exceed context limit",
        "exceeds the maximum number of tokens",
        "input tokens exceed",
        "exceed the available context size",
        "longer than the model's context",
    ];
    SAID.iter().any(|said| message.contains(said))
}

/// The words that say more than an HTTP status does.
fn by_word(is: &dyn Fn(&[&str]) -> bool) -> Option<ModelErrorKind> {
    const WORDS: [(&[&str], ModelErrorKind); 5] = [
        (
            &[
                "invalid_api_key",
                "insufficient_quota",
                "authentication_error",
                "permission_error",
                "billing_error",
                "API_KEY_INVALID",
                "UNAUTHENTICATED",
                "PERMISSION_DENIED",
            ],
            ModelErrorKind::Unauthorized,
        ),
        (&["model_not_found", "not_found_error", "NOT_FOUND"], ModelErrorKind::NotFound),
        (
            &[
                "rate_limit_exceeded",
                "rate_limit_error",
                "RESOURCE_EXHAUSTED",
                "too_many_requests",
                "tokens",
                "requests",
            ],
            ModelErrorKind::RateLimited,
        ),
        (&["timeout_error", "DEADLINE_EXCEEDED"], ModelErrorKind::Timeout),
        (
            &[
                "overloaded_error",
                "api_error",
                "server_error",
                "internal_server_error",
                "UNAVAILABLE",
                "INTERNAL",
                "ABORTED",
            ],
            ModelErrorKind::Overloaded,
        ),
    ];
    WORDS.iter().find(|(words, _)| is(words)).map(|(_, kind)| *kind)
}

/// How an HTTP status is classified. A conflict (409) is a lock that passes, so it counts as overload.
fn by_status(status: u16) -> ModelErrorKind {
    match status {
        401 | 402 | 403 | 407 => ModelErrorKind::Unauthorized,
        404 | 410 => ModelErrorKind::NotFound,
        408 => ModelErrorKind::Timeout,
        429 => ModelErrorKind::RateLimited,
        409 | 500.. => ModelErrorKind::Overloaded,
        _ => ModelErrorKind::InvalidRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ModelErrorKind as K;

    fn check(status: u16, body: &str, kind: K, said: &str) {
        let reply = decode(status, body.as_bytes());
        assert_eq!(reply.class, ErrorClass::Failed(kind), "{status} {body}");
        assert!(reply.to_string().contains(said), "{reply}");
    }

    #[test]
    fn every_provider_says_it_differently() {
        let openai = r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
        check(401, openai, K::Unauthorized, "Incorrect API key");
        let missing = r#"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","code":"model_not_found"}}"#;
        check(404, missing, K::NotFound, "does not exist");
        let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        check(429, quota, K::Unauthorized, "quota");
        let slow = r#"{"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}"#;
        check(429, slow, K::RateLimited, "rate_limit_exceeded");
        let anthropic =
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#;
        check(529, anthropic, K::Overloaded, "Overloaded");
        let google = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        check(400, google, K::Unauthorized, "API key not valid");
        check(400, &format!("[{google}]"), K::Unauthorized, "API key not valid");
        check(422, r#"{"detail":"bad field"}"#, K::InvalidRequest, "bad field");
        check(503, "<html>busy</html>", K::Overloaded, "busy");
        check(500, "", K::Overloaded, "HTTP status 500");
        check(409, "{}", K::Overloaded, "{}");
        check(408, "null", K::Timeout, "null");
    }

    #[test]
    fn too_long_is_found_in_all_dialects() {
        for body in [
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            r#"{"error":{"message":"Your input exceeds the context window of this model.","code":"context_length_exceeded"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}"#,
            r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
        ] {
            check(400, body, K::ContextTooLong, "");
        }
    }

    #[test]
    fn a_block_is_the_targets_response() {
        let body = r#"{"error":{"message":"flagged","type":"invalid_request_error","code":"invalid_prompt"}}"#;
        assert_eq!(decode(400, body.as_bytes()).class, ErrorClass::SafeguardBlock);
    }

    #[test]
    fn google_says_in_the_body_how_long_to_wait() {
        let body = r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#;
        let reply = decode(429, body.as_bytes());
        assert_eq!((reply.class, reply.retry_after_ms), (ErrorClass::Failed(K::RateLimited), Some(34_500)));
    }

    #[test]
    fn a_long_message_is_shortened() {
        let reply = decode(500, "é".repeat(1 << 20).as_bytes());
        assert_eq!(reply.message.chars().count(), MESSAGE_CHARS_MAX + 1);
    }
}
