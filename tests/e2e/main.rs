//! The program as a person meets it: whole commands, real weights, real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod assess;
mod errors;
mod eval;
mod interrupt;
mod logs;
mod model_errors;
mod program;
mod report_page;
mod spending;
