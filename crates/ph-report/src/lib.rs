//! From report data to what a person reads: one self-contained HTML page, a Markdown summary, a table for the terminal.
//! And the JSON Schema of the data, for whoever reads `report.json` with a program.
//!
//! `ph-assess` calls [`html`] and [`markdown`] and writes the files; the program prints [`text_table`]. Nothing here calculates: every
//! number comes from `ph-analysis`. Model output is hostile: the page escapes it, carries a policy that forbids scripts
//! and outside requests, and shows control and direction characters as marks; the terminal gets none of them.

mod chart;
mod contents;
mod domain;
mod endpoint_text;
mod endpoint_view;
mod harness;
mod html;
mod markdown;
mod methods;
mod metric_table;
mod provenance;
mod rows;
mod schema;
mod sensitivity;
mod suite_view;
mod terminal;
mod text;

pub use endpoint_text::{conformance_text, costs_text};
pub use html::{ReportError, html};
pub use markdown::markdown;
pub use schema::json_schema;
pub use terminal::{run_table, text_table};
