//! Opens an archive and scans its central directory by ranges; nothing of it is kept.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Method;
use super::decode::{EntryReader, ReadLimits};
use super::layout::{
    CENTRAL, CENTRAL_BYTES, ENCRYPTED, END, END_BYTES, END64, END64_BYTES, EXTRA64, IN_EXTRA_16, IN_EXTRA_32, LOCAL,
    LOCAL_BYTES, LOCATOR64, LOCATOR64_BYTES,
};
use crate::error::{LogError, Result, file};

/// The directory is read in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;
/// The longest comment after the end record.
const COMMENT_BYTES_MAX: usize = u16::MAX as usize;

/// An open archive.
#[derive(Debug, Clone)]
pub struct ZipFile {
    path: PathBuf,
    file: Arc<File>,
    /// Where the archive begins in the file.
    base: u64,
    bytes: u64,
    entries: u64,
    directory: (u64, u64),
    limits: ReadLimits,
}

/// One entry as the central directory declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry<'a> {
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: Cow<'a, str>,
    /// The number of its compression method.
    pub method: u16,
    /// Its general purpose bits.
    pub flags: u16,
    /// CRC-32 of the document.
    pub crc32: u32,
    /// Bytes of the payload.
    pub packed: u64,
    /// Bytes of the document.
    pub size: u64,
    /// Where its local header begins.
    pub offset: u64,
}

impl DirectoryEntry<'_> {
    /// The same with a name of its own.
    #[must_use]
    pub fn into_owned(self) -> DirectoryEntry<'static> {
        DirectoryEntry { name: Cow::Owned(self.name.into_owned()), ..self }
    }
}

impl ZipFile {
    /// Opens the archive at `path`.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be read or its end record is missing or impossible.
    pub fn open(path: &Path, limits: ReadLimits) -> Result<Self> {
        let handle = File::open(path).map_err(file(path))?;
        let bytes = handle.metadata().map_err(file(path))?.len();
        Self::within(path, (Arc::new(handle), 0..bytes), limits)
    }

    /// The archive that these bytes of a file are; `path` is what errors call it.
    ///
    /// # Errors
    /// [`LogError`] where they lie outside the file, or have no end record or an impossible one.
    pub fn within(path: &Path, (handle, range): (Arc<File>, Range<u64>), limits: ReadLimits) -> Result<Self> {
        if range.end > handle.metadata().map_err(file(path))?.len() || range.start > range.end {
            return Err(LogError::archive(path, "it lies outside the file"));
        }
        let (base, bytes) = (range.start, range.end - range.start);
        let mut zip = Self { path: path.to_owned(), file: handle, base, bytes, entries: 0, directory: (0, 0), limits };
        zip.read_end()?;
        Ok(zip)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many entries its end record declares.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Goes through the central directory.
    #[must_use]
    pub fn scan(&self) -> DirectoryScan<'_> {
        let (start, size) = self.directory;
        DirectoryScan {
            zip: self,
            position: start,
            end: start + size,
            buffer: Vec::new(),
            begin: 0,
            seen: 0,
            claimed: 0,
        }
    }

