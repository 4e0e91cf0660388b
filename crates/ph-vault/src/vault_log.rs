//! One log's bodies: kept, read, destroyed.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ph_base::{AppendFile, Digest};
use ph_record::{BodyId, BodyStore, EntryStoreError};

use crate::VaultError;
use crate::crypt::{Key, Purpose};
use crate::disk::{make_folder, remove_leftovers};
use crate::error::cannot;
use crate::key_segment::{self, KeyRecord, KeySegment};
use crate::vault::Shared;
use crate::{log_key, pack};

/// The most bytes of a body.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// A pack that is as long takes no more.
const PACK_BYTES_MAX: u64 = 256 << 20;

/// The bodies of one log. Clones share it.
#[derive(Clone)]
pub struct VaultLog(Arc<Log>);

struct Log {
    shared: Arc<Shared>,
    name: String,
    data_key: Key,
    index: RwLock<Index>,
    writer: Mutex<Writer>,
}

/// Where each body's key is.
#[derive(Default)]
struct Index {
    slots: HashMap<[u8; 32], Slot>,
    /// Segments whose ends cannot be read, and by how many bytes.
    tails: Vec<(PathBuf, usize)>,
}

#[derive(Clone, Copy)]
struct Slot {
    segment: u32,
    position: u16,
}

/// What is written to. Files of an earlier opening are not appended to.
struct Writer {
    held: bool,
    broken: Option<String>,
    next_segment: u32,
    next_pack: u32,
    segment: Option<OpenFile>,
    pack: Option<OpenFile>,
}

struct OpenFile {
    number: u32,
    file: Box<dyn AppendFile>,
    /// The records of a segment, the bytes of a pack.
    filled: u64,
}

/// How a body came to be destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destroyed {
    /// By this call.
    Now,
    /// It was already.
    Before,
}

/// What [`VaultLog::check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VaultCheck {
    /// Bodies that were read and are what was kept.
    pub bodies: u64,
    /// Bodies that were destroyed.
    pub destroyed: u64,
    /// Bytes at the ends of key segments that are no keys: what power cuts left of writes that nobody was told of.
    pub tail_bytes: u64,
}

impl VaultLog {
    pub(crate) fn open(shared: Arc<Shared>, name: &str) -> Result<Self, VaultError> {
        let (keys, packs) = (shared.place.body_keys(name), shared.place.packs(name));
        for folder in [&keys, &packs] {
            make_folder(folder).map_err(cannot("make", folder))?;
        }
        remove_leftovers(&keys).map_err(cannot("tidy up", &keys))?;
        let segments = numbers(&keys, "keys")?;
        let (data_key, held) = match log_key::read(&shared, name)? {
            Some(known) => known,
            None if segments.is_empty() => (begin(&shared, name)?, false),
            None => return Err(VaultError::damaged(&shared.place.log_key(name), "the log's key is missing")),
        };
        let index = read_index(&keys, &segments)?;
        let next = |numbers: &[u32]| numbers.last().map_or(1, |last| last + 1);
        let (next_segment, next_pack) = (next(&segments), next(&numbers(&packs, "pack")?));
        let writer = Writer { held, broken: None, next_segment, next_pack, segment: None, pack: None };
        let (index, writer) = (RwLock::new(index), Mutex::new(writer));
        Ok(Self(Arc::new(Log { shared, name: name.to_owned(), data_key, index, writer })))
    }

    /// Destroys a body: its key is gone once this returns, and with it the body, whatever becomes of the ciphertext.
    /// Cut short, the body is still there whole or it is gone. That two people asked for it, and the tombstone in the
    /// ledger, are the caller's.
    ///
    /// # Errors
    /// [`VaultError::Held`], [`VaultError::NoBody`], [`VaultError::Damaged`], [`VaultError::Access`],
    /// [`VaultError::Broken`].
    pub fn destroy(&self, body: BodyId) -> Result<Destroyed, VaultError> {
        let mut writer = self.0.writer()?;
        if writer.held {
            return Err(VaultError::Held { log: self.0.name.clone() });
        }
        let slot = self.0.slot(body)?;
        let path = self.0.segment(slot.segment);
        if self.0.key_record(slot, body)?.wrapped.is_none() {
            return Ok(Destroyed::Before);
        }
        let content = key_segment::without_key(&path, usize::from(slot.position))?;
        if writer.segment.as_ref().is_some_and(|open| open.number == slot.segment) {
            // What is appended to it now would go to the file that is replaced.
            writer.segment = None;
        }
        let replaced = self.0.shared.place.files.replace(&path, &content).map_err(cannot("write", &path));
        writer.or_break(replaced).map(|()| Destroyed::Now)
    }

