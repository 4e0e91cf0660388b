//! A part of a file that is read without moving anybody's cursor, so that several parts can be read by turns.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Reads the bytes of one range of a file; where the file has become shorter it ends early.
#[derive(Debug)]
pub struct FileSlice {
    file: Arc<File>,
    range: Range<u64>,
}

impl FileSlice {
    /// The bytes of `range`.
    #[must_use]
    pub fn new(file: Arc<File>, range: Range<u64>) -> Self {
        Self { file, range }
    }
}

impl Read for FileSlice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.range.end.saturating_sub(self.range.start)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..length], self.range.start)?;
        self.range.start += read as u64;
        Ok(read)
    }
}
