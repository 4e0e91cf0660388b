//! Files of records that are only ever appended to: `000001.seg`, `000002.seg`, … in one folder.
//!
//! A segment begins with 8 bytes that name its format. A record is a header of 16 bytes (`PHRC`, the payload's length, its CRC-32,
//! the CRC-32 of these 12 bytes; numbers little-endian) and the payload, and is synced before the next one is written: a
//! power cut can tear the last record alone, into a shorter one, zeros or noise. Such a tail is cut away when the files are opened
//! for writing, and passed over by readers. Damage that is followed by a whole record is none that a power cut leaves: a named
//! error. Every opening for writing begins a new segment, so that nothing is written behind bytes of unknown origin.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::{AppendFile, FileLayer, disk};
use ph_record::entry_store::EntryStoreError;

use crate::record_reader::{HEADER_BYTES, Next, RECORD_MAGIC, RecordReader};

/// A segment that has reached this size is followed by a new one.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// The largest payload of a record.
pub const RECORD_BYTES_MAX: usize = 256 << 20;
/// What a segment begins with.
pub type Magic = [u8; 8];

/// Where a record is: its segment, and the byte at which it begins there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPlace {
    /// The segment's number, from 1.
    pub segment: u32,
    /// The first byte of its header.
    pub offset: u64,
}

/// Takes a record while the files are opened; what it finds wrong with the payload is damage.
pub type Visit<'a> = &'a mut dyn FnMut(RecordPlace, &[u8]) -> Result<(), String>;

/// The files of one folder, open for writing by this process alone, or for reading.
pub struct RecordFiles {
    dir: PathBuf,
    magic: Magic,
    files: Option<Arc<dyn FileLayer>>,
    segment_bytes_max: u64,
    segments: u32,
    current: Option<Current>,
    broken: Option<String>,
    _lock: Option<File>,
}

struct Current {
    path: PathBuf,
    file: Box<dyn AppendFile>,
    bytes: u64,
}

impl RecordFiles {
    /// Opens the folder for writing, making it where it is not there; shows every record that is whole to `visit`, in order, and
    /// cuts a torn one off.
    ///
    /// # Errors
    /// [`EntryStoreError::Access`] where it cannot be read or written, or another process has it;
    /// [`EntryStoreError::Damaged`] naming segment, record and byte.
    pub fn open(
        dir: &Path,
        magic: Magic,
        files: Arc<dyn FileLayer>,
        visit: Visit<'_>,
    ) -> Result<Self, EntryStoreError> {
        disk::make_folders(dir).map_err(access("write", dir))?;
        let lock = lock(dir).map_err(access("open", dir))?;
        let mut opened = Self::new(dir, magic);
        if let Some((last, whole)) = opened.scan(visit)? {
            // Also where nothing is torn: what an ended process wrote without syncing it is whole here, and kept from here on.
            files.cut(&last, whole).map_err(access("write", &last))?;
        }
        (opened.files, opened._lock) = (Some(files), Some(lock));
        Ok(opened)
    }

