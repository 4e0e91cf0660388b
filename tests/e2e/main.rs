//! The program as a person meets it: whole commands, real weights, real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod assess;
mod bundle;
mod endings;
mod errors;
mod eval;
mod inspect;
mod inspect_view;
mod interop;
mod interrupt;
mod logs;
mod model_errors;
mod program;
mod replay;
mod report_page;
mod resume;
mod roles;
mod served;
mod spending;
mod witness;
