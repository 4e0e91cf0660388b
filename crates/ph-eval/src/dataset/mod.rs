//! Datasets in files: JSON Lines and CSV, read as they are needed and never held whole.
//!
//! A file is read twice: once for the task's digest, which also refuses an id that comes twice, and once to run it; if
//! it changed in between, the run ends with an error. Errors name file, line and column.

mod csv_file;
mod file_source;
mod json_lines;

pub use self::file_source::FileSource;

use ph_record::{Sample, TaskSourceError};

use crate::solver::choice_letter::{CHOICES_MAX, place_of};

/// The most bytes of one item.
pub const ITEM_BYTES_MAX: usize = 16 << 20;

/// An item with the line on which it begins.
type LocatedItem = (u64, Sample);

/// The kinds of dataset file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    JsonLines,
    Csv,
}

impl Format {
    fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "jsonl" => Some(Format::JsonLines),
            "csv" => Some(Format::Csv),
            _ => None,
        }
    }
}

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
