//! Packs: files of ciphertexts, only ever appended to. A record is a header of 16 bytes (`PHBD`, the length, a checksum of
//! what follows, a checksum of the header; little-endian) and the sealed body. Where a record lies is said by its key, and
//! no key is written before the pack is synced: what a power cut left of a pack's end belongs to no body.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::VaultError;
use crate::error::cannot;

pub(crate) const MAGIC: &[u8; 8] = b"PHPACK\x001";
const RECORD_MAGIC: &[u8; 4] = b"PHBD";
const HEADER_BYTES: usize = 16;

/// Appends a record to what is to be written.
pub(crate) fn encode(sealed: &[u8], length: u32, bytes: &mut Vec<u8>) {
    bytes.extend(header(sealed, length));
    bytes.extend(sealed);
}

fn header(sealed: &[u8], length: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(RECORD_MAGIC);
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header[8..12].copy_from_slice(&crc32fast::hash(sealed).to_le_bytes());
    let own = crc32fast::hash(&header[..12]);
    header[12..].copy_from_slice(&own.to_le_bytes());
    header
}

/// Reads the sealed body whose record begins at `offset`.
pub(crate) fn read(path: &Path, offset: u64, length: u32) -> Result<Vec<u8>, VaultError> {
    let mut file = File::open(path).map_err(cannot("read", path))?;
    let mut magic = [0; MAGIC.len()];
    let mut found = [0; HEADER_BYTES];
    let mut sealed = vec![0; length as usize];
    let whole = file
        .read_exact(&mut magic)
        .and_then(|()| file.seek(SeekFrom::Start(offset)))
        .and_then(|_| file.read_exact(&mut found))
        .and_then(|()| file.read_exact(&mut sealed));
    match whole {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(VaultError::damaged(path, format!("it ends before the body at {offset} does")));
        }
        whole => whole.map_err(cannot("read", path))?,
    }
    if &magic != MAGIC {
        return Err(VaultError::damaged(path, "it is not a pack that this version reads"));
    }
    if found != header(&sealed, length) {
        return Err(VaultError::damaged(path, format!("the checksum of the body at {offset} is wrong")));
    }
    Ok(sealed)
}
