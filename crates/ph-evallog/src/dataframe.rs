//! Logs as a table for analysts: evaluations, samples, messages or events, a Parquet file each.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use ph_base::Digest;
use ph_record::{EventKind, SampleRecord};
use serde_json::Value;

use crate::error::{self, LogError, Result};
use crate::imported::import_header;
use crate::log_writer::PartFile;
use crate::reader::EvalLog;
use crate::sample::{SampleContext, sample_in};
use crate::summary::SampleSummary;

/// Rows are written in groups of this many.
const GROUP_ROWS: usize = 8_192;
const LEVEL: i32 = 3;

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One log.
    Evals,
    /// One sample at one epoch, with a column `score_NAME` for every scorer.
    Samples,
    /// One message of a sample's last conversation.
    Messages,
    /// One event of a sample's transcript; what it holds is JSON.
    Events,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Integer,
    Number,
}

enum Cell {
    None,
    Text(String),
    Integer(i64),
    Number(f64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Cell::Integer(i64::from(number))
    }
}

/// Writes the table of these logs to `out`, of which a file beside it with `.part` holds what was written until it is whole;
/// returns the number of its rows.
///
/// # Errors
/// [`LogError`] where a log cannot be read or the table cannot be written; a file that exists is not written over.
pub fn write(logs: &[PathBuf], kind: Kind, out: &Path) -> Result<u64> {
    if out.exists() {
        return Err(error::write(out)(std::io::ErrorKind::AlreadyExists.into()));
    }
    let scorers = if kind == Kind::Samples { scorers(logs)? } else { Vec::new() };
    let mut table = Table::create(out, columns(kind, &scorers))?;
    for path in logs {
        let log = EvalLog::open(path)?;
        let name = path.display().to_string();
        match kind {
            Kind::Evals => table.row(eval(&log, &name)?)?,
            Kind::Samples => samples(&log, &name, &scorers, &mut table)?,
            Kind::Messages => each_record(&log, |record| messages(&name, record, &mut table))?,
            Kind::Events => each_record(&log, |record| events(&name, record, &mut table))?,
        }
    }
    table.finish()
}

fn columns(kind: Kind, scorers: &[String]) -> Vec<(String, Type)> {
    use Type::{Integer, Number, Text};
    let fixed: &[(&str, Type)] = match kind {
        Kind::Evals => &[
            ("log", Text),
            ("task", Text),
            ("model", Text),
            ("created", Text),
            ("status", Text),
            ("program", Text),
            ("total_samples", Integer),
            ("completed_samples", Integer),
            ("results", Text),
            ("lacks", Text),
        ],
        Kind::Samples => &[("log", Text), ("sample", Text), ("epoch", Integer), ("ending", Text), ("error", Text)],
        Kind::Messages => &[
            ("log", Text),
            ("sample", Text),
            ("epoch", Integer),
            ("place", Integer),
            ("role", Text),
            ("content", Text),
            ("tool_calls", Text),
            ("tool_call_id", Text),
        ],
        Kind::Events => &[
            ("log", Text),
            ("sample", Text),
            ("epoch", Integer),
            ("place", Integer),
            ("event", Text),
            ("span_id", Text),
            ("timestamp", Integer),
            ("data", Text),
        ],
    };
    let scores = scorers.iter().map(|scorer| (format!("score_{}", column_name(scorer)), Number));
    fixed.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).chain(scores).collect()
}