    /// Opens the folder for reading; another process may be writing it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_read_only(dir: &Path, magic: Magic, visit: Visit<'_>) -> Result<Self, EntryStoreError> {
        let mut opened = Self::new(dir, magic);
        opened.scan(visit)?;
        Ok(opened)
    }

    fn new(dir: &Path, magic: Magic) -> Self {
        let (files, current, broken, lock) = Default::default();
        let segment_bytes_max = SEGMENT_BYTES_MAX;
        Self { dir: dir.to_owned(), magic, files, segment_bytes_max, segments: 0, current, broken, _lock: lock }
    }

    /// The same with segments of another size.
    #[must_use]
    pub fn with_segment_bytes_max(mut self, bytes: u64) -> Self {
        self.segment_bytes_max = bytes;
        self
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Appends a record; once this returns it outlives a power cut.
    ///
    /// # Errors
    /// [`EntryStoreError::Access`]; after that [`EntryStoreError::Broken`] for ever.
    pub fn append(&mut self, payload: &[u8]) -> Result<RecordPlace, EntryStoreError> {
        if let Some(why) = &self.broken {
            return Err(EntryStoreError::Broken { place: self.dir.display().to_string(), why: why.clone() });
        }
        let appended = self.write(payload);
        if let Err(error) = &appended {
            self.broken = Some(error_chain(error));
            self.current = None;
        }
        appended
    }

    fn write(&mut self, payload: &[u8]) -> Result<RecordPlace, EntryStoreError> {
        let mut bytes = Vec::with_capacity(self.magic.len() + HEADER_BYTES + payload.len());
        let mut current = match self.current.take() {
            Some(current) if current.bytes < self.segment_bytes_max => current,
            _ => {
                bytes.extend(self.magic);
                self.next_segment()?
            }
        };
        let place = RecordPlace { segment: self.segments, offset: current.bytes + bytes.len() as u64 };
        bytes.extend(header(payload).map_err(access("write", &current.path))?);
        bytes.extend(payload);
        current.file.append(&bytes).and_then(|()| current.file.sync()).map_err(access("write", &current.path))?;
        current.bytes += bytes.len() as u64;
        self.current = Some(current);
        Ok(place)
    }

    fn next_segment(&mut self) -> Result<Current, EntryStoreError> {
        let path = segment_path(&self.dir, self.segments + 1);
        let Some(files) = &self.files else {
            return Err(access("write", &path)(io::ErrorKind::ReadOnlyFilesystem.into()));
        };
        let file = files.create(&path).map_err(access("write", &path))?;
        self.segments += 1;
        Ok(Current { path, file, bytes: 0 })
    }

    /// Reads all records. Returns the last segment and how much of it is whole.
    fn scan(&mut self, visit: Visit<'_>) -> Result<Option<(PathBuf, u64)>, EntryStoreError> {
        let count = segments(&self.dir)?;
        let mut last = None;
        for number in 1..=count {
            let path = segment_path(&self.dir, number);
            let mut reader = RecordReader::open(&path, self.magic)?;
            while let Some((offset, payload)) = self.next_of(&mut reader, number == count)? {
                visit(RecordPlace { segment: number, offset }, &payload)
                    .map_err(|problem| reader.damaged_at(offset, &problem))?;
            }
            last = Some((path, reader.offset));
        }
        self.segments = count;
        Ok(last)
    }

    fn next_of(&self, reader: &mut RecordReader, is_last: bool) -> Result<Option<(u64, Vec<u8>)>, EntryStoreError> {
        match reader.next_record()? {
            Next::Record(offset, payload) => Ok(Some((offset, payload))),
            Next::End => Ok(None),
            Next::Unread(problem) if !is_last || reader.has_later_record()? => Err(reader.damaged(problem)),
            Next::Unread(_) => Ok(None),
        }
    }
}

/// How many segments a folder has, which are numbered from 1 without gaps.
fn segments(dir: &Path) -> Result<u32, EntryStoreError> {
    let mut numbers = Vec::new();
    for entry in dir.read_dir().map_err(access("read", dir))? {
        let path = entry.map_err(access("read", dir))?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u32>().ok());
        if let (Some(number), Some("seg")) = (number, path.extension().and_then(|extension| extension.to_str())) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    let missing = (1_u32..).zip(&numbers).find(|(wanted, number)| wanted != *number);
    match missing {
        Some((wanted, _)) => Err(damaged(&segment_path(dir, wanted), "it is missing, though later ones are there")),
        None => Ok(u32::try_from(numbers.len()).unwrap_or(u32::MAX)),
    }
}

/// The path of a segment.
pub(crate) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}.seg"))
}

