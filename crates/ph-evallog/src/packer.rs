//! Packs a document as an entry of a log: Zstandard level 3, as Inspect does. What is packed once is only copied after.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::pack::PackedEntry;
use crate::spool::Spool;
use crate::zip::Method;

/// Inspect's level.
const LEVEL: i32 = 3;

/// The most input of one frame: the decoder of Inspect's viewer fails on larger ones.
const FRAME_BYTES_MAX: usize = 200 << 20;

/// Packs documents; keeps the compressor's memory between them.
pub struct Packer {
    compressor: zstd::bulk::Compressor<'static>,
}

impl Packer {
    /// A packer.
    ///
    /// # Errors
    /// [`io::Error`] where the compressor cannot be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self { compressor: zstd::bulk::Compressor::new(LEVEL)? })
    }

    /// Packs one document.
    ///
    /// # Errors
    /// [`io::Error`] where the compressor fails.
    pub fn pack(&mut self, document: &[u8]) -> io::Result<PackedEntry<'static>> {
        let payload = if document.len() <= FRAME_BYTES_MAX {
            self.compressor.compress(document)?
        } else {
            let mut payload = Vec::new();
            for frame in document.chunks(FRAME_BYTES_MAX) {
                payload.extend(self.compressor.compress(frame)?);
            }
            payload
        };
        Ok(PackedEntry {
            method: Method::Zstd,
            crc32: crc32fast::hash(document),
            size: document.len() as u64,
            payload: Cow::Owned(payload),
        })
    }
}

/// Packs a document that is written piece by piece and may be larger than memory.
pub(crate) struct PackedSpool {
    encoder: Option<zstd::stream::write::Encoder<'static, Spool>>,
    frame_bytes: usize,
    crc: crc32fast::Hasher,
    size: u64,
}

impl PackedSpool {
    /// Collects what is packed in `spool`.
    pub(crate) fn new(spool: Spool) -> io::Result<Self> {
        let encoder = zstd::stream::write::Encoder::new(spool, LEVEL)?;
        Ok(Self { encoder: Some(encoder), frame_bytes: 0, crc: crc32fast::Hasher::new(), size: 0 })
    }

    /// Adds a piece of the document.
    pub(crate) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.frame_bytes + piece.len() > FRAME_BYTES_MAX && self.frame_bytes > 0 {
            let spool = self.take()?.finish()?;
            self.encoder = Some(zstd::stream::write::Encoder::new(spool, LEVEL)?);
            self.frame_bytes = 0;
        }
        self.frame_bytes += piece.len();
        self.size += piece.len() as u64;
        self.crc.update(piece);
        match &mut self.encoder {
            Some(encoder) => encoder.write_all(piece),
            None => Err(closed()),
        }
    }

    /// Whether no piece was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The packed document: what its headers say and its payload. Nothing can be added after.
    pub(crate) fn finish(&mut self) -> io::Result<(PackedEntry<'static>, Spool)> {
        let spool = self.take()?.finish()?;
        let entry = PackedEntry {
            method: Method::Zstd,
            crc32: self.crc.clone().finalize(),
            size: self.size,
            payload: Cow::Borrowed(&[]),
        };
        Ok((entry, spool))
    }

    fn take(&mut self) -> io::Result<zstd::stream::write::Encoder<'static, Spool>> {
        self.encoder.take().ok_or_else(closed)
    }
}

/// After a failed write there is nothing to go on with.
fn closed() -> io::Error {
    io::Error::other("the document's compressor has failed before")
}
