//! The program as a person meets it: whole commands, real weights, real files.

mod assess;
mod errors;
mod eval;
mod interrupt;
mod model_errors;
mod program;
mod report_page;
