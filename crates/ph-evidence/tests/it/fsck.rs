//! What is wrong with a ledger is named, each thing once.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ph_base::Disk;
use ph_evidence::fsck::{FsckInput, Part, fsck, fsck_dir};
use ph_evidence::tile_dir::TileDir;
use ph_evidence::{FileLedger, FsckReport};
use ph_proof::note::{KeyName, NoteSigner, TreeHead};
use ph_record::entry_store::{BodyId, BodyStore, EntryStore, EntryStoreError, NewEntry, StoredEntry};

use crate::shared::{event, ledger_of, signer};

/// Entries of which a test changes what is read, and how many there are.
struct Tampered<'a, F>(&'a dyn EntryStore, F, u64);

impl<F: Fn(&mut StoredEntry) + Send + Sync> EntryStore for Tampered<'_, F> {
    fn append(&self, entries: &[NewEntry]) -> Result<u64, EntryStoreError> {
        self.0.append(entries)
    }

    fn size(&self) -> Result<u64, EntryStoreError> {
        Ok(self.2)
    }

    fn read(&self, from: u64, count: usize) -> Result<Vec<StoredEntry>, EntryStoreError> {
        let mut entries = self.0.read(from, count)?;
        entries.iter_mut().for_each(&self.1);
        Ok(entries)
    }
}

/// Bodies of which one was destroyed or changed.
struct TamperedBodies<'a>(&'a dyn BodyStore, BodyId, Option<Vec<u8>>);

impl BodyStore for TamperedBodies<'_> {
    fn keep(&self, bodies: &[Vec<u8>]) -> Result<Vec<BodyId>, EntryStoreError> {
        self.0.keep(bodies)
    }

    fn body(&self, id: BodyId) -> Result<Option<Vec<u8>>, EntryStoreError> {
        if id == self.1 { Ok(self.2.clone()) } else { self.0.body(id) }
    }
}

/// A ledger of 600 entries with heads at 300 and 600, of which the first is kept.
fn sound() -> (tempfile::TempDir, FileLedger) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger_of(dir.path(), 300);
    let head = ledger.head().unwrap();
    ledger.keep_head(&head).unwrap();
    let events = (300..600).map(event).collect();
    ledger.recorder().unwrap().record(events).unwrap();
    ledger.head().unwrap();
    (dir, ledger)
}

fn named(report: &FsckReport) -> Vec<String> {
    report.findings.iter().map(|finding| finding.part.to_string()).collect()
}

