//! Reads a segment of records in order ([`crate::record_file`] has the format).

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ph_record::entry_store::EntryStoreError;

use crate::record_file::{Magic, RECORD_BYTES_MAX, access, damaged};

/// What a record begins with.
pub(crate) const RECORD_MAGIC: &[u8; 4] = b"PHRC";
/// Bytes before a payload.
pub(crate) const HEADER_BYTES: usize = 16;

/// What comes next in a segment.
pub(crate) enum Next {
    /// Where it begins, and its payload.
    Record(u64, Vec<u8>),
    End,
    /// No whole record, though there are bytes: what is wrong with them.
    Unread(&'static str),
}

/// Reads a segment in order.
pub(crate) struct RecordReader {
    path: PathBuf,
    file: BufReader<File>,
    magic: Magic,
    bytes: u64,
    /// Where the next record begins.
    pub(crate) offset: u64,
    number: u64,
}

impl RecordReader {
    pub(crate) fn open(path: &Path, magic: Magic) -> Result<Self, EntryStoreError> {
        let open = || {
            let file = File::open(path)?;
            let bytes = file.metadata()?.len();
            Ok((BufReader::with_capacity(128 << 10, file), bytes))
        };
        let (file, bytes) = open().map_err(access("read", path))?;
        Ok(Self { path: path.to_owned(), file, magic, bytes, offset: 0, number: 1 })
    }

    /// Goes to where a record begins; records are counted from there.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<(), EntryStoreError> {
        self.file.seek(SeekFrom::Start(offset)).map_err(access("read", &self.path))?;
        self.offset = offset;
        Ok(())
    }

    pub(crate) fn next_record(&mut self) -> Result<Next, EntryStoreError> {
        self.read_next().map_err(access("read", &self.path))
    }

    fn read_next(&mut self) -> io::Result<Next> {
        if self.offset == 0 && self.bytes > 0 {
            let mut magic = [0; size_of::<Magic>()];
            if self.bytes < magic.len() as u64 {
                return Ok(Next::Unread("it ends within its first bytes"));
            }
            self.file.read_exact(&mut magic)?;
            if magic != self.magic {
                return Ok(Next::Unread("it does not begin as a segment that this version reads"));
            }
            self.offset = magic.len() as u64;
        }
        let left = self.bytes - self.offset;
        if left == 0 {
            return Ok(Next::End);
        }
        if left < HEADER_BYTES as u64 {
            return Ok(Next::Unread("it ends within a header"));
        }
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact(&mut header)?;
        let Some((length, crc)) = parse_header(&header) else { return Ok(Next::Unread("the header is damaged")) };
        if left - (HEADER_BYTES as u64) < length as u64 {
            return Ok(Next::Unread("it ends within a payload"));
        }
        let mut payload = vec![0; length];
        self.file.read_exact(&mut payload)?;
        if crc32fast::hash(&payload) != crc {
            return Ok(Next::Unread("the checksum of the payload is wrong"));
        }
        let offset = self.offset;
        self.offset += (HEADER_BYTES + length) as u64;
        self.number += 1;
        Ok(Next::Record(offset, payload))
    }

    /// Whether a whole record stands anywhere behind the byte that was reached.
    pub(crate) fn has_later_record(&self) -> Result<bool, EntryStoreError> {
        let bytes = fs::read(&self.path).map_err(access("read", &self.path))?;
        let rest = usize::try_from(self.offset).ok().and_then(|offset| bytes.get(offset + 1..)).unwrap_or_default();
        let is_record = |at: usize| {
            let (length, crc) = rest.get(at..at + HEADER_BYTES).and_then(parse_header)?;
            let payload = rest.get(at + HEADER_BYTES..at + HEADER_BYTES + length)?;
            Some(crc32fast::hash(payload) == crc)
        };
        Ok((0..rest.len()).any(|at| is_record(at) == Some(true)))
    }

    pub(crate) fn damaged(&self, problem: &str) -> EntryStoreError {
        self.damaged_at(self.offset, problem)
    }

    pub(crate) fn damaged_at(&self, offset: u64, problem: &str) -> EntryStoreError {
        damaged(&self.path, &format!("record {} at byte {offset}: {problem}", self.number))
    }
}

/// The length and the checksum of the payload, where these are a header.
fn parse_header(header: &[u8]) -> Option<(usize, u32)> {
    let (words, []) = header.as_chunks::<4>() else { return None };
    let [magic, length, payload_crc, header_crc] = words else { return None };
    let is_whole = magic == RECORD_MAGIC && u32::from_le_bytes(*header_crc) == crc32fast::hash(&header[..12]);
    let length = u32::from_le_bytes(*length) as usize;
    (is_whole && length <= RECORD_BYTES_MAX).then(|| (length, u32::from_le_bytes(*payload_crc)))
}
