//! Reads an entry's document: decompressed under limits, its declared length and checksum verified at its end.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::DeflateDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::{DirectoryEntry, Method};
use crate::file_slice::FileSlice;

const BUFFER_BYTES: usize = 64 << 10;

/// The largest window that a Zstandard frame may ask for.
const WINDOW_BYTES_MAX: u64 = 128 << 20;

/// What an entry may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// The most bytes of one document.
    pub entry_bytes_max: u64,
    /// The most bytes of document per byte of payload, for documents larger than `small_bytes`.
    pub ratio_max: u64,
    /// Documents up to this size may have any ratio.
    pub small_bytes: u64,
}

impl Default for ReadLimits {
    /// 2 GiB; 2,000 : 1 beyond 64 MiB.
    fn default() -> Self {
        Self { entry_bytes_max: 2 << 30, ratio_max: 2_000, small_bytes: 64 << 20 }
    }
}

impl ReadLimits {
    /// Whether an entry of these declared lengths may be read; if not, why.
    pub(crate) fn check(&self, packed: u64, size: u64) -> Result<(), String> {
        if size > self.entry_bytes_max {
            return Err(format!("it declares {size} bytes, more than the {} allowed", self.entry_bytes_max));
        }
        if size > self.small_bytes && size / self.ratio_max > packed {
            return Err(format!(
                "{packed} bytes that declare to become {size} are no document but a decompression bomb"
            ));
        }
        Ok(())
    }
}

type Source = Box<dyn BufRead + Send>;

enum Decoder {
    Stored(Source),
    Deflate(Box<DeflateDecoder<Source>>),
    Zstd(Box<Frames>),
}

/// Reads an entry's document. An error at its end means that what was read is not what was written.
pub struct EntryReader {
    decoder: Decoder,
    crc: crc32fast::Hasher,
    crc_declared: u32,
    size_declared: u64,
    read: u64,
}

impl EntryReader {
    pub(super) fn new((file, start): (Arc<File>, u64), entry: &DirectoryEntry<'_>, method: Method) -> Self {
        let slice = FileSlice::new(file, start..start + entry.packed);
        let source = BufReader::with_capacity(BUFFER_BYTES, slice);
        Self::over(Box::new(source), method, (entry.crc32, entry.size))
    }

    /// Reads the document of a payload, of which checksum and length are declared.
    pub(crate) fn over(source: Source, method: Method, (crc_declared, size_declared): (u32, u64)) -> Self {
        let decoder = match method {
            Method::Stored => Decoder::Stored(source),
            Method::Deflate => Decoder::Deflate(Box::new(DeflateDecoder::new(source))),
            Method::Zstd => Decoder::Zstd(Box::new(Frames::new(source))),
        };
        Self { decoder, crc: crc32fast::Hasher::new(), crc_declared, size_declared, read: 0 }
    }

    fn verify(&self) -> io::Result<()> {
        if self.read != self.size_declared {
            return Err(damaged(format!("it has {} bytes where it declares {}", self.read, self.size_declared)));
        }
        if self.crc.clone().finalize() != self.crc_declared {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        Ok(())
    }
}

fn damaged(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

impl Read for EntryReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = match &mut self.decoder {
            Decoder::Stored(source) => source.read(buffer),
            Decoder::Deflate(decoder) => decoder.read(buffer),
            Decoder::Zstd(frames) => frames.read(buffer),
        }?;
        if read == 0 {
            self.verify()?;
            return Ok(0);
        }
        self.read += read as u64;
        if self.read > self.size_declared {
            return Err(damaged(format!("it becomes more than the {} bytes that it declares", self.size_declared)));
        }
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

/// Zstandard frames one after the other; frames to be skipped are skipped.
struct Frames {
    present: Option<StreamingDecoder<Source, FrameDecoder>>,
    next: Option<Source>,
}

impl Frames {
    fn new(source: Source) -> Self {
        Self { present: None, next: Some(source) }
    }

    /// Begins the next frame; `false` where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let Some(mut source) = self.next.take() else { return Ok(false) };
            if source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            if let Some(length) = skippable(&mut source)? {
                if io::copy(&mut (&mut source).take(length), &mut io::sink())? != length {
                    return Err(damaged("its last frame is cut off".to_owned()));
                }
                self.next = Some(source);
                continue;
            }
            let frame = StreamingDecoder::new_with_max_window_size(source, WINDOW_BYTES_MAX);
            self.present = Some(frame.map_err(|error| damaged(error.to_string()))?);
            return Ok(true);
        }
    }
}

/// Takes the header of a frame that is to be skipped (RFC 8878 §3.1.2) and gives its length; takes nothing of another.
fn skippable(source: &mut Source) -> io::Result<Option<u64>> {
    const HEADER_BYTES: usize = 8;
    let ahead = source.fill_buf()?;
    // Where it lies across two pieces of the buffer the decoder refuses it with an error; no writer of logs makes such.
    let Some(header) = ahead.get(..HEADER_BYTES) else { return Ok(None) };
    let magic = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    if magic & 0xFFFF_FFF0 != 0x184D_2A50 {
        return Ok(None);
    }
    let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    source.consume(HEADER_BYTES);
    Ok(Some(u64::from(length)))
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.present.is_none() && !self.begin()? {
                return Ok(0);
            }
            if let Some(frame) = &mut self.present {
                let read = frame.read(buffer).map_err(|error| damaged(error.to_string()))?;
                if read > 0 {
                    return Ok(read);
                }
            }
            self.next = self.present.take().map(StreamingDecoder::into_inner);
        }
    }
}
