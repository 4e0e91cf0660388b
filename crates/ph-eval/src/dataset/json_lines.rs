//! JSON Lines: one item per line.

use std::io::{self, BufRead, BufReader, Read};

use ph_record::{FieldMap, Sample, TaskSourceError};
use serde_json::{Map, Value};

use super::fields::mapped;
use super::{ITEM_BYTES_MAX, ItemError, LocatedItem, check_item, error_at};

/// Reads the items of a JSON Lines file one by one.
pub(super) struct JsonLines<R> {
    file: String,
    fields: FieldMap,
    reader: BufReader<R>,
    line: u64,
    /// Where the next line begins.
    offset: u64,
    is_over: bool,
}

/// A line that is not empty, with the byte at which it begins.
type Line = (u64, Vec<u8>);

impl<R: Read> JsonLines<R> {
    pub(super) fn new(file: String, reader: R, fields: FieldMap) -> Self {
        Self { file, fields, reader: BufReader::new(reader), line: 0, offset: 0, is_over: false }
    }

    /// The next line that is not empty. A line that is too long is read to its end and not held.
    fn next_line(&mut self) -> Result<Option<Line>, ItemError> {
        loop {
            let begins = self.offset;
            self.line += 1;
            let (mut bytes, read) = self.read_line().map_err(|error| self.unreadable(&error))?;
            if read == 0 {
                return Ok(None);
            }
            self.offset += read;
            if read > ITEM_BYTES_MAX as u64 && bytes.len() > ITEM_BYTES_MAX {
                let problem = format!("the line is longer than {ITEM_BYTES_MAX} bytes");
                return Err(self.bad(error_at(&self.file, self.line, None, problem)));
            }
            if begins == 0 && bytes.starts_with(BYTE_ORDER_MARK) {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some((begins, bytes)));
            }
        }
    }

    /// The beginning of the next line, and how many bytes it has.
    fn read_line(&mut self) -> io::Result<(Vec<u8>, u64)> {
        let mut bytes = Vec::new();
        let mut read = self.reader.by_ref().take(ITEM_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes)? as u64;
        let mut is_whole = bytes.ends_with(b"\n");
        while !is_whole && read > ITEM_BYTES_MAX as u64 {
            let held = self.reader.fill_buf()?;
            let end = held.iter().position(|byte| *byte == b'\n');
            let passed = end.map_or(held.len(), |end| end + 1);
            is_whole = end.is_some() || held.is_empty();
            self.reader.consume(passed);
            read += passed as u64;
        }
        Ok((bytes, read))
    }

    fn unreadable(&self, error: &io::Error) -> ItemError {
        let error = error_at(&self.file, self.line, None, format!("cannot be read: {error}"));
        ItemError { line: self.line, error, ends: true }
    }

    fn bad(&self, error: TaskSourceError) -> ItemError {
        ItemError { line: self.line, error, ends: false }
    }
}

impl<R: Read> Iterator for JsonLines<R> {
    type Item = Result<LocatedItem, ItemError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.next_line().transpose()?.and_then(|(offset, bytes)| {
            let sample = item((&self.file, self.line), &self.fields, &bytes).map_err(|error| self.bad(error))?;
            Ok(LocatedItem { line: self.line, offset, sample })
        });
        self.is_over = item.as_ref().is_err_and(|failed| failed.ends);
        Some(item)
    }
}

/// What some programs write at the beginning of a text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The item on a line.
pub(super) fn item((file, line): (&str, u64), fields: &FieldMap, bytes: &[u8]) -> Result<Sample, TaskSourceError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| error_at(file, line, Some(error.valid_up_to() + 1), "the line is not UTF-8"))?;
    let located = |error: serde_json::Error| error_at(file, line, Some(error.column()), problem(&error));
    let sample = if fields.is_empty() {
        serde_json::from_str(text).map_err(|error| {
            located(error).with_hint("an item has `id`, `input`, `target` and may have `choices` and `metadata`")
        })?
    } else {
        let record: Map<String, Value> = serde_json::from_str(text).map_err(located)?;
        mapped(fields, record, line).map_err(|problem| error_at(file, line, None, problem))?
    };
    check_item(&sample).map_err(|problem| error_at(file, line, None, problem))?;
    Ok(sample)
}

/// The parser's words without its own line number, which is that within the line.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if text.contains("enum Expected") {
        "`target` is not a text or a list of texts".to_owned()
    } else if text.contains("enum SampleInput") {
        "`input` is not a text or a list of messages".to_owned()
    } else {
        text.to_owned()
    }
}
