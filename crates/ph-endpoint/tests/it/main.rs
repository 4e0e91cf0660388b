//! Integration tests of the endpoint: over models made to order and over a tiny local model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use ph_local::{LocalTokenizer, ModelFiles};

mod anthropic;
mod client;
mod disconnect;
mod errors;
mod local;
mod openai;
mod sdk;
mod staged;
#[path = "../../../ph-local/tests/it/tiny.rs"]
mod tiny;
