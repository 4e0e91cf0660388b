//! Wire codecs: how a call and its reply look in the JSON of each provider's API.
//!
//! Pure: bytes in, values out. Whoever talks HTTP (`ph-provider`) sends what [`Dialect::encode`] makes to
//! [`Dialect::path`], and gives what comes back to [`Dialect::decode`], [`Dialect::stream_decoder`] or
//! [`Dialect::decode_error`]. A stream gives the same output as the whole reply would: a stream decoder puts the
//! pieces together to the whole reply's shape and reads that.
//!
//! **What survives.** Fields that this version does not know stay in `extra` of the part they belong to; those of a
//! message, of its tool calls and of the reply around it are kept in [`Message::extra`](crate::Message) under
//! [`Dialect::name`] as `{message, calls, reply}`. Of these, `message` and `calls` (reasoning signatures and the like)
//! are sent back on the next turn, to the same dialect only.

mod anthropic;
mod assistant;
mod error_reply;
mod fields;
mod google;
mod logprob;
mod openai_chat;
mod openai_model;
mod openai_responses;

use std::fmt;

use crate::api::{ModelErrorKind, ModelRequest, OutputChunk};
use crate::output::ModelOutput;
use crate::value_count::{REPLY_VALUES_MAX, count_values};

pub use error_reply::{ErrorClass, ErrorReply};

/// The most tokens of a reply that [`Dialect::AnthropicMessages`] asks for where the request does not say, those of
/// reasoning aside: that API wants a number.
pub const ANTHROPIC_MAX_TOKENS: u32 = 8_192;

/// The shape of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI chat completions, which many other services speak.
    OpenAiChat,
    /// OpenAI responses.
    OpenAiResponses,
    /// Anthropic messages.
    AnthropicMessages,
    /// Google `generateContent`.
    GoogleGenerateContent,
}

/// What a call needs beside the request itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireCall<'a> {
    /// The model's name at the provider.
    pub model: &'a str,
    /// Whether the reply is to come as a stream of events.
    pub stream: bool,
}

/// A request that a dialect cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The API has no such setting, and leaving it out would change what is measured.
    #[error("the {dialect} API has no setting `{setting}`")]
    Unsupported {
        /// The API.
        dialect: Dialect,
        /// The setting.
        setting: &'static str,
    },
    /// A tool message answers a call that no message makes.
    #[error("the tool message for call `{id}` answers no call of the conversation")]
    UnknownToolCall {
        /// The call's id.
        id: String,
    },
    /// A value cannot be written as JSON.
    #[error("the request cannot be written as JSON: {0}")]
    Json(String),
}

/// A reply that cannot be read, or that says that the call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It is not JSON.
    #[error("the reply is not JSON: {0}")]
    Json(String),
    /// It is nested deeper than anything that means something.
    #[error("the reply is nested more than {levels_max} levels deep")]
    TooDeep {
        /// The most levels that are read.
        levels_max: u32,
    },
    /// It holds more values than anything that means something; read, they would take far more memory than its bytes.
    #[error("the reply holds more than {values_max} values")]
    TooManyValues {
        /// The most values that are read.
        values_max: usize,
    },
    /// A field is missing.
    #[error("the reply has no `{field}`")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field holds another kind of value.
    #[error("`{field}` of the reply is not {expected}")]
    Shape {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The stream ended before its end was announced.
    #[error("the stream broke off before `{end}`")]
    Truncated {
        /// What announces the end.
        end: &'static str,
    },
    /// The provider reports a failure inside a reply that began well.
    #[error("{0}")]
    Reported(ErrorReply),
}