    /// The entry of this name; of several the last.
    ///
    /// # Errors
    /// [`LogError`] where the directory is damaged.
    pub fn find(&self, name: &str) -> Result<Option<DirectoryEntry<'static>>> {
        let mut found = None;
        let mut scan = self.scan();
        while let Some(entry) = scan.next_entry()? {
            if entry.name == name {
                found = Some(entry.into_owned());
            }
        }
        Ok(found)
    }

    /// Opens an entry's document for reading.
    ///
    /// # Errors
    /// [`LogError`] where its header is damaged, it is encrypted, compressed in a way that logs do not use, or declares
    /// more than the limits allow.
    pub fn read(&self, entry: &DirectoryEntry<'_>) -> Result<EntryReader> {
        let wrong = |problem: String| LogError::entry(&self.path, &entry.name, problem);
        let method = Method::of(entry.method)
            .ok_or_else(|| wrong(format!("its compression method {} is not one that logs use", entry.method)))?;
        self.limits.check(entry.packed, entry.size).map_err(&wrong)?;
        let start = self.payload_start(entry)?;
        Ok(EntryReader::new((Arc::clone(&self.file), self.base + start), entry, method))
    }

    /// Whether these entries may all be in memory at once.
    ///
    /// # Errors
    /// [`LogError`] naming `what` where together they declare more than one entry may.
    pub fn check_together<'e>(
        &self,
        what: &str,
        entries: impl Iterator<Item = &'e DirectoryEntry<'static>>,
    ) -> Result<()> {
        let sum = |(packed, size): (u64, u64), entry: &DirectoryEntry<'_>| {
            (packed.saturating_add(entry.packed), size.saturating_add(entry.size))
        };
        let (packed, size) = entries.fold((0, 0), sum);
        self.limits.check(packed, size).map_err(|problem| LogError::entry(&self.path, what, problem))
    }

    /// An entry's payload as it stands in the archive.
    ///
    /// # Errors
    /// [`LogError`] as [`Self::read`].
    pub fn payload(&self, entry: &DirectoryEntry<'_>) -> Result<Vec<u8>> {
        let wrong = |problem: String| LogError::entry(&self.path, &entry.name, problem);
        self.limits.check(entry.packed, entry.size).map_err(&wrong)?;
        let start = self.payload_start(entry)?;
        let length = usize::try_from(entry.packed).map_err(|_| wrong("it does not fit into memory".to_owned()))?;
        let mut payload = vec![0; length];
        self.file.read_exact_at(&mut payload, self.base + start).map_err(file(&self.path))?;
        Ok(payload)
    }

    /// Where an entry's payload begins, by its local header, which must agree with the directory.
    fn payload_start(&self, entry: &DirectoryEntry<'_>) -> Result<u64> {
        let wrong = |problem: &str| LogError::entry(&self.path, &entry.name, problem);
        if entry.flags & ENCRYPTED != 0 {
            return Err(wrong("it is encrypted"));
        }
        let header =
            self.piece(entry.offset, LOCAL_BYTES).map_err(|_| wrong("its local header lies outside the file"))?;
        if u32_at(&header, 0) != LOCAL {
            return Err(wrong("its local header is damaged"));
        }
        if u16_at(&header, 8) != entry.method {
            return Err(wrong("its local header names another compression method than the directory"));
        }
        let after = entry.offset + LOCAL_BYTES as u64;
        let (name, extra) = (u16_at(&header, 26), u16_at(&header, 28));
        let here =
            self.piece(after, usize::from(name)).map_err(|_| wrong("its name reaches beyond the end of the file"))?;
        if String::from_utf8_lossy(&here) != entry.name {
            return Err(wrong("its local header has another name than the directory"));
        }
        let start = after + u64::from(name) + u64::from(extra);
        match start.checked_add(entry.packed) {
            Some(end) if end <= self.bytes => Ok(start),
            _ => Err(wrong("it reaches beyond the end of the file")),
        }
    }

    fn piece(&self, at: u64, length: usize) -> Result<Vec<u8>> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.bytes) {
            return Err(LogError::archive(&self.path, "a record lies outside the file"));
        }
        let mut piece = vec![0; length];
        self.file.read_exact_at(&mut piece, self.base + at).map_err(file(&self.path))?;
        Ok(piece)
    }

    fn read_end(&mut self) -> Result<()> {
        let length = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(END_BYTES + COMMENT_BYTES_MAX);
        let tail_at = self.bytes - length as u64;
        let tail = self.piece(tail_at, length)?;
        let end = find_end(&tail).ok_or_else(|| {
            let what =
                if self.bytes == 0 { "it is empty" } else { "it has no end of a ZIP archive: cut off, or no log" };
            LogError::archive(&self.path, what)
        })?;
        let record = &tail[end..];
        let end_at = tail_at + end as u64;
        let (mut entries, mut size, mut start) =
            (u64::from(u16_at(record, 10)), u64::from(u32_at(record, 12)), u64::from(u32_at(record, 16)));
        let is_long =
            entries == u64::from(IN_EXTRA_16) || size == u64::from(IN_EXTRA_32) || start == u64::from(IN_EXTRA_32);
        if is_long && let Some(record) = self.end64(end_at)? {
            (entries, size, start) = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
        }
        if start.checked_add(size).is_none_or(|end| end > end_at) || entries > size / CENTRAL_BYTES as u64 {
            return Err(LogError::archive(&self.path, "its end record declares an impossible directory"));
        }
        (self.entries, self.directory) = (entries, (start, size));
        Ok(())
    }

    /// The ZIP64 end record, where there is one before the end record at `end_at`.
    fn end64(&self, end_at: u64) -> Result<Option<Vec<u8>>> {
        let Some(locator_at) = end_at.checked_sub(LOCATOR64_BYTES as u64) else { return Ok(None) };
        let locator = self.piece(locator_at, LOCATOR64_BYTES)?;
        if u32_at(&locator, 0) != LOCATOR64 {
            return Ok(None);
        }
        let record = self.piece(u64_at(&locator, 8), END64_BYTES)?;
        if u32_at(&record, 0) != END64 {
            return Err(LogError::archive(&self.path, "its ZIP64 end record is damaged"));
        }
        Ok(Some(record))
    }
}

