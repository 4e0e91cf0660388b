//! CSV: a header line; `id`, `input`, `target`; choices as a JSON list in `choices` or one per column `choice_a`,
//! `choice_b`, …; every other column is metadata.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use ph_record::{Expected, Sample, SampleInput, TaskSourceError};
use serde_json::{Map, Value};

use super::{ITEM_BYTES_MAX, LocatedItem, check_item, error_at};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Id,
    Input,
    Target,
    Choices,
    Choice,
    Metadata(String),
}

/// Reads the items of a CSV file one by one. After an error it ends.
pub(super) struct CsvFile<R> {
    file: String,
    reader: Reader<Bounded<R>>,
    columns: Option<Vec<Column>>,
    allowance: Arc<AtomicUsize>,
    is_over: bool,
}

impl<R: Read> CsvFile<R> {
    pub(super) fn new(file: String, reader: R) -> Self {
        let allowance = Arc::new(AtomicUsize::new(ITEM_BYTES_MAX));
        let bounded = Bounded { reader, allowance: allowance.clone() };
        let reader = ReaderBuilder::new().trim(Trim::Headers).from_reader(bounded);
        Self { file, reader, columns: None, allowance, is_over: false }
    }

    fn read_columns(&mut self) -> Result<Vec<Column>, TaskSourceError> {
        let headers = self.reader.headers().map_err(|error| csv_error(&self.file, &error))?.clone();
        let mut columns = Vec::new();
        for (place, name) in headers.iter().enumerate() {
            if headers.iter().take(place).any(|earlier| earlier == name) {
                return Err(error_at(&self.file, 1, None, format!("the column `{name}` comes twice")));
            }
            columns.push(column(name));
        }
        for (wanted, name) in [(Column::Id, "id"), (Column::Input, "input")] {
            if !columns.contains(&wanted) {
                return Err(error_at(&self.file, 1, None, format!("there is no column `{name}`")));
            }
        }
        Ok(columns)
    }

    fn next_item(&mut self) -> Result<Option<LocatedItem>, TaskSourceError> {
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.read_columns()?,
        };
        self.allowance.store(ITEM_BYTES_MAX, Ordering::Relaxed);
        let mut record = StringRecord::new();
        let is_there = self.reader.read_record(&mut record).map_err(|error| csv_error(&self.file, &error))?;
        if !is_there {
            return Ok(None);
        }
        let line = record.position().map_or(0, csv::Position::line);
        let sample = sample(&columns, &record).and_then(|sample| check_item(&sample).map(|()| sample));
        self.columns = Some(columns);
        sample.map(|sample| Some((line, sample))).map_err(|problem| error_at(&self.file, line, None, problem))
    }
}

impl<R: Read> Iterator for CsvFile<R> {
    type Item = Result<LocatedItem, TaskSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.next_item().transpose()?;
        self.is_over = item.is_err();
        Some(item)
    }
}

fn column(name: &str) -> Column {
    match name.trim_start_matches('\u{feff}') {
        "id" => Column::Id,
        "input" => Column::Input,
        "target" => Column::Target,
        "choices" => Column::Choices,
        choice if is_choice(choice) => Column::Choice,
        other => Column::Metadata(other.to_owned()),
    }
}

fn is_choice(name: &str) -> bool {
    name.strip_prefix("choice_")
        .is_some_and(|letter| letter.len() == 1 && letter.chars().all(|c| c.is_ascii_alphabetic()))
}

fn sample(columns: &[Column], record: &StringRecord) -> Result<Sample, String> {
    let mut sample = Sample {
        id: String::new(),
        input: SampleInput::Text(String::new()),
        expected: Expected::default(),
        choices: Vec::new(),
        metadata: Map::new(),
    };
    for (column, field) in columns.iter().zip(record) {
        match column {
            Column::Id => field.clone_into(&mut sample.id),
            Column::Input => sample.input = SampleInput::Text(field.to_owned()),
            Column::Target if field.is_empty() => {}
            Column::Target => sample.expected = Expected::One(field.to_owned()),
            Column::Choices if field.is_empty() => {}
            Column::Choices => {
                let choices: Vec<String> = serde_json::from_str(field)
                    .map_err(|_| "column `choices` is not a JSON list of texts".to_owned())?;
                sample.choices.extend(choices);
            }
            Column::Choice if field.is_empty() => {}
            Column::Choice => sample.choices.push(field.to_owned()),
            Column::Metadata(name) => {
                sample.metadata.insert(name.clone(), Value::String(field.to_owned()));
            }
        }
    }
    Ok(sample)
}

fn csv_error(file: &str, error: &csv::Error) -> TaskSourceError {
    let line = error.position().map_or(1, csv::Position::line);
    let (column, problem) = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            (None, format!("{len} fields; the header names {expected_len}"))
        }
        csv::ErrorKind::Utf8 { err, .. } => (None, format!("field {} is not UTF-8", err.field() + 1)),
        csv::ErrorKind::Io(error) => (None, format!("cannot be read: {error}")),
        _ => (None, error.to_string()),
    };
    error_at(file, line, column, problem)
}

/// Refuses to read on when one item has taken more than its allowance.
struct Bounded<R> {
    reader: R,
    allowance: Arc<AtomicUsize>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::other(format!("an item is longer than {ITEM_BYTES_MAX} bytes")));
        }
        let most = buffer.len().min(left);
        let read = self.reader.read(&mut buffer[..most])?;
        self.allowance.store(left - read, Ordering::Relaxed);
        Ok(read)
    }
}
