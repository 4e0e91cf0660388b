//! From report data to what a person reads: one self-contained HTML page and a table for the terminal.
//!
//! `ph-assess` calls [`html`] and writes the file; the program prints [`text_table`]. Nothing here calculates: every
//! number comes from `ph-analysis`. Model output is hostile: the page escapes it, carries a policy that forbids scripts
//! and outside requests, and shows control and direction characters as marks; the terminal gets none of them.

mod chart;
mod html;
mod rows;
mod suite_view;
mod terminal;
mod text;

pub use html::{ReportError, html};
pub use terminal::{run_table, text_table};
