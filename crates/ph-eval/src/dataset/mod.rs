//! Datasets in files: JSON Lines, CSV and Parquet, read as they are needed and never held whole.
//!
//! A file is read twice: once for the task's digest, which also refuses an id that comes twice (ids are sorted, of many in
//! a temporary file), and once to run it; if it changed in between, the run ends with an error. Shuffled items are reached
//! by an index of where they begin, 16 bytes each. Errors name file, line and column.

mod csv_file;
mod fields;
mod file_source;
mod item_digest;
mod item_file;
mod json_lines;
#[cfg(feature = "parquet")]
mod parquet_file;
mod shuffled;
mod whole_file;

pub use self::file_source::FileSource;
pub(crate) use self::item_file::{Format, read_items};

use ph_record::{Sample, TaskSourceError};

use crate::solver::choice_letter::{CHOICES_MAX, place_of};

/// The most bytes of one item.
pub const ITEM_BYTES_MAX: usize = 16 << 20;

/// An item with where it begins.
#[derive(Debug)]
pub(crate) struct LocatedItem {
    /// The line, or the row of a Parquet file, from 1.
    pub(crate) line: u64,
    /// The byte; 0 where items cannot be reached by it.
    pub(crate) offset: u64,
    /// The item.
    pub(crate) sample: Sample,
}

/// An item cannot be read.
#[derive(Debug)]
pub(crate) struct ItemError {
    /// The line, or the row of a Parquet file, from 1.
    pub(crate) line: u64,
    /// What is wrong where.
    pub(crate) error: TaskSourceError,
    /// Whether nothing after it can be read either.
    pub(crate) ends: bool,
}

/// The items of a file in its order. After an error that `ends` there is nothing more.
pub(crate) type LocatedItems = Box<dyn Iterator<Item = Result<LocatedItem, ItemError>> + Send>;

/// What is wrong with an item for a reason that its format does not know.
fn check_item(sample: &Sample) -> Result<(), String> {
    if sample.id.is_empty() {
        return Err("`id` is empty".to_owned());
    }
    if sample.choices.len() > CHOICES_MAX {
        return Err(format!("{} choices; at most {CHOICES_MAX} have a letter", sample.choices.len()));
    }
    let is_letter = |gold: &String| sample.choices.is_empty() || place_of(gold, sample.choices.len()).is_some();
    match sample.expected.all().iter().find(|gold| !is_letter(gold)) {
        Some(gold) => {
            Err(format!("`target` is `{gold}`, not the letter of one of the {} choices", sample.choices.len()))
        }
        None => Ok(()),
    }
}

/// An error at a line and, where known, a column of a file.
fn error_at(file: &str, line: u64, column: Option<usize>, problem: impl Into<String>) -> TaskSourceError {
    match column {
        Some(column) => TaskSourceError::new(format!("{file}:{line}:{column}"), problem),
        None => TaskSourceError::new(format!("{file}:{line}"), problem),
    }
}