    /// Forbids all destruction in this log, also after opening anew.
    ///
    /// # Errors
    /// [`VaultError::Access`], [`VaultError::Broken`].
    pub fn hold(&self) -> Result<(), VaultError> {
        self.set_held(true)
    }

    /// Allows destruction again.
    ///
    /// # Errors
    /// [`VaultError::Access`], [`VaultError::Broken`].
    pub fn release(&self) -> Result<(), VaultError> {
        self.set_held(false)
    }

    /// Whether the log is held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).held
    }

    fn set_held(&self, held: bool) -> Result<(), VaultError> {
        let mut writer = self.0.writer()?;
        let written = log_key::write(&self.0.shared, &self.0.name, &self.0.data_key, held);
        writer.or_break(written)?;
        writer.held = held;
        Ok(())
    }

    /// Reads every body.
    ///
    /// # Errors
    /// The first [`VaultError::Damaged`].
    pub fn check(&self) -> Result<VaultCheck, VaultError> {
        let index = self.0.index.read().unwrap_or_else(PoisonError::into_inner);
        let tail_bytes = index.tails.iter().map(|(_, bytes)| *bytes as u64).sum();
        let mut found = VaultCheck { tail_bytes, ..VaultCheck::default() };
        let mut slots: Vec<_> = index.slots.iter().map(|(id, slot)| (*id, *slot)).collect();
        drop(index);
        slots.sort_unstable_by_key(|(_, slot)| (slot.segment, slot.position));
        for (id, slot) in slots {
            match self.0.open_body(slot, &id)? {
                Some(_) => found.bodies += 1,
                None => found.destroyed += 1,
            }
        }
        Ok(found)
    }
}

impl BodyStore for VaultLog {
    fn keep(&self, bodies: &[Vec<u8>]) -> Result<Vec<BodyId>, EntryStoreError> {
        self.0.keep(bodies).map_err(|error| error.of_bodies("keep bodies of", &self.0.name))
    }

    fn body(&self, id: BodyId) -> Result<Option<Vec<u8>>, EntryStoreError> {
        let body = self.0.slot(id).and_then(|slot| self.0.open_body(slot, id.0.bytes()));
        body.map_err(|error| error.of_bodies("read a body of", &self.0.name))
    }
}