/// Changes a file; checks what is named; puts it back.
fn changed(dir: &Path, name: &str, change: impl Fn(Vec<u8>) -> Option<Vec<u8>>, wanted: &[&str]) {
    let path = dir.join(name);
    let before = fs::read(&path).unwrap();
    match change(before.clone()) {
        Some(after) => fs::write(&path, after).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let report = fsck_dir(dir).unwrap();
    assert_eq!(named(&report), wanted, "{name}: {report:?}");
    fs::write(&path, before).unwrap();
}

fn flipped(at: usize) -> impl Fn(Vec<u8>) -> Option<Vec<u8>> {
    move |mut bytes| {
        bytes[at] ^= 1;
        Some(bytes)
    }
}

#[test]
fn a_sound_ledger_is_counted() {
    let (dir, _ledger) = sound();
    let report = fsck_dir(dir.path()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let counts = report.counts;
    assert_eq!((counts.entries, counts.bodies, counts.bundles, counts.heads), (600, 600, 3, 1));
    assert_eq!(counts.tiles, 4, "three of level 0 and one of level 1");
}

#[test]
fn files_that_are_changed_swapped_or_missing_are_named() {
    let (dir, ledger) = sound();
    let dir = dir.path();
    drop(ledger);
    changed(dir, "tile/0/001", flipped(33), &["tile/0/001, leaf 257"]);
    changed(dir, "tile/0/002.p/88", |_| None, &["tile/0/002.p/88"]);
    changed(dir, "tile/1/000.p/2", flipped(40), &["tile/1/000.p/2"]);
    changed(dir, "tile/entries/000", flipped(5), &["tile/entries/000, entry 0"]);
    changed(dir, "tile/entries/001", |bytes| Some(bytes[1..].to_vec()), &["tile/entries/001"]);
    let (first, second) = (fs::read(dir.join("tile/0/000")).unwrap(), fs::read(dir.join("tile/0/001")).unwrap());
    assert_ne!(first, second);
    let path = dir.join("tile/0/000");
    fs::write(&path, &second).unwrap();
    let report = fsck_dir(dir).unwrap();
    assert_eq!(report.findings.len(), 256, "every leaf of a swapped tile");
    assert_eq!(named(&report)[255], "tile/0/000, leaf 255");
    fs::write(&path, &first).unwrap();
    let head = |size, key: &NoteSigner| TreeHead::new(key.name().as_str(), size, [5; 32]).unwrap().sign(key).unwrap();
    let own = signer(1);
    let foreign = NoteSigner::new(KeyName::new("example.org/other").unwrap(), &[1; 32]);
    let note = |size, key: &NoteSigner| head(size, key).to_string().into_bytes();
    changed(dir, "checkpoint", |_| Some(note(600, &signer(2))), &["checkpoint", "checkpoint"]);
    changed(dir, "checkpoint", |_| Some(note(600, &foreign)), &["checkpoint", "checkpoint"]);
    changed(dir, "checkpoint", |_| Some(note(600, &own)), &["checkpoint"]);
    changed(dir, "checkpoint", |_| Some(b"x".to_vec()), &["checkpoint", "heads/0000000300.note"]);
    changed(dir, "heads/0000000300.note", |_| Some(note(300, &own)), &["heads/0000000300.note"]);
    changed(dir, "heads/0000000300.note", |_| Some(note(301, &own)), &["heads/0000000300.note"]);
    changed(dir, "entries/000001.seg", flipped(30), &["entries"]);
    changed(dir, "bodies/000001.seg", flipped(300), &["bodies"]);
    assert!(fsck_dir(dir).unwrap().is_sound());
}

#[test]
fn entries_that_are_changed_swapped_doubled_or_gone_are_named() {
    let (dir, ledger) = sound();
    let (entries, bodies, _) = ledger.stores();
    let tiles = TileDir::new(dir.path(), Arc::new(Disk));
    let key = ledger.verifier();
    let all = entries.read(0, 600).unwrap();
    let check = |change: &(dyn Fn(&mut StoredEntry) + Send + Sync), wanted: &[Part]| {
        let tampered = Tampered(entries, change, 600);
        let input = FsckInput { entries: Some(&tampered), bodies: Some(bodies), tiles: &tiles, key: &key };
        let report = fsck(input);
        let parts: Vec<Part> = report.findings.iter().map(|finding| finding.part).collect();
        assert_eq!(parts, wanted, "{report:?}");
    };
    let instead = |index: u64, other: u64| {
        let other = all[other as usize].entry.clone();
        move |stored: &mut StoredEntry| {
            if stored.index == index {
                stored.entry = other.clone();
            }
        }
    };
    check(&|_| {}, &[]);
    let leaf = |stored: &mut StoredEntry| {
        if stored.index == 257 {
            stored.entry.leaf[7] ^= 1;
        }
    };
    check(&leaf, &[Part::Entry(257), Part::Body(257)]);
    check(&instead(5, 4), &[Part::Entry(5)]);
    let (one, two) = (instead(300, 301), instead(301, 300));
    let swap = |stored: &mut StoredEntry| if stored.index == 300 { one(stored) } else { two(stored) };
    check(&swap, &[Part::Entry(300), Part::Entry(301)]);
    let gone = |stored: &mut StoredEntry| {
        if stored.index == 9 {
            stored.index = 10;
        }
    };
    check(&gone, &[Part::Entry(9)]);
    check(&instead(0, 1), &[Part::Entry(0), Part::Event(0)]);
    let rolled_back = Tampered(entries, |_: &mut StoredEntry| {}, 590);
    let report = fsck(FsckInput { entries: Some(&rolled_back), bodies: Some(bodies), tiles: &tiles, key: &key });
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].to_string(), "entry 590: missing: the store ends here, the signed tree at 600");
}

#[test]
fn bodies_that_are_changed_or_destroyed_without_a_tombstone_are_named() {
    let (dir, mut ledger) = sound();
    let tiles = TileDir::new(dir.path(), Arc::new(Disk));
    let key = ledger.verifier();
    let check = |ledger: &FileLedger, index: u64, instead: Option<Vec<u8>>| {
        let (entries, bodies, _) = ledger.stores();
        let id = entries.read(index, 1).unwrap()[0].entry.body;
        let tampered = TamperedBodies(bodies, id, instead);
        fsck(FsckInput { entries: Some(entries), bodies: Some(&tampered), tiles: &tiles, key: &key })
    };
    assert_eq!(named(&check(&ledger, 77, Some(vec![7; 50]))), ["body of entry 77"]);
    // What says that the body of entry 77 was destroyed is that body itself.
    assert_eq!(named(&check(&ledger, 77, None)), ["body of entry 77"]);
    ledger.record(event(77)).unwrap();
    let report = check(&ledger, 77, None);
    assert!(report.is_sound() && report.counts.destroyed == 1, "{report:?}");
    ledger.head().unwrap();
    assert!(check(&ledger, 77, None).is_sound());
}
