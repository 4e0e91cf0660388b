//! The wire codecs, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod corpus;
mod decode;
mod encode;
mod hostile;
mod next_turn;
mod stream;