impl fmt::Debug for VaultLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultLog").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Log {
    fn keep(&self, bodies: &[Vec<u8>]) -> Result<Vec<BodyId>, VaultError> {
        if let Some(bytes) = bodies.iter().map(Vec::len).find(|bytes| *bytes > BODY_BYTES_MAX) {
            return Err(VaultError::BodyTooLarge { bytes });
        }
        let mut writer = self.writer()?;
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let kept = self.write(&mut writer, bodies);
        writer.or_break(kept)
    }

    fn write(&self, writer: &mut Writer, bodies: &[Vec<u8>]) -> Result<Vec<BodyId>, VaultError> {
        let open = self.open_pack(writer)?;
        let mut bytes = Vec::with_capacity(bodies.iter().map(|body| body.len() + 64).sum());
        let mut records = Vec::with_capacity(bodies.len());
        let mut ids = Vec::with_capacity(bodies.len());
        let purpose = body_purpose(&self.name);
        for body in bodies {
            let offset = open.filled + bytes.len() as u64;
            let (id, record) = self.seal(body, &purpose, (open.number, offset), &mut bytes)?;
            ids.push(id);
            records.push(record);
        }
        let path = self.pack(open.number);
        open.file.append(&bytes).and_then(|()| open.file.sync()).map_err(cannot("write", &path))?;
        open.filled += bytes.len() as u64;
        self.write_keys(writer, &records)?;
        Ok(ids)
    }

    /// Seals one body at the end of `bytes`, for a place in a pack.
    fn seal(
        &self,
        body: &[u8],
        purpose: &Purpose,
        (pack, offset): (u32, u64),
        bytes: &mut Vec<u8>,
    ) -> Result<(BodyId, KeyRecord), VaultError> {
        let random = &self.shared.place.random;
        let key = Key::random(random);
        let mut sealed = Vec::new();
        key.seal_into(body, purpose, random, &mut sealed)?;
        let length = u32::try_from(sealed.len()).map_err(|_| VaultError::BodyTooLarge { bytes: body.len() })?;
        let id = BodyId(Digest::of(&sealed));
        let wrapped = self.data_key.wrap(&key, &key_purpose(&self.name, id.0.bytes()), random)?;
        pack::encode(&sealed, length, bytes);
        Ok((id, KeyRecord { id: *id.0.bytes(), pack, offset, length, wrapped: Some(wrapped) }))
    }

    /// Writes keys and syncs them; only then are their bodies known.
    fn write_keys(&self, writer: &mut Writer, mut records: &[KeyRecord]) -> Result<(), VaultError> {
        while !records.is_empty() {
            let open = self.open_segment(writer)?;
            let room = key_segment::RECORDS_MAX.saturating_sub(usize::try_from(open.filled).unwrap_or(usize::MAX));
            let (now, later) = records.split_at(room.min(records.len()));
            let bytes = now.iter().map(KeyRecord::encode).collect::<Vec<_>>().concat();
            let path = self.segment(open.number);
            open.file.append(&bytes).and_then(|()| open.file.sync()).map_err(cannot("write", &path))?;
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            for (record, position) in now.iter().zip(open.filled..) {
                let slot = Slot { segment: open.number, position: u16::try_from(position).unwrap_or(u16::MAX) };
                index.slots.insert(record.id, slot);
            }
            open.filled += now.len() as u64;
            records = later;
        }
        Ok(())
    }

    fn open_pack<'a>(&self, writer: &'a mut Writer) -> Result<&'a mut OpenFile, VaultError> {
        let Writer { pack, next_pack, .. } = writer;
        self.open_file(pack, next_pack, PACK_BYTES_MAX, &|number| (self.pack(number), pack::MAGIC, pack::MAGIC.len()))
    }

    fn open_segment<'a>(&self, writer: &'a mut Writer) -> Result<&'a mut OpenFile, VaultError> {
        let Writer { segment, next_segment, .. } = writer;
        let max = key_segment::RECORDS_MAX as u64;
        self.open_file(segment, next_segment, max, &|number| (self.segment(number), key_segment::MAGIC, 0))
    }

    /// The file that is written to, or a new one where there is none or it is full. Its magic is on the disk before
    /// anything follows.
    fn open_file<'a>(
        &self,
        open: &'a mut Option<OpenFile>,
        next: &mut u32,
        filled_max: u64,
        of_number: &dyn Fn(u32) -> (PathBuf, &'static [u8; 8], usize),
    ) -> Result<&'a mut OpenFile, VaultError> {
        let usable = open.take().filter(|open| open.filled < filled_max);
        if let Some(usable) = usable {
            return Ok(open.insert(usable));
        }
        let (path, magic, filled) = of_number(*next);
        let mut file = self.shared.place.files.create(&path).map_err(cannot("make", &path))?;
        file.append(magic).and_then(|()| file.sync()).map_err(cannot("write", &path))?;
        let new = OpenFile { number: *next, file, filled: filled as u64 };
        *next += 1;
        Ok(open.insert(new))
    }

    /// The body in a slot, decrypted; none where it was destroyed.
    fn open_body(&self, slot: Slot, id: &[u8; 32]) -> Result<Option<Vec<u8>>, VaultError> {
        let segment = self.segment(slot.segment);
        let record = key_segment::read_record(&segment, usize::from(slot.position))?;
        if &record.id != id {
            return Err(VaultError::damaged(&segment, "a key is another body's"));
        }
        let Some(wrapped) = record.wrapped else { return Ok(None) };
        let pack = self.pack(record.pack);
        let sealed = pack::read(&pack, record.offset, record.length)?;
        if Digest::of(&sealed).bytes() != id {
            return Err(VaultError::damaged(&pack, format!("the body at {} is another", record.offset)));
        }
        let key = self.data_key.unwrap(&wrapped, &key_purpose(&self.name, id));
        let key = key.ok_or_else(|| VaultError::damaged(&segment, "the log's key does not open a body's"))?;
        let body = key.open(&sealed, &body_purpose(&self.name));
        body.map(Some).ok_or_else(|| VaultError::damaged(&pack, "a body's key does not open it"))
    }

    fn key_record(&self, slot: Slot, body: BodyId) -> Result<KeyRecord, VaultError> {
        let path = self.segment(slot.segment);
        let record = key_segment::read_record(&path, usize::from(slot.position))?;
        if &record.id == body.0.bytes() {
            Ok(record)
        } else {
            Err(VaultError::damaged(&path, "a key is another body's"))
        }
    }

    fn slot(&self, body: BodyId) -> Result<Slot, VaultError> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = index.slots.get(body.0.bytes()) {
            return Ok(*slot);
        }
        let Some((path, bytes)) = index.tails.first() else { return Err(VaultError::NoBody(body)) };
        let problem = format!("its last {bytes} bytes cannot be read; if {body} was ever kept, its key was among such");
        Err(VaultError::damaged(path, problem))
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>, VaultError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match &writer.broken {
            Some(why) => Err(VaultError::Broken { log: self.name.clone(), why: why.clone() }),
            None => Ok(writer),
        }
    }

    fn segment(&self, number: u32) -> PathBuf {
        self.shared.place.body_keys(&self.name).join(format!("{number:06}.keys"))
    }

    fn pack(&self, number: u32) -> PathBuf {
        self.shared.place.packs(&self.name).join(format!("{number:06}.pack"))
    }
}

