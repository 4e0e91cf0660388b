//! Parquet: a row per item, read row group by row group. A malformed file is an error, also where its reader panics.

use std::panic::AssertUnwindSafe;

use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use ph_record::{FieldMap, TaskSourceError};
use serde_json::{Map, Number, Value};

use super::fields::mapped;
use super::{ITEM_BYTES_MAX, ItemError, LocatedItem, LocatedItems, check_item, error_at};
use crate::generate::panic_text;
use crate::task_place::Seekable;

/// The most bytes that a column of a row group may unpack to.
const COLUMN_BYTES_MAX: i64 = 1 << 30;

/// The rows of a file that messages call `file`.
pub(super) fn read_rows(file: String, source: Seekable, fields: FieldMap) -> Result<LocatedItems, TaskSourceError> {
    let wrong = |problem: String| TaskSourceError::new(file.as_str(), format!("not a Parquet file: {problem}"));
    let rows = guarded(|| {
        let reader = match source {
            Seekable::Disk(disk) => {
                Box::new(SerializedFileReader::new(disk).map_err(|error| error.to_string())?) as Box<dyn FileReader>
            }
            Seekable::Memory(bytes) => {
                let bytes = bytes::Bytes::from(bytes.into_inner().into_owned());
                Box::new(SerializedFileReader::new(bytes).map_err(|error| error.to_string())?)
            }
        };
        let columns = reader.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
        if columns.into_iter().any(|column| !(0..=COLUMN_BYTES_MAX).contains(&column.uncompressed_size())) {
            return Err(format!("a column of a row group is larger than {COLUMN_BYTES_MAX} bytes"));
        }
        Ok(RowIter::from_file_into(reader))
    })
    .map_err(wrong)?;
    Ok(Box::new(ParquetRows { file, rows, fields, row: 0, is_over: false }))
}

fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(format!("its reader failed: {}", panic_text(panic.as_ref()))))
}

struct ParquetRows {
    file: String,
    rows: RowIter<'static>,
    fields: FieldMap,
    row: u64,
    is_over: bool,
}

impl Iterator for ParquetRows {
    type Item = Result<LocatedItem, ItemError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        self.row += 1;
        let line = self.row;
        let failed = |problem: String, ends| ItemError { line, error: error_at(&self.file, line, None, problem), ends };
        let read = guarded(|| self.rows.next().transpose().map_err(|error| error.to_string()));
        let item = match read {
            Ok(None) => return None,
            Err(problem) => Err(failed(format!("the row cannot be read: {problem}"), true)),
            Ok(Some(row)) => object(&row)
                .and_then(|record| mapped(&self.fields, record, line))
                .and_then(|sample| check_item(&sample).map(|()| sample))
                .map(|sample| LocatedItem { line, offset: 0, sample })
                .map_err(|problem| failed(problem, false)),
        };
        self.is_over = item.as_ref().is_err_and(|failed| failed.ends);
        Some(item)
    }
}

/// The row as a JSON object of at most [`ITEM_BYTES_MAX`] bytes of text.
fn object(row: &Row) -> Result<Map<String, Value>, String> {
    let mut left = ITEM_BYTES_MAX;
    row.get_column_iter().map(|(name, field)| Ok((name.clone(), value(field, &mut left)?))).collect()
}

fn value(field: &Field, left: &mut usize) -> Result<Value, String> {
    let float = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::Bool(*flag),
        Field::Byte(number) => Value::from(*number),
        Field::Short(number) => Value::from(*number),
        Field::Int(number) => Value::from(*number),
        Field::Long(number) => Value::from(*number),
        Field::UByte(number) => Value::from(*number),
        Field::UShort(number) => Value::from(*number),
        Field::UInt(number) => Value::from(*number),
        Field::ULong(number) => Value::from(*number),
        Field::Float(number) => float(f64::from(*number)),
        Field::Double(number) => float(*number),
        Field::Str(text) => {
            *left =
                left.checked_sub(text.len()).ok_or_else(|| format!("the row is longer than {ITEM_BYTES_MAX} bytes"))?;
            Value::String(text.clone())
        }
        Field::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes.data()).map_err(|_| "a field of bytes is not UTF-8".to_owned())?;
            return value(&Field::Str(text.to_owned()), left);
        }
        Field::Group(row) => Value::Object(
            row.get_column_iter()
                .map(|(name, field)| Ok((name.clone(), value(field, left)?)))
                .collect::<Result<_, String>>()?,
        ),
        Field::ListInternal(list) => {
            Value::Array(list.elements().iter().map(|field| value(field, left)).collect::<Result<_, String>>()?)
        }
        other => Value::String(other.to_string()),
    })
}
