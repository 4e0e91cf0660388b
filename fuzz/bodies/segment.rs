//! Any bytes as a segment of a run's journal.

use ph_eval::RunDir;

const MAGIC_BYTES: usize = 8;
const HEADER_BYTES: usize = 52;

/// Reads the segment as it is, and with the checksums that its entries should have: behind them a fuzzer sees nothing.
pub(crate) fn check(data: &[u8]) {
    read(data);
    read(&mended(data));
}

/// Reads every record; damage is an error that names the segment, and nothing comes after it.
fn read(segment: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::create_dir(folder.path().join("journal")).expect("a folder can be made");
    std::fs::write(folder.path().join("journal/000001.seg"), segment).expect("a file can be written");
    let dir = RunDir::open(folder.path()).expect("the journal is there");
    let mut is_over = false;
    for record in dir.records().expect("the journal can be listed") {
        assert!(!is_over, "something comes after an error");
        if let Err(error) = record {
            assert!(error.to_string().contains("000001.seg"), "the segment is not named: {error}");
            is_over = true;
        }
    }
    let _ = dir.records_without_events().expect("the journal can be listed").count();
}

/// The segment with the checksums of its headers, names and payloads set right, as far as its lengths lead.
fn mended(data: &[u8]) -> Vec<u8> {
    let mut segment = data.to_vec();
    let mut at = MAGIC_BYTES;
    while let Some(header) = segment.get(at..at + HEADER_BYTES) {
        let number = |from: usize, bytes: usize| {
            header[from..from + bytes].iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte))
        };
        let body = at + HEADER_BYTES;
        let Some((compact, payload, end)) = parts(body, number(6, 2), number(8, 4), number(24, 8)) else { break };
        let Some(rest) = segment.get(body..end) else { break };
        let payload_crc = crc32fast::hash(&rest[payload - body..]);
        let name_crc = crc32fast::hash(&rest[..compact - body]);
        segment[at..at + 4].copy_from_slice(b"PHEN");
        segment[at + 40..at + 44].copy_from_slice(&payload_crc.to_le_bytes());
        segment[at + 44..at + 48].copy_from_slice(&name_crc.to_le_bytes());
        let header_crc = crc32fast::hash(&segment[at..at + HEADER_BYTES - 4]);
        segment[at + 48..body].copy_from_slice(&header_crc.to_le_bytes());
        at = end;
    }
    segment
}

/// Where an entry's compact record and payload begin, and where it ends.
fn parts(body: usize, name: u64, compact: u64, payload: u64) -> Option<(usize, usize, usize)> {
    let after = |at: usize, length: u64| at.checked_add(usize::try_from(length).ok()?);
    let compact_at = after(body, name)?;
    let payload_at = after(compact_at, compact)?;
    Some((compact_at, payload_at, after(payload_at, payload)?))
}
