//! Writes an archive front to back. The central directory is spooled, so that memory stays flat at a million entries.

use std::io::{self, Read, Write};

use super::layout::{
    CENTRAL, DOS_DATE, END, END64, END64_BYTES, EXTRA64, IN_EXTRA_16, IN_EXTRA_32, LOCAL, LOCAL_BYTES, LOCATOR64, UTF8,
};
use crate::pack::PackedEntry;
use crate::spool::Spool;

/// Writes an archive to `W`. Without [`ZipWriter::finish`] it has no central directory and no reader accepts it.
pub struct ZipWriter<W> {
    out: W,
    offset: u64,
    entries: u64,
    directory: Spool,
}

/// What the headers of one entry say.
struct Header<'a> {
    name: &'a str,
    method: u16,
    version: u16,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
}

impl<W: Write> ZipWriter<W> {
    /// An empty archive, whose central directory is collected in `directory`, an empty spool.
    pub fn new(out: W, directory: Spool) -> Self {
        Self { out, offset: 0, entries: 0, directory }
    }

    /// Adds an entry that is packed already.
    ///
    /// # Errors
    /// [`io::Error`] where it cannot be written, or the name is longer than the format allows (65,535 bytes).
    pub fn add(&mut self, name: &str, entry: &PackedEntry<'_>) -> io::Result<()> {
        self.add_spooled(name, entry.payload.len() as u64, entry, &*entry.payload)
    }

    /// Adds an entry whose payload is read from `payload`; `entry.payload` is not looked at, and `payload` must have
    /// exactly `packed` bytes.
    ///
    /// # Errors
    /// [`io::Error`] as [`Self::add`], or where `payload` ends early.
    pub fn add_spooled(
        &mut self,
        name: &str,
        packed: u64,
        entry: &PackedEntry<'_>,
        mut payload: impl Read,
    ) -> io::Result<()> {
        if name.len() > usize::from(u16::MAX) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an entry's name has more than 65,535 bytes"));
        }
        let header = Header {
            name,
            method: entry.method.number(),
            version: entry.method.version_needed(),
            crc: entry.crc32,
            packed,
            size: entry.size,
            offset: self.offset,
        };
        let local = header.local();
        self.out.write_all(&local)?;
        let copied = io::copy(&mut (&mut payload).take(packed), &mut self.out)?;
        if copied != packed {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an entry ended before its declared length"));
        }
        self.directory.write_all(&header.central())?;
        self.offset += local.len() as u64 + packed;
        self.entries += 1;
        Ok(())
    }

    /// How many bytes were written so far.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Writes the central directory and gives the output back.
    ///
    /// # Errors
    /// [`io::Error`] where it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let start = self.offset;
        let size = self.directory.len();
        io::copy(&mut self.directory.reader()?, &mut self.out)?;
        self.out.write_all(&end_records(self.entries, size, start))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl Header<'_> {
    fn flags(&self) -> u16 {
        if self.name.is_ascii() { 0 } else { UTF8 }
    }

    fn is_long(&self) -> bool {
        self.packed >= u64::from(IN_EXTRA_32) || self.size >= u64::from(IN_EXTRA_32)
    }

    fn version(&self, is_long: bool) -> u16 {
        if is_long { self.version.max(45) } else { self.version }
    }

    /// The fields that both headers have, from flags to the length of the name.
    fn common(&self, bytes: &mut Vec<u8>, is_long: bool) {
        let size = |value: u64| if is_long { IN_EXTRA_32 } else { u32::try_from(value).unwrap_or(IN_EXTRA_32) };
        bytes.extend(self.flags().to_le_bytes());
        bytes.extend(self.method.to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
        bytes.extend(DOS_DATE.to_le_bytes());
        bytes.extend(self.crc.to_le_bytes());
        bytes.extend(size(self.packed).to_le_bytes());
        bytes.extend(size(self.size).to_le_bytes());
        bytes.extend(u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
    }

    fn local(&self) -> Vec<u8> {
        let is_long = self.is_long();
        let mut bytes = Vec::with_capacity(LOCAL_BYTES + self.name.len() + 20);
        bytes.extend(LOCAL.to_le_bytes());
        bytes.extend(self.version(is_long).to_le_bytes());
        self.common(&mut bytes, is_long);
        let extra: &[u64] = if is_long { &[self.size, self.packed] } else { &[] };
        bytes.extend(extra_length(extra).to_le_bytes());
        bytes.extend(self.name.as_bytes());
        push_extra(&mut bytes, extra);
        bytes
    }

    fn central(&self) -> Vec<u8> {
        let is_long = self.is_long();
        let is_far = self.offset >= u64::from(IN_EXTRA_32);
        let mut extra = Vec::new();
        if is_long {
            extra.extend([self.size, self.packed]);
        }
        if is_far {
            extra.push(self.offset);
        }
        let version = self.version(is_long || is_far);
        let mut bytes = Vec::with_capacity(super::layout::CENTRAL_BYTES + self.name.len() + 28);
        bytes.extend(CENTRAL.to_le_bytes());
        // Made on Unix, so that the external attributes are a file mode.
        bytes.extend((0x0300 | version).to_le_bytes());
        bytes.extend(version.to_le_bytes());
        self.common(&mut bytes, is_long);
        bytes.extend(extra_length(&extra).to_le_bytes());
        // No comment, first disk, no internal attributes, mode rw-r--r--.
        bytes.extend([0; 6]);
        bytes.extend((0o100_644_u32 << 16).to_le_bytes());
        let offset = if is_far { IN_EXTRA_32 } else { u32::try_from(self.offset).unwrap_or(IN_EXTRA_32) };
        bytes.extend(offset.to_le_bytes());
        bytes.extend(self.name.as_bytes());
        push_extra(&mut bytes, &extra);
        bytes
    }
}

/// The length of a ZIP64 extra field with these values; 0 where there are none.
fn extra_length(values: &[u64]) -> u16 {
    if values.is_empty() { 0 } else { u16::try_from(4 + 8 * values.len()).unwrap_or(0) }
}

fn push_extra(bytes: &mut Vec<u8>, values: &[u64]) {
    if values.is_empty() {
        return;
    }
    bytes.extend(EXTRA64.to_le_bytes());
    bytes.extend((extra_length(values) - 4).to_le_bytes());
    values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
}

/// The end of central directory records: those of ZIP64 too where a value does not fit.
fn end_records(entries: u64, size: u64, start: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let is_long = entries >= u64::from(IN_EXTRA_16) || start + size >= u64::from(IN_EXTRA_32);
    if is_long {
        bytes.extend(END64.to_le_bytes());
        bytes.extend((END64_BYTES as u64 - 12).to_le_bytes());
        bytes.extend((0x0300_u16 | 45).to_le_bytes());
        bytes.extend(45_u16.to_le_bytes());
        bytes.extend([0; 8]);
        for value in [entries, entries, size, start] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(LOCATOR64.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend((start + size).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    let short16 = |value: u64| u16::try_from(value).unwrap_or(IN_EXTRA_16);
    let short32 = |value: u64| u32::try_from(value).unwrap_or(IN_EXTRA_32);
    bytes.extend(END.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(short16(entries).to_le_bytes());
    bytes.extend(short16(entries).to_le_bytes());
    bytes.extend(short32(size).to_le_bytes());
    bytes.extend(short32(start).to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