/// Goes through a central directory in pieces.
pub struct DirectoryScan<'z> {
    zip: &'z ZipFile,
    /// Where the bytes after the buffer begin.
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next record begins.
    begin: usize,
    seen: u64,
    /// The bytes of the file that the entries so far say are theirs.
    claimed: u64,
}

impl DirectoryScan<'_> {
    /// The next entry; `None` after the last.
    ///
    /// # Errors
    /// [`LogError`] where the directory is damaged.
    pub fn next_entry(&mut self) -> Result<Option<DirectoryEntry<'_>>> {
        if self.seen == self.zip.entries {
            return self.finished().map(|()| None);
        }
        let damaged = || LogError::archive(&self.zip.path, "its directory is damaged");
        self.fill(CENTRAL_BYTES)?;
        let record = &self.buffer[self.begin..];
        if record.len() < CENTRAL_BYTES || u32_at(record, 0) != CENTRAL {
            return Err(damaged());
        }
        let (name, extra, comment) =
            (usize::from(u16_at(record, 28)), usize::from(u16_at(record, 30)), usize::from(u16_at(record, 32)));
        let length = CENTRAL_BYTES + name + extra + comment;
        self.fill(length)?;
        if self.buffer.len() - self.begin < length {
            return Err(damaged());
        }
        let at = self.begin;
        self.begin += length;
        self.seen += 1;
        let record = &self.buffer[at..at + length];
        let entry = parse(record, name, extra).ok_or_else(damaged)?;
        // Entries over the same bytes would let a small file become a large one without any single entry doing so. One that
        // reaches outside the file fails alone, when it is read.
        let claim = entry.packed.saturating_add(LOCAL_BYTES as u64);
        if entry.offset.checked_add(claim).is_some_and(|end| end <= self.zip.bytes) {
            self.claimed = self.claimed.saturating_add(claim);
        }
        if self.claimed > self.zip.bytes {
            return Err(LogError::archive(
                &self.zip.path,
                "its entries overlap: together they are longer than the file",
            ));
        }
        Ok(Some(entry))
    }

    /// Other readers go through the whole directory whatever the end record counts, and would see other samples.
    fn finished(&self) -> Result<()> {
        if self.position == self.end && self.begin == self.buffer.len() {
            return Ok(());
        }
        Err(LogError::archive(
            &self.zip.path,
            format!("its directory holds more than the {} entries declared", self.seen),
        ))
    }

    /// Has at least `length` bytes from `begin` in the buffer, where the directory has as many.
    fn fill(&mut self, length: usize) -> Result<()> {
        if self.buffer.len() - self.begin >= length {
            return Ok(());
        }
        self.buffer.drain(..self.begin);
        self.begin = 0;
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let more = PIECE_BYTES.max(length).min(left);
        let old = self.buffer.len();
        self.buffer.resize(old + more, 0);
        self.zip
            .file
            .read_exact_at(&mut self.buffer[old..], self.zip.base + self.position)
            .map_err(file(&self.zip.path))?;
        self.position += more as u64;
        Ok(())
    }
}

/// One record of the directory; `None` where its ZIP64 field is missing a value.
fn parse(record: &[u8], name: usize, extra: usize) -> Option<DirectoryEntry<'_>> {
    let (text, rest) = record[CENTRAL_BYTES..].split_at(name);
    let mut long = extra64(&rest[..extra]);
    let mut wide = |value: u32| if value == IN_EXTRA_32 { long.next() } else { Some(u64::from(value)) };
    let size = wide(u32_at(record, 24))?;
    let packed = wide(u32_at(record, 20))?;
    let offset = wide(u32_at(record, 42))?;
    Some(DirectoryEntry {
        name: String::from_utf8_lossy(text),
        flags: u16_at(record, 8),
        method: u16_at(record, 10),
        crc32: u32_at(record, 16),
        packed,
        size,
        offset,
    })
}

/// The values of the ZIP64 extra field, in order.
fn extra64(mut extra: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let mut values: &[u8] = &[];
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(body) = extra.get(4..4 + length) else { break };
        if id == EXTRA64 {
            values = body;
            break;
        }
        extra = &extra[4 + length..];
    }
    values.chunks_exact(8).map(|value| u64_at(value, 0))
}

/// Where the end record begins: the last one whose comment reaches exactly to the end.
fn find_end(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_BYTES)?;
    (0..=last)
        .rev()
        .find(|&at| u32_at(tail, at) == END && at + END_BYTES + usize::from(u16_at(tail, at + 20)) == tail.len())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
