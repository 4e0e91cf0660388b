//! Integration tests of the local runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use ph_local::{LocalTokenizer, ModelFiles};

mod bad_input;
mod batching;
mod generate;
mod references;
mod stream;
mod tiny;
