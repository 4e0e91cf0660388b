//! Bytes that are collected now and copied later: in memory while they are few, then in a file without a name.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::SpooledTempFile;

/// Spools up to this size stay in memory.
const MEMORY_BYTES_MAX: usize = 1 << 20;

/// Bytes are written to it in pieces of this size once it is a file.
const BUFFER_BYTES: usize = 64 << 10;

/// A growing body of bytes with flat memory.
pub struct Spool {
    file: SpooledTempFile,
    buffer: Vec<u8>,
    bytes: u64,
}

impl Spool {
    /// An empty one; its file will be in `folder`.
    #[must_use]
    pub fn new_in(folder: &Path) -> Self {
        Self { file: SpooledTempFile::new_in(MEMORY_BYTES_MAX, folder), buffer: Vec::new(), bytes: 0 }
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Reads it from its beginning.
    ///
    /// # Errors
    /// [`io::Error`] of the file behind it.
    pub fn reader(&mut self) -> io::Result<impl Read + '_> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        self.file.seek(SeekFrom::Start(0))?;
        Ok(io::BufReader::with_capacity(BUFFER_BYTES, &mut self.file))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
