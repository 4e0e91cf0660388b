//! CSV: a header line; `id`, `input`, `target`; choices as a JSON list in `choices` or one per column `choice_a`,
//! `choice_b`, …; every other column is metadata.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use ph_record::{Expected, FieldMap, Sample, SampleInput, TaskSourceError};
use serde_json::{Map, Value};

use super::fields::mapped;
use super::{ITEM_BYTES_MAX, ItemError, LocatedItem, check_item, error_at};

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

/// Reads the items of a CSV file one by one.
pub(super) struct CsvFile<R> {
    file: String,
    fields: FieldMap,
    reader: Reader<Bounded<R>>,
    columns: Option<Columns>,
    allowance: Arc<AtomicUsize>,
    is_over: bool,
}

/// How a record becomes an item.
enum Columns {
    /// By the columns' own names.
    Named(Vec<Column>),
    /// As the task maps them.
    Mapped(StringRecord),
}

impl Columns {
    fn of(file: &str, headers: &StringRecord, fields: &FieldMap) -> Result<Self, TaskSourceError> {
        if !fields.is_empty() {
            unique(file, headers)?;
            let clean = |name: &str| name.trim_start_matches('\u{feff}').to_owned();
            return Ok(Columns::Mapped(headers.iter().map(clean).collect()));
        }
        named_columns(file, headers).map(Columns::Named)
    }

    /// The item of a record; `place` is its id where the file has none.
    fn sample(&self, record: &StringRecord, fields: &FieldMap, place: u64) -> Result<Sample, String> {
        let sample = match self {
            Columns::Named(columns) => sample(columns, record)?,
            Columns::Mapped(headers) => {
                let values = headers.iter().zip(record);
                mapped(fields, values.map(|(name, field)| (name.to_owned(), Value::from(field))).collect(), place)?
            }
        };
        check_item(&sample).map(|()| sample)
    }
}

impl<R: Read> CsvFile<R> {
    pub(super) fn new(file: String, reader: R, fields: FieldMap) -> Self {
        let allowance = Arc::new(AtomicUsize::new(ITEM_BYTES_MAX));
        let bounded = Bounded { reader, allowance: allowance.clone() };
        let reader = ReaderBuilder::new().trim(Trim::Headers).from_reader(bounded);
        Self { file, fields, reader, columns: None, allowance, is_over: false }
    }

    /// The names of the columns.
    pub(super) fn headers(&mut self) -> Result<StringRecord, ItemError> {
        let headers = self.reader.headers().map_err(|error| csv_error(&self.file, &error));
        headers.cloned().map_err(|failed| ItemError { ends: true, ..failed })
    }

    fn read_columns(&mut self) -> Result<Columns, ItemError> {
        let headers = self.headers()?;
        Columns::of(&self.file, &headers, &self.fields).map_err(|error| ItemError { line: 1, error, ends: true })
    }

    fn next_item(&mut self) -> Result<Option<LocatedItem>, ItemError> {
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.read_columns()?,
        };
        self.allowance.store(ITEM_BYTES_MAX, Ordering::Relaxed);
        let mut record = StringRecord::new();
        let read = self.reader.read_record(&mut record).map_err(|error| csv_error(&self.file, &error));
        let item = read.and_then(|is_there| {
            if !is_there {
                return Ok(None);
            }
            let (line, offset) = record.position().map_or((0, 0), |position| (position.line(), position.byte()));
            match columns.sample(&record, &self.fields, line) {
                Ok(sample) => Ok(Some(LocatedItem { line, offset, sample })),
                Err(problem) => Err(ItemError { line, error: error_at(&self.file, line, None, problem), ends: false }),
            }
        });
        self.columns = Some(columns);
        item
    }
}

/// The item of the record at the beginning of `reader`.
pub(super) fn record_at(
    (file, line): (&str, u64),
    (headers, fields): (&StringRecord, &FieldMap),
    reader: impl Read,
) -> Result<Sample, TaskSourceError> {
    let columns = Columns::of(file, headers, fields)?;
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(reader.take(ITEM_BYTES_MAX as u64));
    let mut record = StringRecord::new();
    let changed = || error_at(file, line, None, "the record is not there any more");
    match reader.read_record(&mut record) {
        Ok(true) if record.len() == headers.len() => {
            columns.sample(&record, fields, line).map_err(|problem| error_at(file, line, None, problem))
        }
        Ok(_) => Err(changed()),
        Err(error) => Err(csv_error(file, &error).error),
    }
}

impl<R: Read> Iterator for CsvFile<R> {
    type Item = Result<LocatedItem, ItemError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.next_item().transpose()?;
        self.is_over = item.as_ref().is_err_and(|failed| failed.ends);
        Some(item)
    }
}

fn unique(file: &str, headers: &StringRecord) -> Result<(), TaskSourceError> {
    for (place, name) in headers.iter().enumerate() {
        if headers.iter().take(place).any(|earlier| earlier == name) {
            return Err(error_at(file, 1, None, format!("the column `{name}` comes twice")));
        }
    }
    Ok(())
}

fn named_columns(file: &str, headers: &StringRecord) -> Result<Vec<Column>, TaskSourceError> {
    unique(file, headers)?;
    let columns: Vec<Column> = headers.iter().map(column).collect();
    for (wanted, name) in [(Column::Id, "id"), (Column::Input, "input")] {
        if !columns.contains(&wanted) {
            return Err(error_at(file, 1, None, format!("there is no column `{name}`")));
        }
    }
    Ok(columns)
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

fn csv_error(file: &str, error: &csv::Error) -> ItemError {
    let line = error.position().map_or(1, csv::Position::line);
    let (problem, ends) = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            (format!("{len} fields; the header names {expected_len}"), false)
        }
        csv::ErrorKind::Utf8 { err, .. } => (format!("field {} is not UTF-8", err.field() + 1), false),
        csv::ErrorKind::Io(error) => (format!("cannot be read: {error}"), true),
        _ => (error.to_string(), true),
    };
    ItemError { line, error: error_at(file, line, None, problem), ends }
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