/// The folder, locked for this process alone until it is closed.
fn lock(dir: &Path) -> io::Result<File> {
    let folder = File::open(dir)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(fs::TryLockError::WouldBlock) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process has it open for writing"))
        }
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn header(payload: &[u8]) -> io::Result<Vec<u8>> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "the record is too long");
    if payload.len() > RECORD_BYTES_MAX {
        return Err(too_long());
    }
    let mut header = RECORD_MAGIC.to_vec();
    header.extend(u32::try_from(payload.len()).map_err(|_| too_long())?.to_le_bytes());
    header.extend(crc32fast::hash(payload).to_le_bytes());
    header.extend(crc32fast::hash(&header).to_le_bytes());
    Ok(header)
}

pub(crate) fn access(verb: &'static str, place: &Path) -> impl Fn(io::Error) -> EntryStoreError + use<> {
    let place = place.display().to_string();
    move |source| EntryStoreError::Access { verb, place: place.clone(), source: source.into() }
}

pub(crate) fn damaged(place: &Path, problem: &str) -> EntryStoreError {
    EntryStoreError::Damaged { place: place.display().to_string(), problem: problem.to_owned() }
}

/// An error with all that is behind it, in one line.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use ph_base::Disk;

    use super::*;

    const MAGIC: Magic = *b"PHTST\x001\n";

    fn open(dir: &Path) -> Result<(RecordFiles, Vec<Vec<u8>>), EntryStoreError> {
        let mut found = Vec::new();
        let files = RecordFiles::open(dir, MAGIC, Arc::new(Disk), &mut |_, payload| {
            found.push(payload.to_vec());
            Ok(())
        })?;
        Ok((files, found))
    }

    fn written(count: u8) -> (tempfile::TempDir, PathBuf, Vec<u64>) {
        let dir = tempfile::tempdir().unwrap();
        let (mut files, _) = open(dir.path()).unwrap();
        let ends = (0..count).map(|n| files.append(&[n; 40]).unwrap().offset + 56).collect();
        let path = segment_path(dir.path(), 1);
        (dir, path, ends)
    }

    #[test]
    fn whatever_a_power_cut_leaves_at_the_end_is_cut_away() {
        let (dir, path, ends) = written(3);
        let whole = fs::read(&path).unwrap();
        for kept in 0..=whole.len() {
            for filler in [None, Some(0), Some(0xA7)] {
                let mut bytes = whole[..kept].to_vec();
                bytes.extend(filler.iter().flat_map(|byte| vec![*byte; (whole.len() - kept).min(60)]));
                fs::write(&path, &bytes).unwrap();
                let (_, found) = open(dir.path()).unwrap();
                let wanted = ends.iter().filter(|end| **end <= kept as u64).count();
                // A filler that happens to be what was there is no tear.
                assert!(found.len() >= wanted && found.len() <= wanted + 1, "{kept} {filler:?}");
                assert_eq!(open(dir.path()).unwrap().1, found);
            }
        }
    }

    #[test]
    fn damage_before_a_whole_record_is_named() {
        let (dir, path, ends) = written(3);
        let whole = fs::read(&path).unwrap();
        for at in [0, 9, 20, 30, ends[0] as usize + 3, ends[0] as usize + 20] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let error = open(dir.path()).err().unwrap().to_string();
            let number = if at < ends[0] as usize { 1 } else { 2 };
            assert!(error.contains(&format!("000001.seg` is damaged: record {number} at byte")), "{error}");
        }
    }

    #[test]
    fn segments_follow_one_another_and_one_that_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (files, _) = open(dir.path()).unwrap();
        let mut files = files.with_segment_bytes_max(100);
        let segments: Vec<u32> = (0..5).map(|n| files.append(&[n; 40]).unwrap().segment).collect();
        assert_eq!(segments, [1, 1, 2, 2, 3]);
        assert!(open(dir.path()).err().unwrap().to_string().starts_with("cannot open"), "it is locked");
        drop(files);
        assert_eq!(open(dir.path()).unwrap().1.len(), 5);
        fs::remove_file(segment_path(dir.path(), 2)).unwrap();
        assert!(open(dir.path()).err().unwrap().to_string().contains("000002.seg` is damaged: it is missing"));
    }
}
