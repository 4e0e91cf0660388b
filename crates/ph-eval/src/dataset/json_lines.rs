//! JSON Lines: one item per line.

use std::io::{BufRead, BufReader, Read};

use ph_record::{Sample, TaskSourceError};

use super::{ITEM_BYTES_MAX, LocatedItem, check_item, error_at};

/// Reads the items of a JSON Lines file one by one. After an error it ends.
pub(super) struct JsonLines<R> {
    file: String,
    reader: BufReader<R>,
    line: u64,
    is_over: bool,
}

impl<R: Read> JsonLines<R> {
    pub(super) fn new(file: String, reader: R) -> Self {
        Self { file, reader: BufReader::new(reader), line: 0, is_over: false }
    }

    /// The next line that is not empty.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, TaskSourceError> {
        loop {
            let mut bytes = Vec::new();
            self.line += 1;
            let most = ITEM_BYTES_MAX as u64 + 1;
            let read = self
                .reader
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| error_at(&self.file, self.line, None, format!("cannot be read: {error}")))?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == most && !bytes.ends_with(b"\n") {
                let problem = format!("the line is longer than {ITEM_BYTES_MAX} bytes");
                return Err(error_at(&self.file, self.line, None, problem));
            }
            if self.line == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    fn item(&self, bytes: &[u8]) -> Result<Sample, TaskSourceError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| error_at(&self.file, self.line, Some(error.valid_up_to() + 1), "the line is not UTF-8"))?;
        let sample: Sample = serde_json::from_str(text).map_err(|error| {
            error_at(&self.file, self.line, Some(error.column()), problem(&error))
                .with_hint("an item has `id`, `input`, `target` and may have `choices` and `metadata`")
        })?;
        check_item(&sample).map_err(|problem| error_at(&self.file, self.line, None, problem))?;
        Ok(sample)
    }
}

impl<R: Read> Iterator for JsonLines<R> {
    type Item = Result<LocatedItem, TaskSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.next_line().transpose()?.and_then(|bytes| Ok((self.line, self.item(&bytes)?)));
        self.is_over = item.is_err();
        Some(item)
    }
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