fn column_name(scorer: &str) -> String {
    scorer.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The names of all scorers of all logs, those of equal column names once.
fn scorers(logs: &[PathBuf]) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for path in logs {
        EvalLog::open(path)?.summaries(|summary| {
            if let Ok(summary) = SampleSummary::parse(summary) {
                for (name, _) in summary.scores() {
                    if found.iter().all(|known| column_name(known) != column_name(name)) {
                        found.push(name.to_owned());
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(found)
}

fn eval(log: &EvalLog, name: &str) -> Result<Vec<Cell>> {
    let header = log.header()?;
    let eval = &header.value["eval"];
    let text = |value: &Value| value.as_str().map_or(Cell::None, Cell::from);
    let results = &header.value["results"];
    let count = |field: &str| results.get(field).and_then(Value::as_i64).map_or(Cell::None, Cell::Integer);
    let imported = import_header(&header, &Digest::of(b"")).ok();
    Ok(vec![
        name.into(),
        text(&eval["task"]),
        text(&eval["model"]),
        text(&eval["created"]),
        text(&header.value["status"]),
        imported.as_ref().and_then(|one| one.program.as_deref()).map_or(Cell::None, Cell::from),
        count("total_samples"),
        count("completed_samples"),
        if results.is_null() { Cell::None } else { Cell::Text(results.to_string()) },
        imported.map_or(Cell::None, |one| Cell::Text(one.lacks.join("; "))),
    ])
}

fn samples(log: &EvalLog, name: &str, scorers: &[String], table: &mut Table) -> Result<()> {
    log.summaries(|summary| {
        let summary = SampleSummary::parse(summary)
            .map_err(|error| LogError::entry(log.path(), crate::names::SUMMARIES, error.to_string()))?;
        let error = summary.error.as_ref().map_or(Cell::None, |error| match error {
            Value::String(text) => Cell::Text(text.clone()),
            other => Cell::Text(other.to_string()),
        });
        let mut row =
            vec![name.into(), Cell::Text(summary.id()), summary.epoch.into(), Cell::Text(summary.ending()), error];
        row.extend(scorers.iter().map(|scorer| {
            let score = summary.scores().find(|(name, _)| column_name(name) == column_name(scorer));
            score.and_then(|(_, score)| score).map_or(Cell::None, Cell::Number)
        }));
        table.row(row)
    })
}

fn each_record(log: &EvalLog, mut each: impl FnMut(&SampleRecord) -> Result<()>) -> Result<()> {
    let header = log.header()?;
    let imported =
        import_header(&header, &Digest::of(b"")).map_err(|problem| LogError::archive(log.path(), problem))?;
    let context = SampleContext { run: imported.manifest.id, task: imported.manifest.task.name };
    log.each_place(|place| {
        let record =
            sample_in(log.sample_at(&place)?, &context).map_err(|problem| log.sample_error(&place, problem))?;
        each(&record)
    })
}

fn place(index: usize) -> Cell {
    Cell::Integer(i64::try_from(index).unwrap_or(i64::MAX))
}

fn messages(name: &str, record: &SampleRecord, table: &mut Table) -> Result<()> {
    record.messages.iter().enumerate().try_for_each(|(index, message)| {
        let calls =
            (!message.tool_calls.is_empty()).then(|| serde_json::to_string(&message.tool_calls).unwrap_or_default());
        table.row(vec![
            name.into(),
            record.sample.as_str().into(),
            record.epoch.into(),
            place(index),
            message.role.as_str().into(),
            Cell::Text(message.text()),
            calls.map_or(Cell::None, Cell::Text),
            message.tool_call_id.as_deref().map_or(Cell::None, Cell::from),
        ])
    })
}

fn events(name: &str, record: &SampleRecord, table: &mut Table) -> Result<()> {
    record.events.iter().enumerate().try_for_each(|(index, event)| {
        let data = match &event.kind {
            EventKind::Known(known) => serde_json::to_value(known),
            EventKind::Other(other) => serde_json::to_value(other),
        };
        let data = data.unwrap_or_default();
        table.row(vec![
            name.into(),
            record.sample.as_str().into(),
            record.epoch.into(),
            place(index),
            data.get("event").and_then(Value::as_str).map_or(Cell::None, Cell::from),
            event.span_id.as_deref().map_or(Cell::None, Cell::from),
            Cell::Integer(event.timestamp.0),
            Cell::Text(data.to_string()),
        ])
    })
}

/// A table that is written group by group.
struct Table {
    path: PathBuf,
    part: PartFile,
    columns: Vec<(String, Type)>,
    writer: SerializedFileWriter<File>,
    rows: Vec<Vec<Cell>>,
    count: u64,
}

impl Table {
    fn create(path: &Path, columns: Vec<(String, Type)>) -> Result<Self> {
        let (part, file) = PartFile::create(path).map_err(error::write(path))?;
        let writer = writer(file, &columns).map_err(failed(path))?;
        Ok(Self { path: path.to_owned(), part, columns, writer, rows: Vec::new(), count: 0 })
    }

    fn row(&mut self, row: Vec<Cell>) -> Result<()> {
        self.rows.push(row);
        self.count += 1;
        if self.rows.len() >= GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        write_group(&mut self.writer, &self.columns, &rows).map_err(failed(&self.path))
    }

    fn finish(mut self) -> Result<u64> {
        self.flush()?;
        self.writer.close().map_err(failed(&self.path))?;
        self.part.keep_as(&self.path).map_err(error::write(&self.path))?;
        Ok(self.count)
    }
}

fn failed(path: &Path) -> impl Fn(ParquetError) -> LogError + '_ {
    move |error| LogError::Write { path: path.to_owned(), source: std::io::Error::other(error) }
}

fn writer(file: File, columns: &[(String, Type)]) -> Result<SerializedFileWriter<File>, ParquetError> {
    let column = |(name, kind): &(String, Type)| match kind {
        Type::Text => format!("optional binary {name} (UTF8);"),
        Type::Integer => format!("optional int64 {name};"),
        Type::Number => format!("optional double {name};"),
    };
    let schema = format!("message row {{ {} }}", columns.iter().map(column).collect::<String>());
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?)).build();
    SerializedFileWriter::new(file, Arc::new(parse_message_type(&schema)?), Arc::new(properties))
}

fn write_group(
    writer: &mut SerializedFileWriter<File>,
    columns: &[(String, Type)],
    rows: &[Vec<Cell>],
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for (index, (_, kind)) in columns.iter().enumerate() {
        let cells = rows.iter().map(|row| row.get(index).unwrap_or(&Cell::None));
        match kind {
            Type::Text => write_column::<ByteArrayType>(&mut group, cells, |cell| match cell {
                Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                _ => None,
            }),
            Type::Integer => write_column::<Int64Type>(&mut group, cells, |cell| match cell {
                Cell::Integer(number) => Some(*number),
                _ => None,
            }),
            Type::Number => write_column::<DoubleType>(&mut group, cells, |cell| match cell {
                Cell::Number(number) => Some(*number),
                _ => None,
            }),
        }?;
    }
    group.close().map(|_| ())
}

fn write_column<'c, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    cells: impl Iterator<Item = &'c Cell>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        let value = value(cell);
        levels.push(i16::from(value.is_some()));
        values.extend(value);
    }
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}
