//! What can be wrong with a request, and how each dialect says so.

use std::fmt;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ph_model::{ModelError, ModelErrorKind};
use serde_json::{Value, json};

/// Whose shapes a caller expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
}

impl Dialect {
    /// The dialect of a request that reached no route of its own, or the list of models that both have.
    pub(crate) fn of(path: &str, headers: &HeaderMap) -> Self {
        if path.starts_with("/v1/messages") || headers.contains_key("anthropic-version") {
            Dialect::Anthropic
        } else {
            Dialect::OpenAi
        }
    }
}

/// What kind of failure; decides status, type and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Invalid,
    ContextTooLong,
    UnknownModel,
    UnknownPath,
    Method,
    MediaType,
    TooLarge,
    TooSlow,
    NoKey,
    Forbidden,
    RateLimited,
    Model,
    Upstream,
    Overloaded,
    UpstreamTimeout,
}

/// A request that gets no reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiFailure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    /// The field at fault, as `messages[0].content`.
    pub(crate) param: Option<String>,
    pub(crate) retry_after_ms: Option<u64>,
}

impl ApiFailure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, retry_after_ms: None }
    }

    /// `param` has a value that cannot be taken.
    pub(crate) fn invalid(param: impl Into<String>, what: impl fmt::Display) -> Self {
        let param = param.into();
        Self { message: format!("`{param}` {what}"), param: Some(param), ..Self::new(FailureKind::Invalid, "") }
    }

    /// The answer in this dialect.
    pub(crate) fn response(&self, dialect: Dialect) -> Response {
        let mut response = (self.kind.status(dialect), Json(self.body(dialect))).into_response();
        if let Some(ms) = self.retry_after_ms {
            let seconds = ms.div_ceil(1000);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The body alone, which is also what a stream under way ends with.
    pub(crate) fn body(&self, dialect: Dialect) -> Value {
        match dialect {
            Dialect::OpenAi => json!({ "error": {
                "message": self.message,
                "type": self.kind.openai_type(),
                "param": self.param,
                "code": self.kind.openai_code(),
            }}),
            Dialect::Anthropic => json!({
                "type": "error",
                "error": { "type": self.kind.anthropic_type(), "message": self.message },
            }),
        }
    }
}

impl FailureKind {
    fn status(self, dialect: Dialect) -> StatusCode {
        match self {
            FailureKind::Invalid | FailureKind::ContextTooLong => StatusCode::BAD_REQUEST,
            FailureKind::UnknownModel | FailureKind::UnknownPath => StatusCode::NOT_FOUND,
            FailureKind::Method => StatusCode::METHOD_NOT_ALLOWED,
            FailureKind::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FailureKind::TooSlow => StatusCode::REQUEST_TIMEOUT,
            FailureKind::NoKey => StatusCode::UNAUTHORIZED,
            FailureKind::Forbidden => StatusCode::FORBIDDEN,
            FailureKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            FailureKind::Model => StatusCode::INTERNAL_SERVER_ERROR,
            FailureKind::Upstream => StatusCode::BAD_GATEWAY,
            FailureKind::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            FailureKind::Overloaded if dialect == Dialect::Anthropic => {
                StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
            FailureKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn openai_type(self) -> &'static str {
        match self {
            FailureKind::RateLimited => "rate_limit_error",
            FailureKind::Model | FailureKind::Upstream | FailureKind::Overloaded | FailureKind::UpstreamTimeout => {
                "server_error"
            }
            _ => "invalid_request_error",
        }
    }

    fn openai_code(self) -> Option<&'static str> {
        match self {
            FailureKind::ContextTooLong => Some("context_length_exceeded"),
            FailureKind::UnknownModel => Some("model_not_found"),
            FailureKind::UnknownPath => Some("unknown_url"),
            FailureKind::NoKey => Some("invalid_api_key"),
            FailureKind::TooLarge => Some("request_too_large"),
            FailureKind::RateLimited => Some("rate_limit_exceeded"),
            _ => None,
        }
    }

    fn anthropic_type(self) -> &'static str {
        match self {
            FailureKind::UnknownModel | FailureKind::UnknownPath => "not_found_error",
            FailureKind::TooLarge => "request_too_large",
            FailureKind::NoKey => "authentication_error",
            FailureKind::Forbidden => "permission_error",
            FailureKind::RateLimited => "rate_limit_error",
            FailureKind::Model | FailureKind::Upstream => "api_error",
            FailureKind::UpstreamTimeout => "timeout_error",
            FailureKind::Overloaded => "overloaded_error",
            _ => "invalid_request_error",
        }
    }
}

impl From<ModelError> for ApiFailure {
    fn from(error: ModelError) -> Self {
        let kind = match error.kind {
            ModelErrorKind::InvalidRequest => FailureKind::Invalid,
            ModelErrorKind::ContextTooLong => FailureKind::ContextTooLong,
            ModelErrorKind::RateLimited => FailureKind::RateLimited,
            ModelErrorKind::Overloaded => FailureKind::Overloaded,
            ModelErrorKind::Timeout => FailureKind::UpstreamTimeout,
            ModelErrorKind::AccessCut => FailureKind::Forbidden,
            ModelErrorKind::Model => FailureKind::Model,
            ModelErrorKind::Unreachable
            | ModelErrorKind::Unauthorized
            | ModelErrorKind::NotFound
            | ModelErrorKind::MalformedReply => FailureKind::Upstream,
        };
        let param = (kind == FailureKind::ContextTooLong).then(|| "messages".to_owned());
        Self { kind, message: error.message, param, retry_after_ms: error.retry_after_ms }
    }
}
