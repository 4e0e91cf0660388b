//! A dataset file of a task: its format, its place, and how its items are read.

use std::io::{self, Read};

use ph_record::{DatasetTable, FieldMap, TaskSourceError};

use super::csv_file::CsvFile;
use super::json_lines::JsonLines;
use super::shuffled::ShuffledItems;
use super::{ItemError, LocatedItems};
use crate::task_place::{TaskPlace, is_inside};

/// The kinds of dataset file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON Lines.
    JsonLines,
    /// CSV.
    Csv,
    /// Parquet.
    Parquet,
}

impl Format {
    /// The format that a file's name ends in.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "jsonl" => Some(Format::JsonLines),
            "csv" => Some(Format::Csv),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    }
}

/// What to write instead of a name that ends in no known format.
pub(crate) const FORMATS_HINT: &str = "a dataset file ends in `.jsonl`, `.csv` or `.parquet`";

/// The items of a JSON Lines or CSV file, which messages call `file`.
pub(crate) fn read_items(
    format: Format,
    file: String,
    reader: Box<dyn Read + Send>,
    fields: &FieldMap,
) -> Result<LocatedItems, TaskSourceError> {
    match format {
        Format::JsonLines => Ok(Box::new(JsonLines::new(file, reader, fields.clone()))),
        Format::Csv => Ok(Box::new(CsvFile::new(file, reader, fields.clone()))),
        Format::Parquet => Err(TaskSourceError::new(file, "a Parquet file cannot be read here")
            .with_hint("give the items as `.jsonl` or `.csv`")),
    }
}

/// A task's dataset file.
#[derive(Clone)]
pub(super) struct ItemFile {
    place: TaskPlace,
    pub(super) table: DatasetTable,
    pub(super) format: Format,
}

impl ItemFile {
    /// The file that `table` names; opens it once to see that it is there.
    pub(super) fn new(place: TaskPlace, table: &DatasetTable) -> Result<Self, TaskSourceError> {
        let name = table.file.as_str();
        if !is_inside(name) {
            return Err(TaskSourceError::new(name, "the dataset is outside the task's folder")
                .with_hint("give a path relative to `task.toml`, without `..`"));
        }
        let format =
            Format::of(name).ok_or_else(|| TaskSourceError::new(name, "not a dataset file").with_hint(FORMATS_HINT))?;
        if format == Format::Parquet && !table.shuffle.is_none() {
            return Err(TaskSourceError::new(name, "the rows of a Parquet file cannot be shuffled")
                .with_hint("leave `shuffle` out, or give the items as `.jsonl` or `.csv`"));
        }
        let table = DatasetTable { file: name.trim_start_matches("./").to_owned(), ..table.clone() };
        let file = Self { place, table, format };
        drop(file.items()?);
        Ok(file)
    }

    /// How messages name it.
    pub(super) fn display(&self) -> String {
        self.place.display(&self.table.file)
    }

    /// The items in the file's order.
    pub(super) fn items(&self) -> Result<LocatedItems, TaskSourceError> {
        match self.format {
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                let source = self.place.open_seekable(&self.table.file).map_err(|error| self.unopened(&error))?;
                super::parquet_file::read_rows(self.display(), source, self.table.fields.clone())
            }
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => Err(TaskSourceError::new(self.display(), "this build does not read Parquet")
                .with_hint("build with the feature `parquet` or `full`, or give the items as `.jsonl` or `.csv`")),
            format => {
                let reader = self.place.open(&self.table.file).map_err(|error| self.unopened(&error))?;
                read_items(format, self.display(), reader, &self.table.fields)
            }
        }
    }

    /// The items that begin at these bytes and lines, in this order.
    pub(super) fn items_at(&self, order: std::sync::Arc<Vec<(u64, u64)>>) -> Result<LocatedItems, TaskSourceError> {
        let source = self.place.open_seekable(&self.table.file).map_err(|error| self.unopened(&error))?;
        let headers = match self.format {
            Format::Csv => {
                let reader = self.place.open(&self.table.file).map_err(|error| self.unopened(&error))?;
                let mut file = CsvFile::new(self.display(), reader, self.table.fields.clone());
                Some(file.headers().map_err(|failed: ItemError| failed.error)?)
            }
            _ => None,
        };
        Ok(Box::new(ShuffledItems::new(self.display(), (source, order), headers, self.table.fields.clone())))
    }

    fn unopened(&self, error: &io::Error) -> TaskSourceError {
        TaskSourceError::new(self.display(), format!("cannot be opened: {error}"))
    }
}
