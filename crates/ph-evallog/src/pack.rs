//! A document as an entry of a log holds it.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::zip::{EntryReader, Method, ReadLimits};

/// A document as an entry holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedEntry<'a> {
    /// How the payload is compressed.
    pub method: Method,
    /// CRC-32 of the document.
    pub crc32: u32,
    /// Bytes of the document.
    pub size: u64,
    /// The compressed document.
    pub payload: Cow<'a, [u8]>,
}

impl PackedEntry<'_> {
    /// The document, verified against checksum and length.
    ///
    /// # Errors
    /// [`io::Error`] where it is damaged or larger than `limits` allow.
    pub fn unpack(self, limits: &ReadLimits) -> io::Result<Vec<u8>> {
        let wrong = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
        limits.check(self.payload.len() as u64, self.size).map_err(wrong)?;
        let mut document = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0).min(16 << 20));
        let source = Box::new(io::Cursor::new(self.payload.into_owned()));
        EntryReader::over(source, self.method, (self.crc32, self.size)).read_to_end(&mut document)?;
        Ok(document)
    }
}
