//! What can go wrong with a model's endpoint, each thing by its name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One way in which an endpoint fails a call. [`Fault::ALL`] lists them, so that a test can walk fault × dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 400, in the service's words for a prompt that is longer than the context.
    ContextTooLong,
    /// 401: the key is not known.
    Unauthorized,
    /// 403: the key may not do this.
    Forbidden,
    /// 404: no such model.
    NotFound,
    /// 429 with `Retry-After` in seconds.
    RateLimited,
    /// 429 with `Retry-After` as an HTTP date.
    RateLimitedDate,
    /// 500.
    ServerError,
    /// 502 with a page of HTML, as a proxy in between writes it.
    BadGateway,
    /// 503.
    Unavailable,
    /// 529, Anthropic's "overloaded".
    Overloaded,
    /// The connection is reset before any byte of the reply.
    ResetBeforeHeaders,
    /// The connection is reset after half of the body.
    ResetMidBody,
    /// The body comes byte by byte, with a pause before each.
    SlowDrip,
    /// No byte ever comes.
    Hang,
    /// Half of the body comes, then no byte more.
    HangMidBody,
    /// 200 whose body is noise.
    Garbage,
    /// 200 without a body.
    EmptyBody,
    /// 200 with the right body under `text/html`.
    WrongContentType,
    /// 200 whose body is an error object; in a stream, an error event after the first half.
    ErrorInBody,
    /// A stream that ends, cleanly for HTTP, after half of its events; a whole reply is cut within a string.
    TruncatedStream,
    /// The JSON ends in the middle, cleanly for HTTP; in a stream, that of an event in its middle.
    TruncatedJson,
    /// `Content-Length` promises more than is sent before the connection closes.
    LengthTooLong,
    /// `Content-Length` promises less than is sent.
    LengthTooShort,
    /// A reply of a gigabyte (`huge_bytes`): one string without end, or deltas without end.
    HugeReply,
    /// The keys that matter are there twice, with other values the first time.
    DuplicateKeys,
    /// The text holds bytes that are not UTF-8.
    InvalidUtf8,
    /// A header of a megabyte (`huge_header_bytes`).
    HugeHeader,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 27] = [
        Fault::ContextTooLong,
        Fault::Unauthorized,
        Fault::Forbidden,
        Fault::NotFound,
        Fault::RateLimited,
        Fault::RateLimitedDate,
        Fault::ServerError,
        Fault::BadGateway,
        Fault::Unavailable,
        Fault::Overloaded,
        Fault::ResetBeforeHeaders,
        Fault::ResetMidBody,
        Fault::SlowDrip,
        Fault::Hang,
        Fault::HangMidBody,
        Fault::Garbage,
        Fault::EmptyBody,
        Fault::WrongContentType,
        Fault::ErrorInBody,
        Fault::TruncatedStream,
        Fault::TruncatedJson,
        Fault::LengthTooLong,
        Fault::LengthTooShort,
        Fault::HugeReply,
        Fault::DuplicateKeys,
        Fault::InvalidUtf8,
        Fault::HugeHeader,
    ];

    /// The name in configurations, markers, headers and model names: `rate_limited`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fault::ContextTooLong => "context_too_long",
            Fault::Unauthorized => "unauthorized",
            Fault::Forbidden => "forbidden",
            Fault::NotFound => "not_found",
            Fault::RateLimited => "rate_limited",
            Fault::RateLimitedDate => "rate_limited_date",
            Fault::ServerError => "server_error",
            Fault::BadGateway => "bad_gateway",
            Fault::Unavailable => "unavailable",
            Fault::Overloaded => "overloaded",
            Fault::ResetBeforeHeaders => "reset_before_headers",
            Fault::ResetMidBody => "reset_mid_body",
            Fault::SlowDrip => "slow_drip",
            Fault::Hang => "hang",
            Fault::HangMidBody => "hang_mid_body",
            Fault::Garbage => "garbage",
            Fault::EmptyBody => "empty_body",
            Fault::WrongContentType => "wrong_content_type",
            Fault::ErrorInBody => "error_in_body",
            Fault::TruncatedStream => "truncated_stream",
            Fault::TruncatedJson => "truncated_json",
            Fault::LengthTooLong => "length_too_long",
            Fault::LengthTooShort => "length_too_short",
            Fault::HugeReply => "huge_reply",
            Fault::DuplicateKeys => "duplicate_keys",
            Fault::InvalidUtf8 => "invalid_utf8",
            Fault::HugeHeader => "huge_header",
        }
    }

    /// The HTTP status that the client sees; nothing where no headers come.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Fault::ContextTooLong => Some(400),
            Fault::Unauthorized => Some(401),
            Fault::Forbidden => Some(403),
            Fault::NotFound => Some(404),
            Fault::RateLimited | Fault::RateLimitedDate => Some(429),
            Fault::ServerError => Some(500),
            Fault::BadGateway => Some(502),
            Fault::Unavailable => Some(503),
            Fault::Overloaded => Some(529),
            Fault::ResetBeforeHeaders | Fault::Hang => None,
            _ => Some(200),
        }
    }

    /// Whether the reply is whole and well formed as HTTP and as JSON, only an error: a status other than 200.
    #[must_use]
    pub fn is_error_reply(self) -> bool {
        self.status().is_some_and(|status| status != 200)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was given names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault; the faults are {list}", list = Fault::ALL.map(Fault::name).join(", "))]
pub struct FaultNameError(String);

impl FromStr for Fault {
    type Err = FaultNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Fault::ALL
            .into_iter()
            .find(|fault| fault.name() == text)
            .ok_or_else(|| FaultNameError(text.chars().filter(|c| !c.is_control()).take(80).collect()))
    }
}

/// A fault asked for by a call itself, in a marker, header or model name: `rate_limited`, or with the number of times
/// it happens to the same prompt, `rate_limited~2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    fault: Fault,
    times: Option<u32>,
}

impl Order {
    /// The fault, if it still happens to a prompt that was seen `seen` times before.
    pub(super) fn at(self, seen: u32) -> Option<Fault> {
        self.times.is_none_or(|times| seen < times).then_some(self.fault)
    }
}

impl FromStr for Order {
    type Err = FaultNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |_| FaultNameError(text.chars().filter(|c| !c.is_control()).take(80).collect());
        match text.trim().split_once('~') {
            None => Ok(Self { fault: text.trim().parse()?, times: None }),
            Some((fault, times)) => Ok(Self { fault: fault.parse()?, times: Some(times.parse().map_err(wrong)?) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_and_spelled_so_in_configurations() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(fault));
            assert_eq!(serde_json::to_string(&fault).unwrap(), format!("\"{fault}\""));
        }
        let names: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        assert!("no_such".parse::<Fault>().unwrap_err().to_string().contains("rate_limited_date"));
    }

    #[test]
    fn an_order_ends_after_its_times() {
        let order: Order = "server_error~2".parse().unwrap();
        assert_eq!([0, 1, 2].map(|seen| order.at(seen)), [Some(Fault::ServerError), Some(Fault::ServerError), None]);
        assert_eq!("hang".parse::<Order>().unwrap().at(1000), Some(Fault::Hang));
        assert!("hang~x".parse::<Order>().is_err());
    }
}