impl Writer {
    /// After a failure nothing more is written.
    fn or_break<T>(&mut self, result: Result<T, VaultError>) -> Result<T, VaultError> {
        if let Err(error) = &result {
            let source = std::error::Error::source(error).map(|source| format!(": {source}"));
            self.broken = Some(format!("{error}{}", source.unwrap_or_default()));
        }
        result
    }
}

fn body_purpose(log: &str) -> Purpose {
    Purpose::new("proofhouse vault body 1", &[log.as_bytes()])
}

fn key_purpose(log: &str, id: &[u8; 32]) -> Purpose {
    Purpose::new("proofhouse vault body key 1", &[log.as_bytes(), id])
}

fn begin(shared: &Shared, log: &str) -> Result<Key, VaultError> {
    let key = Key::random(&shared.place.random);
    log_key::write(shared, log, &key, false)?;
    Ok(key)
}

/// The numbers of a folder's files `NNNNNN.ending`, in order.
fn numbers(folder: &Path, ending: &str) -> Result<Vec<u32>, VaultError> {
    let mut numbers = Vec::new();
    for file in fs::read_dir(folder).map_err(cannot("read", folder))? {
        let path = file.map_err(cannot("read", folder))?.path();
        let stem =
            path.file_stem().and_then(|stem| stem.to_str()).filter(|_| path.extension().is_some_and(|e| e == ending));
        numbers.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn read_index(keys: &Path, segments: &[u32]) -> Result<Index, VaultError> {
    let mut index = Index::default();
    for &segment in segments {
        let path = keys.join(format!("{segment:06}.keys"));
        let KeySegment { records, tail_bytes } = KeySegment::read(&path)?;
        for (record, position) in records.into_iter().zip(0..) {
            index.slots.insert(record.id, Slot { segment, position });
        }
        if tail_bytes > 0 {
            index.tails.push((path, tail_bytes));
        }
    }
    Ok(index)
}
