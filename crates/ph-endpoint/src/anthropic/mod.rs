//! The Anthropic dialect: messages and counting their tokens.

mod messages;
mod reply;
mod request;
mod stream;

pub(crate) use messages::{count_tokens, messages};
