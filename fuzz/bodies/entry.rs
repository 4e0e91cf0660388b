//! Any bytes as the payload of an entry. The first byte says how it is compressed, the next two what length it declares where
//! the payload is broken; one that other decoders read declares what they find.

use std::io::Read;

use ph_evallog::zip::Method;
use ph_evallog::{PackedEntry, ReadLimits};

const LIMITS: ReadLimits = ReadLimits { entry_bytes_max: 1 << 20, ratio_max: 2_000, small_bytes: 1 << 16 };

/// Unpacks the entry: what comes out is what other decoders give, or nothing does.
pub(crate) fn check(data: &[u8]) {
    let [method, low, high, payload @ ..] = data else { return };
    let method = [Method::Stored, Method::Deflate, Method::Zstd][usize::from(*method) % 3];
    let wanted = reference(method, payload);
    let (crc32, size) = match &wanted {
        Some(document) => (crc32fast::hash(document), document.len() as u64),
        None => (0, u64::from(u16::from_le_bytes([*low, *high]))),
    };
    let entry = PackedEntry { method, crc32, size, payload: payload.to_vec().into() };
    if let (Ok(document), Some(wanted)) = (entry.unpack(&LIMITS), &wanted) {
        assert!(document == *wanted, "{} bytes instead of {}", document.len(), wanted.len());
    }
}

/// The document by other decoders, where it is a small one.
fn reference(method: Method, payload: &[u8]) -> Option<Vec<u8>> {
    let read = |source: &mut dyn Read| {
        let mut document = Vec::new();
        source.take(LIMITS.small_bytes + 1).read_to_end(&mut document).ok()?;
        (document.len() as u64 <= LIMITS.small_bytes).then_some(document)
    };
    match method {
        Method::Stored => read(&mut &*payload),
        Method::Deflate => read(&mut flate2::read::DeflateDecoder::new(payload)),
        Method::Zstd => read(&mut zstd::stream::read::Decoder::new(payload).ok()?),
    }
}
