//! The bodies of a ledger's entries in files, as they are (`record_file` has the format). A batch is one record: a batch that
//! is torn is dropped whole.
//!
//! A record's payload: of each body the length (4 bytes, little-endian) and the body. A body is named by the digest of its bytes,
//! and held against its name whenever it is read. Nothing can be destroyed here: that is what a vault is for.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::{Digest, FileLayer};
use ph_record::entry_store::{BodyId, BodyStore, EntryStoreError};

use crate::record_file::{Magic, RecordFiles, RecordPlace, Visit, access, damaged, segment_path};
use crate::record_reader::HEADER_BYTES;

const MAGIC: Magic = *b"PHBOD\x001\n";
const LENGTH_BYTES: usize = 4;

/// The bodies of a folder, which it has for itself. Holds 40 bytes or so in memory for each.
pub struct FileBodies {
    state: Mutex<State>,
}

struct State {
    files: RecordFiles,
    /// By the first half of the digest.
    places: HashMap<[u8; 16], Place>,
    /// The segment that was read last.
    open: Option<(u32, File)>,
}

/// Where a body is, behind its length.
#[derive(Clone, Copy)]
struct Place {
    segment: u32,
    length: u32,
    offset: u64,
}

impl FileBodies {
    /// Opens the folder for this process alone, making it where it is not there; cuts off a batch that was torn.
    ///
    /// # Errors
    /// [`EntryStoreError`] where another process has it, it cannot be read or written, or is damaged: names file, record, byte.
    pub fn open(dir: &Path, files: Arc<dyn FileLayer>) -> Result<Self, EntryStoreError> {
        Self::with(|visit| RecordFiles::open(dir, MAGIC, files, visit))
    }

    /// Opens the folder for reading what is kept now; another process may be writing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_read_only(dir: &Path) -> Result<Self, EntryStoreError> {
        Self::with(|visit| RecordFiles::open_read_only(dir, MAGIC, visit))
    }

    fn with(open: impl FnOnce(Visit<'_>) -> Result<RecordFiles, EntryStoreError>) -> Result<Self, EntryStoreError> {
        let mut places = HashMap::new();
        let files = open(&mut |place, payload| {
            let bodies = decode(payload).ok_or("the payload is not a batch of bodies")?;
            let ids: Vec<BodyId> = bodies.iter().map(|body| id_of(body)).collect();
            note(&mut places, place, ids.iter().copied().zip(bodies.iter().map(|body| body.len())));
            Ok(())
        })?;
        Ok(Self { state: Mutex::new(State { files, places, open: None }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyStore for FileBodies {
    fn keep(&self, bodies: &[Vec<u8>]) -> Result<Vec<BodyId>, EntryStoreError> {
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<BodyId> = bodies.iter().map(|body| id_of(body)).collect();
        let mut state = self.state();
        let payload = encode(bodies).map_err(access("write", state.files.dir()))?;
        let place = state.files.append(&payload)?;
        note(&mut state.places, place, ids.iter().copied().zip(bodies.iter().map(Vec::len)));
        Ok(ids)
    }

    fn body(&self, id: BodyId) -> Result<Option<Vec<u8>>, EntryStoreError> {
        let mut state = self.state();
        let Some(place) = state.places.get(&key(id)).copied() else { return Err(EntryStoreError::NoBody(id)) };
        let (path, bytes) = state.read(place)?;
        drop(state);
        if id_of(&bytes) == id {
            Ok(Some(bytes))
        } else {
            Err(damaged(&path, &format!("body {id} at byte {} is not what was kept", place.offset)))
        }
    }
}

impl State {
    fn read(&mut self, place: Place) -> Result<(PathBuf, Vec<u8>), EntryStoreError> {
        let path = segment_path(self.files.dir(), place.segment);
        let mut bytes = vec![0; place.length as usize];
        let file = match self.open.take() {
            Some((segment, file)) if segment == place.segment => file,
            _ => File::open(&path).map_err(access("read", &path))?,
        };
        file.read_exact_at(&mut bytes, place.offset).map_err(access("read", &path))?;
        self.open = Some((place.segment, file));
        Ok((path, bytes))
    }
}

fn id_of(body: &[u8]) -> BodyId {
    BodyId(Digest::of(body))
}

fn key(id: BodyId) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&id.0.bytes()[..16]);
    key
}

fn note(places: &mut HashMap<[u8; 16], Place>, record: RecordPlace, bodies: impl IntoIterator<Item = (BodyId, usize)>) {
    let mut offset = record.offset + HEADER_BYTES as u64;
    for (id, length) in bodies {
        offset += LENGTH_BYTES as u64;
        // A record is shorter than 32 bits can say.
        let place = Place { segment: record.segment, length: u32::try_from(length).unwrap_or(u32::MAX), offset };
        places.insert(key(id), place);
        offset += length as u64;
    }
}

fn encode(bodies: &[Vec<u8>]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(bodies.iter().map(|body| LENGTH_BYTES + body.len()).sum());
    for body in bodies {
        let length = u32::try_from(body.len());
        let length = length.map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "a body is too long"))?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(body);
    }
    Ok(bytes)
}

fn decode(mut payload: &[u8]) -> Option<Vec<&[u8]>> {
    let mut bodies = Vec::new();
    while !payload.is_empty() {
        let (length, rest) = payload.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bodies.push(body);
        payload = rest;
    }
    Some(bodies)
}

#[cfg(test)]
mod tests {
    use ph_base::Disk;

    use super::*;

    #[test]
    fn a_body_is_what_was_kept_or_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileBodies::open(dir.path(), Arc::new(Disk)).unwrap();
        let bodies = [b"one".to_vec(), Vec::new(), vec![7; 5_000]];
        let ids = store.keep(&bodies).unwrap();
        drop(store);
        let store = FileBodies::open(dir.path(), Arc::new(Disk)).unwrap();
        let more = store.keep(&[b"two".to_vec()]).unwrap();
        for (id, body) in ids.iter().chain(&more).zip(bodies.iter().chain(&[b"two".to_vec()])) {
            assert_eq!(store.body(*id).unwrap().as_ref(), Some(body));
        }
        let unknown = BodyId(Digest::of(b"three"));
        assert!(matches!(store.body(unknown), Err(EntryStoreError::NoBody(id)) if id == unknown));
        let path = segment_path(dir.path(), 1);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(3).position(|window| window == b"one").unwrap();
        bytes[at] = b'O';
        std::fs::write(&path, bytes).unwrap();
        let error = store.body(ids[0]).err().unwrap().to_string();
        assert!(error.contains("000001.seg` is damaged: body sha256:"), "{error}");
    }
}
