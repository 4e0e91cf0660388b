//! The entries of a ledger in files (`record_file` has the format). A batch is one record: a batch that is torn is dropped
//! whole.
//!
//! A record's payload: the index of its first entry (8 bytes), how many (4), and of each the time (8), the body's name (32), the
//! leaf's length (2) and the leaf; numbers little-endian.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::{Digest, FileLayer, Timestamp};
use ph_record::entry_store::{BodyId, EntryStore, EntryStoreError, LEAF_BYTES_MAX, NewEntry, StoredEntry};

use crate::record_file::{Magic, RecordFiles, RecordPlace, access, damaged, segment_path};
use crate::record_reader::{Next, RecordReader};

const MAGIC: Magic = *b"PHENT\x001\n";
/// A record is noted so many entries after the one that was noted before; what lies between is read over.
const ENTRIES_BETWEEN_MARKS: u64 = 256;

/// The entries of a folder, which it has for itself.
pub struct FileEntries {
    state: Mutex<State>,
    size: AtomicU64,
}

struct State {
    files: RecordFiles,
    marks: Vec<Mark>,
}

/// Where the record is that begins with this entry.
#[derive(Clone, Copy)]
struct Mark {
    index: u64,
    place: RecordPlace,
}

/// What is known of the records that were read so far.
#[derive(Default)]
struct Known {
    size: u64,
    marks: Vec<Mark>,
}

impl Known {
    fn take(&mut self, place: RecordPlace, payload: &[u8]) -> Result<(), String> {
        let entries = decode(payload).ok_or("the payload is not a batch of entries")?;
        let first = entries.first().map_or(self.size, |entry| entry.index);
        if first != self.size {
            return Err(format!("entry {first} stands where entry {} belongs", self.size));
        }
        note(&mut self.marks, first, place);
        self.size += entries.len() as u64;
        Ok(())
    }
}

fn note(marks: &mut Vec<Mark>, index: u64, place: RecordPlace) {
    let is_far = |last: &Mark| index >= last.index + ENTRIES_BETWEEN_MARKS || place.segment != last.place.segment;
    if marks.last().is_none_or(is_far) {
        marks.push(Mark { index, place });
    }
}

impl FileEntries {
    /// Opens the folder for this process alone, making it where it is not there; cuts off a batch that was torn.
    ///
    /// # Errors
    /// [`EntryStoreError`] where another process has it, it cannot be read or written, or is damaged: names file, record, byte.
    pub fn open(dir: &Path, files: Arc<dyn FileLayer>) -> Result<Self, EntryStoreError> {
        Self::with(|visit| RecordFiles::open(dir, MAGIC, files, visit))
    }

