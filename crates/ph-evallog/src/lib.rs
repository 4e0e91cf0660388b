//! Reads and writes Inspect evaluation logs (`.eval`, schema version 2): a ZIP archive of JSON documents.
//!
//! Level 3. The journal of a run packs every finished sample once ([`Packer`]) and assembles log files by copying what was
//! packed ([`LogWriter`]); an [`EvalLog`] reads a log made here or by Inspect, whole or piece by piece. Memory stays flat
//! however many samples a log has: the central directory is spooled while writing and scanned by ranges while reading,
//! and one sample is read without the others. Nothing here knows runs on disk, models or scorers, and nothing trusts a
//! length that a file declares. Writing is the feature `write`: who reads alone has no C code in its build.

mod chunked;
mod condense;
pub mod core;
#[cfg(feature = "parquet")]
pub mod dataframe;
pub mod error;
mod event;
mod file_slice;
pub mod header;
pub mod imported;
pub mod json_array;
pub mod lenient;
#[cfg(feature = "write")]
pub mod log_writer;
mod message;
pub mod names;
pub mod numbers;
mod old_shape;
pub mod pack;
#[cfg(feature = "write")]
pub mod packer;
pub mod reader;
pub mod sample;
mod schema;
mod score;
#[cfg(feature = "write")]
mod score_sort;
mod shape;
#[cfg(feature = "write")]
pub mod spool;
pub mod stats;
pub mod summary;
#[cfg(feature = "write")]
mod totals;
pub mod zip;

pub use error::{LogError, Result};
pub use file_slice::FileSlice;
pub use header::start_json;
pub use imported::{ImportedHeader, import_header};
#[cfg(feature = "write")]
pub use log_writer::LogWriter;
pub use names::entry_name;
pub use pack::PackedEntry;
#[cfg(feature = "write")]
pub use packer::Packer;
pub use reader::{EvalLog, Header, SamplePlace};
pub use sample::{SampleContext, sample_in, sample_json};
pub use stats::merged_stats;
pub use summary::{SampleSummary, summary_json};
pub use zip::ReadLimits;