impl WireError {
    /// How the call's failure is classified.
    #[must_use]
    pub fn kind(&self) -> ModelErrorKind {
        match self {
            WireError::Reported(reply) => reply.kind(),
            _ => ModelErrorKind::MalformedReply,
        }
    }
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 4] =
        [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::GoogleGenerateContent];

    /// Its name in records and in [`Message::extra`](crate::Message).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai_chat",
            Dialect::OpenAiResponses => "openai_responses",
            Dialect::AnthropicMessages => "anthropic_messages",
            Dialect::GoogleGenerateContent => "google_generate_content",
        }
    }

    /// Where a call goes, relative to a base URL as the provider's own SDK takes it: for OpenAI it ends in `/v1`, for
    /// Google in `/v1beta`, for Anthropic in neither. Without leading slash; a query may follow.
    #[must_use]
    pub fn path(self, call: &WireCall<'_>) -> String {
        match self {
            Dialect::OpenAiChat => "chat/completions".to_owned(),
            Dialect::OpenAiResponses => "responses".to_owned(),
            Dialect::AnthropicMessages => "v1/messages".to_owned(),
            Dialect::GoogleGenerateContent => google::path(call),
        }
    }

    /// Whether the API has a seed; where it has none [`Dialect::encode`] leaves it out.
    #[must_use]
    pub fn has_seed(self) -> bool {
        matches!(self, Dialect::OpenAiChat | Dialect::GoogleGenerateContent)
    }

    /// The request's body.
    ///
    /// A seed is left out where the API has none (Anthropic messages, OpenAI responses) and folded to what the API
    /// takes elsewhere: 63 bits for OpenAI, 31 for Google.
    ///
    /// # Errors
    /// [`EncodeError`] where the API cannot say it.
    pub fn encode(self, request: &ModelRequest, call: &WireCall<'_>) -> Result<Vec<u8>, EncodeError> {
        let body = match self {
            Dialect::OpenAiChat => openai_chat::encode(request, call)?,
            Dialect::OpenAiResponses => openai_responses::encode(request, call)?,
            Dialect::AnthropicMessages => anthropic::encode(request, call)?,
            Dialect::GoogleGenerateContent => google::encode(request)?,
        };
        serde_json::to_vec(&body).map_err(|error| EncodeError::Json(error.to_string()))
    }

    /// Reads the whole body of a successful reply.
    ///
    /// # Errors
    /// [`WireError`] where it is no reply of this API, or reports a failure.
    pub fn decode(self, body: &[u8]) -> Result<ModelOutput, WireError> {
        let reply = fields::object(fields::parse(body)?, "reply")?;
        match self {
            Dialect::OpenAiChat => openai_chat::decode(reply),
            Dialect::OpenAiResponses => openai_responses::decode(reply),
            Dialect::AnthropicMessages => anthropic::decode(reply),
            Dialect::GoogleGenerateContent => google::decode(reply),
        }
    }

    /// Reads the body of a reply whose HTTP status tells of a failure; any bytes will do.
    #[must_use]
    pub fn decode_error(self, status: u16, body: &[u8]) -> ErrorReply {
        error_reply::decode(status, body)
    }

    /// Reads a streamed reply.
    #[must_use]
    pub fn stream_decoder(self) -> StreamDecoder {
        let state = match self {
            Dialect::OpenAiChat => Stream::OpenAiChat(openai_chat::StreamState::default()),
            Dialect::OpenAiResponses => Stream::OpenAiResponses(openai_responses::StreamState::default()),
            Dialect::AnthropicMessages => Stream::Anthropic(anthropic::StreamState::default()),
            Dialect::GoogleGenerateContent => Stream::Google(google::StreamState::default()),
        };
        StreamDecoder { state, values_left: REPLY_VALUES_MAX }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::OpenAiChat => "OpenAI chat completions",
            Dialect::OpenAiResponses => "OpenAI responses",
            Dialect::AnthropicMessages => "Anthropic messages",
            Dialect::GoogleGenerateContent => "Google generateContent",
        })
    }
}

/// Reads a streamed reply, event by event. Memory grows with the reply: whoever feeds it limits the bytes.
#[derive(Debug)]
pub struct StreamDecoder {
    state: Stream,
    /// How many values its events may still hold together.
    values_left: usize,
}

#[derive(Debug)]
enum Stream {
    OpenAiChat(openai_chat::StreamState),
    OpenAiResponses(openai_responses::StreamState),
    Anthropic(anthropic::StreamState),
    Google(google::StreamState),
}

impl StreamDecoder {
    /// Takes the data of one server-sent event and adds what it brought to `chunks`. The event's name is not needed:
    /// where an API names its events, the data says it too.
    ///
    /// # Errors
    /// [`WireError`] where the event cannot be read or reports a failure; the stream is then over.
    pub fn event(&mut self, data: &str, chunks: &mut Vec<OutputChunk>) -> Result<(), WireError> {
        let values = count_values(data.as_bytes(), self.values_left);
        let too_many = WireError::TooManyValues { values_max: REPLY_VALUES_MAX };
        self.values_left = self.values_left.checked_sub(values).ok_or(too_many)?;
        match &mut self.state {
            Stream::OpenAiChat(state) => state.event(data, chunks),
            Stream::OpenAiResponses(state) => state.event(data, chunks),
            Stream::Anthropic(state) => state.event(data, chunks),
            Stream::Google(state) => state.event(data, chunks),
        }
    }

    /// Whether the end was announced: nothing after it counts. A Google stream has no end but its closing.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.state {
            Stream::OpenAiChat(state) => state.is_done(),
            Stream::OpenAiResponses(state) => state.is_done(),
            Stream::Anthropic(state) => state.is_done(),
            Stream::Google(_) => false,
        }
    }

    /// The whole reply.
    ///
    /// # Errors
    /// [`WireError::Truncated`] where the end was not announced: a short answer is never made of a broken stream.
    pub fn finish(self) -> Result<ModelOutput, WireError> {
        match self.state {
            Stream::OpenAiChat(state) => state.finish(),
            Stream::OpenAiResponses(state) => state.finish(),
            Stream::Anthropic(state) => state.finish(),
            Stream::Google(state) => state.finish(),
        }
    }
}