    /// Opens the folder for reading what is committed now; another process may be writing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_read_only(dir: &Path) -> Result<Self, EntryStoreError> {
        Self::with(|visit| RecordFiles::open_read_only(dir, MAGIC, visit))
    }

    fn with(
        open: impl FnOnce(crate::record_file::Visit<'_>) -> Result<RecordFiles, EntryStoreError>,
    ) -> Result<Self, EntryStoreError> {
        let mut known = Known::default();
        let files = open(&mut |place, payload| known.take(place, payload))?;
        Ok(Self { size: AtomicU64::new(known.size), state: Mutex::new(State { files, marks: known.marks }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder, and the last mark at or before an entry.
    fn mark_before(&self, index: u64) -> (std::path::PathBuf, Option<Mark>) {
        let state = self.state();
        let after = state.marks.partition_point(|mark| mark.index <= index);
        (state.files.dir().to_owned(), after.checked_sub(1).map(|at| state.marks[at]))
    }
}

impl EntryStore for FileEntries {
    fn append(&self, entries: &[NewEntry]) -> Result<u64, EntryStoreError> {
        let mut state = self.state();
        let first = self.size.load(Ordering::Acquire);
        if entries.is_empty() {
            return Ok(first);
        }
        let payload = encode(first, entries).map_err(access("write", state.files.dir()))?;
        let place = state.files.append(&payload)?;
        note(&mut state.marks, first, place);
        self.size.store(first + entries.len() as u64, Ordering::Release);
        Ok(first)
    }

    fn size(&self) -> Result<u64, EntryStoreError> {
        Ok(self.size.load(Ordering::Acquire))
    }

    fn read(&self, from: u64, count: usize) -> Result<Vec<StoredEntry>, EntryStoreError> {
        let end = self.size()?.min(from.saturating_add(count as u64));
        let mut found = Vec::new();
        if from >= end {
            return Ok(found);
        }
        let (dir, mark) = self.mark_before(from);
        let Some(mark) = mark else { return Err(damaged(&dir, "no record begins with entry 0")) };
        let mut place = mark.place;
        let mut next = mark.index;
        while next < end {
            let path = segment_path(&dir, place.segment);
            let mut reader = RecordReader::open(&path, MAGIC)?;
            reader.seek(place.offset)?;
            while next < end {
                let payload = match reader.next_record()? {
                    Next::Record(_, payload) => payload,
                    Next::End => break,
                    Next::Unread(problem) => return Err(reader.damaged(problem)),
                };
                let batch = decode(&payload).ok_or_else(|| reader.damaged("the payload is not a batch of entries"))?;
                if batch.first().is_some_and(|entry| entry.index != next) {
                    return Err(reader.damaged("another entry stands where the next one belongs"));
                }
                next += batch.len() as u64;
                found.extend(batch.into_iter().filter(|entry| entry.index >= from && entry.index < end));
            }
            place = RecordPlace { segment: place.segment + 1, offset: 0 };
        }
        Ok(found)
    }
}

fn encode(first: u64, entries: &[NewEntry]) -> std::io::Result<Vec<u8>> {
    let wrong = |what| std::io::Error::new(std::io::ErrorKind::InvalidInput, what);
    let mut bytes = first.to_le_bytes().to_vec();
    bytes.extend(u32::try_from(entries.len()).map_err(|_| wrong("too many entries at once"))?.to_le_bytes());
    for entry in entries {
        let length = u16::try_from(entry.leaf.len()).map_err(|_| wrong("a leaf is too long"))?;
        bytes.extend(entry.at.0.to_le_bytes());
        bytes.extend(entry.body.0.bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(&entry.leaf);
    }
    Ok(bytes)
}

fn decode(payload: &[u8]) -> Option<Vec<StoredEntry>> {
    let (first, rest) = payload.split_first_chunk()?;
    let (count, mut rest) = rest.split_first_chunk()?;
    let first = u64::from_le_bytes(*first);
    let mut entries = Vec::new();
    for n in 0..u64::from(u32::from_le_bytes(*count)) {
        let (at, after) = rest.split_first_chunk()?;
        let (body, after) = after.split_first_chunk::<32>()?;
        let (length, after) = after.split_first_chunk()?;
        let (leaf, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let entry = NewEntry {
            at: Timestamp(i64::from_le_bytes(*at)),
            leaf: leaf.to_vec(),
            body: BodyId(Digest::from_bytes(*body)),
        };
        entries.push(StoredEntry { index: first.checked_add(n)?, entry });
        rest = after;
    }
    rest.is_empty().then_some(entries)
}

// A leaf's length is written in 16 bits.
const _: () = assert!(LEAF_BYTES_MAX == u16::MAX as usize);

#[cfg(test)]
mod tests {
    use ph_base::Disk;

    use super::*;

    fn entry(number: u64) -> NewEntry {
        let leaf = number.to_le_bytes()[..(number % 9) as usize].to_vec();
        NewEntry { at: Timestamp(-(number as i64)), leaf, body: BodyId(Digest::of(&number.to_le_bytes())) }
    }

    #[test]
    fn it_holds_to_what_every_store_holds_to() {
        let dir = tempfile::tempdir().unwrap();
        ph_testkit::check_entry_store(&mut || {
            Ok(Box::new(FileEntries::open(dir.path(), Arc::new(Disk))?) as Box<dyn EntryStore>)
        });
    }

    #[test]
    fn any_range_is_read_whatever_the_batches_and_segments() {
        let dir = tempfile::tempdir().unwrap();
        let mut size = 0;
        for opened in 0..3_u64 {
            let store = FileEntries::open(dir.path(), Arc::new(Disk)).unwrap();
            {
                let mut state = store.state();
                let files = RecordFiles::open_read_only(tempfile::tempdir().unwrap().path(), MAGIC, &mut |_, _| Ok(()));
                let files = std::mem::replace(&mut state.files, files.unwrap());
                state.files = files.with_segment_bytes_max(4_000);
            }
            for batch in 0..20 {
                let entries: Vec<NewEntry> = (size..size + batch * 2 + opened).map(entry).collect();
                assert_eq!(store.append(&entries).unwrap(), size);
                size += entries.len() as u64;
            }
        }
        let store = FileEntries::open_read_only(dir.path()).unwrap();
        assert_eq!(store.size().unwrap(), size);
        assert!(store.append(&[entry(0)]).is_err());
        for (from, count) in
            [(0, 1), (0, 5_000), (255, 2), (256, 256), (700, 300), (size - 1, 9), (size, 1), (u64::MAX, 1)]
        {
            let found = store.read(from, count).unwrap();
            let wanted: Vec<StoredEntry> = (from..size.min(from.saturating_add(count as u64)))
                .map(|index| StoredEntry { index, entry: entry(index) })
                .collect();
            assert_eq!(found, wanted, "{from} {count}");
        }
    }

    #[test]
    fn a_batch_of_other_indices_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = RecordFiles::open(dir.path(), MAGIC, Arc::new(Disk), &mut |_, _| Ok(())).unwrap();
        files.append(&encode(0, &[entry(1), entry(2)]).unwrap()).unwrap();
        files.append(&encode(3, &[entry(3)]).unwrap()).unwrap();
        drop(files);
        let error = FileEntries::open_read_only(dir.path()).err().unwrap().to_string();
        assert!(error.ends_with("entry 3 stands where entry 2 belongs"), "{error}");
        for payload in [&b""[..], &[0; 11], &[1; 12], &[0; 13]] {
            assert!(decode(payload).is_none(), "{payload:?}");
        }
    }
}
