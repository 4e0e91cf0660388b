//! Items in an order drawn by chance: each is reached by where it begins, and only one is held at a time.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use csv::StringRecord;
use ph_record::{FieldMap, Sample, TaskSourceError};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::csv_file::record_at;
use super::json_lines::{BYTE_ORDER_MARK, item};
use super::{ITEM_BYTES_MAX, ItemError, LocatedItem, error_at};
use crate::task_place::Seekable;

/// Bytes read at once: most items are shorter.
const BUFFER_BYTES: usize = 4 << 10;

/// Puts items in the order that `seed` draws.
pub(super) fn shuffle(items: &mut [(u64, u64)], seed: u64) {
    items.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
}

/// Reads items in the order of an index of bytes and lines.
pub(super) struct ShuffledItems {
    file: String,
    source: Seekable,
    order: Arc<Vec<(u64, u64)>>,
    next: usize,
    /// The column names of a CSV file; none for JSON Lines.
    headers: Option<StringRecord>,
    fields: FieldMap,
}

impl ShuffledItems {
    pub(super) fn new(
        file: String,
        (source, order): (Seekable, Arc<Vec<(u64, u64)>>),
        headers: Option<StringRecord>,
        fields: FieldMap,
    ) -> Self {
        Self { file, source, order, next: 0, headers, fields }
    }

    fn item(&mut self, offset: u64, line: u64) -> Result<Sample, TaskSourceError> {
        let unreadable = |error: io::Error| error_at(&self.file, line, None, format!("cannot be read: {error}"));
        self.source.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, &mut self.source);
        match &self.headers {
            Some(headers) => record_at((&self.file, line), (headers, &self.fields), reader),
            None => {
                let mut bytes = Vec::new();
                reader.by_ref().take(ITEM_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes).map_err(unreadable)?;
                let bytes = if offset == 0 { bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes) } else { &bytes };
                item((&self.file, line), &self.fields, bytes)
            }
        }
    }
}

impl Iterator for ShuffledItems {
    type Item = Result<LocatedItem, ItemError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (offset, line) = *self.order.get(self.next)?;
        self.next += 1;
        let item = self.item(offset, line).map(|sample| LocatedItem { line, offset, sample });
        Some(item.map_err(|error| ItemError { line, error, ends: true }))
    }
}
