//! One segment of a journal: finished samples one after the other, each as a log's ready entry with our compact record.
//!
//! A segment begins with 8 bytes that name its format. An entry is a header of 52 bytes, the entry's name, the compact
//! record (JSON without the transcript, Zstandard) and the entry's payload exactly as a `.eval` file holds it. Numbers are
//! little-endian. Every part has a checksum, so that damage is told from a tail that was cut off while it was written.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use ph_evallog::zip::Method;
use ph_evallog::{PackedEntry, Packer, ReadLimits};
use ph_record::SampleRecord;

/// The first bytes of a segment.
pub(crate) const MAGIC: &[u8; 8] = b"PHSEG\x001\n";
const ENTRY_MAGIC: &[u8; 4] = b"PHEN";
const HEADER_BYTES: usize = 52;

/// Encodes one entry.
///
/// # Errors
/// [`io::Error`] where name or record are longer than the format holds, or a compressor fails.
pub(crate) fn encode(name: &str, compact: &[u8], entry: &PackedEntry<'_>, packer: &mut Packer) -> io::Result<Vec<u8>> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "the record is too long for a journal");
    let packed = packer.pack(compact)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + name.len() + packed.payload.len() + entry.payload.len());
    bytes.extend(ENTRY_MAGIC);
    bytes.extend(entry.method.number().to_le_bytes());
    bytes.extend(u16::try_from(name.len()).map_err(too_long)?.to_le_bytes());
    bytes.extend(u32::try_from(packed.payload.len()).map_err(too_long)?.to_le_bytes());
    bytes.extend(u32::try_from(compact.len()).map_err(too_long)?.to_le_bytes());
    bytes.extend(packed.crc32.to_le_bytes());
    bytes.extend(entry.crc32.to_le_bytes());
    bytes.extend((entry.payload.len() as u64).to_le_bytes());
    bytes.extend(entry.size.to_le_bytes());
    bytes.extend(crc32fast::hash(&entry.payload).to_le_bytes());
    bytes.extend(crc32fast::hash(name.as_bytes()).to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes.extend(packed.payload.iter());
    bytes.extend(entry.payload.iter());
    Ok(bytes)
}

/// One stored sample.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSample {
    /// The name of the log's entry.
    pub name: String,
    /// Our record without its transcript.
    pub record: SampleRecord,
    /// The log's entry; without payload where it was not asked for.
    pub entry: PackedEntry<'static>,
}

/// What comes next in a segment.
pub(crate) enum Next {
    Sample(Box<StoredSample>),
    End,
    /// So many bytes of an entry that was cut off.
    Torn(u64),
}

/// Damage in a segment: what is wrong.
pub(crate) enum SegmentError {
    Read(io::Error),
    Damaged(String),
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> Self {
        SegmentError::Read(error)
    }
}

/// Reads a segment from its beginning.
pub(crate) struct SegmentReader {
    pub(crate) path: PathBuf,
    file: BufReader<File>,
    bytes: u64,
    /// Where the next entry begins.
    pub(crate) offset: u64,
    /// The number of the next entry, from 1.
    pub(crate) number: u64,
}

/// How the next entry begins: its header and its whole length.
enum Begun {
    Entry(Header, u64),
    End,
    Torn(u64),
}

struct Header {
    method: Method,
    name: usize,
    compact: usize,
    compact_size: u64,
    compact_crc: u32,
    crc: u32,
    payload: u64,
    size: u64,
    payload_crc: u32,
    name_crc: u32,
}

