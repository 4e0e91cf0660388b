//! Key segments: files of at most 4,096 wrapped keys, each in a record of fixed length that says where its body lies.
//!
//! Records are appended and synced. Destroying a body puts a new file in the segment's place, in which the body's wrapped
//! key is zeros. A segment's end that was cut short by a power cut is recognised (no whole record after it) and left where
//! it is: it belongs to no body that was acknowledged.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::VaultError;
use crate::crypt::WRAPPED_BYTES;
use crate::error::cannot;

pub(crate) const MAGIC: &[u8; 8] = b"PHKEYS\x001";
/// The most records of a segment: what destroying one body rewrites.
pub(crate) const RECORDS_MAX: usize = 4096;
const RECORD_BYTES: usize = 32 + 4 + 8 + 4 + 1 + WRAPPED_BYTES + 4;

/// A body's key and where the body lies.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    /// The digest that is the body's name.
    pub(crate) id: [u8; 32],
    /// In which pack.
    pub(crate) pack: u32,
    /// Where in it.
    pub(crate) offset: u64,
    /// The length of the sealed body.
    pub(crate) length: u32,
    /// Its key; none where it was destroyed.
    pub(crate) wrapped: Option<[u8; WRAPPED_BYTES]>,
}

impl KeyRecord {
    pub(crate) fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = Vec::with_capacity(RECORD_BYTES);
        bytes.extend(self.id);
        bytes.extend(self.pack.to_le_bytes());
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.push(u8::from(self.wrapped.is_none()));
        bytes.extend(self.wrapped.unwrap_or([0; WRAPPED_BYTES]));
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        let mut record = [0; RECORD_BYTES];
        record.copy_from_slice(&bytes);
        record
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, crc) = bytes.split_at_checked(RECORD_BYTES - 4)?;
        if crc != crc32fast::hash(content).to_le_bytes() {
            return None;
        }
        let (id, rest) = content.split_first_chunk()?;
        let (pack, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (state, wrapped) = rest.split_first()?;
        let wrapped: [u8; WRAPPED_BYTES] = wrapped.try_into().ok()?;
        let wrapped = match state {
            0 => Some(wrapped),
            1 if wrapped == [0; WRAPPED_BYTES] => None,
            _ => return None,
        };
        let (pack, offset) = (u32::from_le_bytes(*pack), u64::from_le_bytes(*offset));
        Some(Self { id: *id, pack, offset, length: u32::from_le_bytes(*length), wrapped })
    }
}

/// A whole segment.
pub(crate) struct KeySegment {
    pub(crate) records: Vec<KeyRecord>,
    /// Bytes at its end that are no record.
    pub(crate) tail_bytes: usize,
}

impl KeySegment {
    pub(crate) fn read(path: &Path) -> Result<Self, VaultError> {
        let bytes = fs::read(path).map_err(cannot("read", path))?;
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            // The magic is synced before anything follows it.
            let is_cut_short = bytes.len() <= MAGIC.len();
            let wrong = || VaultError::damaged(path, "it is not a key segment that this version reads");
            return if is_cut_short { Ok(Self { records: vec![], tail_bytes: bytes.len() }) } else { Err(wrong()) };
        };
        let mut parsed = rest.chunks(RECORD_BYTES).map(KeyRecord::parse);
        let records: Vec<KeyRecord> = parsed.by_ref().map_while(|record| record).collect();
        if parsed.any(|record| record.is_some()) {
            return Err(VaultError::damaged(path, format!("the checksum of its key {} is wrong", records.len() + 1)));
        }
        if records.len() > RECORDS_MAX {
            return Err(VaultError::damaged(path, format!("it holds {} keys", records.len())));
        }
        let tail_bytes = rest.len() - records.len() * RECORD_BYTES;
        Ok(Self { records, tail_bytes })
    }
}

/// The segment's whole content with the key of one record gone.
pub(crate) fn without_key(path: &Path, position: usize) -> Result<Vec<u8>, VaultError> {
    let mut bytes = fs::read(path).map_err(cannot("read", path))?;
    let place = MAGIC.len() + position * RECORD_BYTES;
    let record = bytes.get_mut(place..place + RECORD_BYTES);
    let (record, old) = record
        .and_then(|record| KeyRecord::parse(record).map(|old| (record, old)))
        .ok_or_else(|| VaultError::damaged(path, format!("its key {} cannot be read", position + 1)))?;
    record.copy_from_slice(&KeyRecord { wrapped: None, ..old }.encode());
    Ok(bytes)
}

/// One record.
pub(crate) fn read_record(path: &Path, position: usize) -> Result<KeyRecord, VaultError> {
    let mut file = File::open(path).map_err(cannot("read", path))?;
    let mut record = [0; RECORD_BYTES];
    let place = (MAGIC.len() + position * RECORD_BYTES) as u64;
    let found = file.seek(SeekFrom::Start(place)).and_then(|_| file.read_exact(&mut record));
    let found = found.is_ok().then(|| KeyRecord::parse(&record)).flatten();
    found.ok_or_else(|| VaultError::damaged(path, format!("its key {} cannot be read", position + 1)))
}
