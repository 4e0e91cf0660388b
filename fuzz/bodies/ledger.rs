//! Any bytes as the only segment of a ledger's entries, and of its bodies: opened for reading, and read.

use ph_evidence::file_bodies::FileBodies;
use ph_evidence::file_entries::FileEntries;
use ph_record::{BodyStore, EntryStore};

/// What is read has an order without gaps, and a body is what its name says.
pub(crate) fn check(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("000001.seg"), data).expect("room");
    if let Ok(entries) = FileEntries::open_read_only(folder.path()) {
        let size = entries.size().expect("it was opened");
        if let Ok(read) = entries.read(0, 64) {
            assert!(read.iter().enumerate().all(|(at, entry)| entry.index == at as u64), "a gap");
            assert_eq!(read.len() as u64, size.min(64));
        }
    }
    if let Ok(bodies) = FileBodies::open_read_only(folder.path()) {
        let id = ph_record::BodyId(ph_base::Digest::of(data));
        assert!(!matches!(bodies.body(id), Ok(Some(body)) if body != data), "another body");
    }
}