impl SegmentReader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file: BufReader::with_capacity(128 << 10, file), bytes, offset: 0, number: 1 })
    }

    /// The next entry; its payload only where it is wanted.
    pub(crate) fn next_entry(&mut self, with_payload: bool) -> Result<Next, SegmentError> {
        let (header, length) = match self.next_header()? {
            Begun::Entry(header, length) => (header, length),
            Begun::End => return Ok(Next::End),
            Begun::Torn(left) => return Ok(Next::Torn(left)),
        };
        let sample = self.body(&header, with_payload)?;
        self.offset += length;
        self.number += 1;
        Ok(Next::Sample(Box::new(sample)))
    }

    /// The name of the next entry, of which nothing else is read; none at the end and where the rest is cut off.
    pub(crate) fn next_name(&mut self) -> Result<Option<String>, SegmentError> {
        let Begun::Entry(header, length) = self.next_header()? else { return Ok(None) };
        let name = self.name(&header)?;
        let rest = length - (HEADER_BYTES + header.name) as u64;
        self.file.seek_relative(i64::try_from(rest).map_err(|_| damaged("its length is impossible"))?)?;
        self.offset += length;
        self.number += 1;
        Ok(Some(name))
    }

    fn next_header(&mut self) -> Result<Begun, SegmentError> {
        if self.offset == 0 {
            if self.bytes < MAGIC.len() as u64 {
                return Ok(if self.bytes == 0 { Begun::End } else { Begun::Torn(self.bytes) });
            }
            self.begin()?;
        }
        let left = self.bytes - self.offset;
        if left == 0 {
            return Ok(Begun::End);
        }
        if left < HEADER_BYTES as u64 {
            return Ok(Begun::Torn(left));
        }
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact(&mut header)?;
        let header = parse(&header)?;
        let length = (HEADER_BYTES + header.name + header.compact) as u64;
        let length = length.checked_add(header.payload).ok_or_else(|| damaged("its length is impossible"))?;
        Ok(if left < length { Begun::Torn(left) } else { Begun::Entry(header, length) })
    }

    fn name(&mut self, header: &Header) -> Result<String, SegmentError> {
        let name = self.part(header.name)?;
        if crc32fast::hash(&name) != header.name_crc {
            return Err(damaged("the checksum of its name is wrong"));
        }
        String::from_utf8(name).map_err(|_| damaged("its name is not UTF-8"))
    }

    fn begin(&mut self) -> Result<(), SegmentError> {
        let mut magic = [0; MAGIC.len()];
        self.file.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(damaged("it is not a segment that this version reads"));
        }
        self.offset = MAGIC.len() as u64;
        Ok(())
    }

    fn body(&mut self, header: &Header, with_payload: bool) -> Result<StoredSample, SegmentError> {
        let name = self.name(header)?;
        let compact = PackedEntry {
            method: Method::Zstd,
            crc32: header.compact_crc,
            size: header.compact_size,
            payload: Cow::Owned(self.part(header.compact)?),
        };
        let compact =
            compact.unpack(&ReadLimits::default()).map_err(|error| damaged(format!("its record: {error}")))?;
        let record = serde_json::from_slice(&compact).map_err(|error| damaged(format!("its record: {error}")))?;
        let payload = self.payload(header, with_payload)?;
        let entry =
            PackedEntry { method: header.method, crc32: header.crc, size: header.size, payload: Cow::Owned(payload) };
        Ok(StoredSample { name, record, entry })
    }

    fn payload(&mut self, header: &Header, wanted: bool) -> Result<Vec<u8>, SegmentError> {
        if !wanted {
            let length = i64::try_from(header.payload).map_err(|_| damaged("its length is impossible"))?;
            self.file.seek_relative(length)?;
            return Ok(Vec::new());
        }
        let length = usize::try_from(header.payload).map_err(|_| damaged("its length is impossible"))?;
        let payload = self.part(length)?;
        if crc32fast::hash(&payload) != header.payload_crc {
            return Err(damaged("the checksum of its payload is wrong"));
        }
        Ok(payload)
    }

    /// The next bytes, of which the file is known to have as many.
    fn part(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut part = vec![0; length];
        self.file.read_exact(&mut part)?;
        Ok(part)
    }
}

/// Whether a whole header stands anywhere after the first byte: what comes before it is damage, and not an end that a
/// power cut left behind.
pub(crate) fn has_later_entry(bytes: &[u8]) -> bool {
    bytes.windows(HEADER_BYTES).skip(1).any(|window| {
        window.starts_with(ENTRY_MAGIC)
            && <&[u8; HEADER_BYTES]>::try_from(window).is_ok_and(|header| parse(header).is_ok())
    })
}

fn damaged(problem: impl Into<String>) -> SegmentError {
    SegmentError::Damaged(problem.into())
}

fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Header, SegmentError> {
    let mut rest = &bytes[..];
    let mut take = |length: usize| {
        let (part, after) = rest.split_at(length);
        rest = after;
        part.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let magic = take(4);
    let method = take(2);
    let header = Header {
        method: Method::Stored,
        name: take(2) as usize,
        compact: take(4) as usize,
        compact_size: take(4),
        compact_crc: take(4) as u32,
        crc: take(4) as u32,
        payload: take(8),
        size: take(8),
        payload_crc: take(4) as u32,
        name_crc: take(4) as u32,
    };
    let is_whole = take(4) as u32 == crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
    if magic != u64::from(u32::from_le_bytes(*ENTRY_MAGIC)) || !is_whole {
        return Err(damaged("its header is damaged"));
    }
    let method = u16::try_from(method).ok().and_then(Method::of);
    Ok(Header { method: method.ok_or_else(|| damaged("its compression is unknown"))?, ..header })
}
