//! What others specify, held against their vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod container;
mod corpus;
mod dsse;
mod json;
mod merkle;
mod note;
mod witness;
