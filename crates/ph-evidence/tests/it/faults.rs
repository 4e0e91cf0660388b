//! Ledgers whose power is cut at every operation, and whose disk fails at every call.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ph_base::{Digest, FileLayer};
use ph_evidence::key_rotation::rotate;
use ph_evidence::{FileLedger, LedgerError, LedgerSetup, fsck_dir};
use ph_proof::merkle::{plain_tree, verify_consistency};
use ph_proof::note::{SignedNote, TreeHead};
use ph_testkit::{FailingFiles, LosingFiles};

use crate::shared::{event, setup_on, signer};

/// Power cuts, and with full counts.
const ROUNDS: u64 = 160;
const ROUNDS_FULL: u64 = 1_000;

fn is_full() -> bool {
    std::env::var_os("PROOFHOUSE_FULL").is_some()
}

/// A folder in memory where there is one: the layers say what is synced, not the machine.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// What somebody outside has seen of a ledger.
#[derive(Default)]
struct Seen {
    /// Index and number of what was acknowledged.
    acknowledged: Mutex<Vec<(u64, u64)>>,
    heads: Vec<(u64, Digest)>,
}

impl Seen {
    fn head(&mut self, note: &SignedNote) {
        let head = TreeHead::open(note, &signer(1).verifier()).unwrap();
        self.heads.push((head.size(), Digest::from_bytes(*head.root())));
    }

    fn checkpoint(&mut self, dir: &Path) {
        if let Ok(bytes) = std::fs::read(dir.join("checkpoint")) {
            self.head(&SignedNote::parse(&bytes).unwrap());
        }
    }
}

fn open(dir: &Path, files: Arc<dyn FileLayer>) -> Result<FileLedger, LedgerError> {
    match FileLedger::create(dir, setup_on(Arc::clone(&files), 1)) {
        Err(LedgerError::AlreadyThere(_)) => FileLedger::open(dir, setup_on(files, 1)),
        created => created,
    }
}

/// Three threads record, until one cannot.
fn record(ledger: &FileLedger, seen: &Seen, from: u64) -> Result<(), LedgerError> {
    let record = |thread: u64| {
        (0..4).try_for_each(|n| {
            let number = from + thread * 10 + n;
            let index = ledger.record(event(number))?;
            seen.acknowledged.lock().unwrap().push((index, number));
            Ok(())
        })
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|thread| scope.spawn(move || record(thread))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })
}

/// One life of a ledger, until something fails.
fn life(dir: &Path, files: Arc<dyn FileLayer>, seen: &mut Seen, from: u64) -> Result<(), LedgerError> {
    let mut ledger = open(dir, files)?;
    record(&ledger, seen, from)?;
    let head = ledger.head().inspect_err(|_| {
        // What failed once may succeed: never with another tree.
        if let Ok(again) = ledger.head() {
            seen.head(&again);
        }
    })?;
    seen.head(&head);
    ledger.keep_head(&head)?;
    let recorded = record(&ledger, seen, from + 100);
    if recorded.is_err() {
        assert!(ledger.record(event(0)).is_err(), "after a failure nothing is recorded");
        return recorded;
    }
    seen.head(&ledger.head()?);
    Ok(())
}

/// Opens the ledger anew and holds it against what was seen.
fn check(dir: &Path, seen: &mut Seen, context: &str) {
    seen.checkpoint(dir);
    let mut ledger =
        open(dir, Arc::new(LosingFiles::new(None, 1))).unwrap_or_else(|error| panic!("{context}: {error:?}"));
    seen.head(&ledger.head().unwrap());
    let entries: Vec<_> = ledger.entries().map(|entry| entry.unwrap()).collect();
    assert!(entries.iter().zip(0..).all(|((index, _), wanted)| *index == wanted), "{context}");
    for (index, number) in seen.acknowledged.lock().unwrap().iter() {
        let entry = entries.get(*index as usize).and_then(|(_, entry)| entry.as_ref());
        let found = entry.map(|entry| &entry.event.body);
        assert_eq!(found, Some(&event(*number)), "{context}: entry {index} was acknowledged");
    }
    let leaves: Vec<Digest> = (0..entries.len() as u64).map(|index| ledger.leaf_hash(index).unwrap()).collect();
    let (size, root) = (leaves.len() as u64, plain_tree::root(&leaves));
    for (old, old_root) in &seen.heads {
        assert_eq!(*old_root, plain_tree::root(&leaves[..*old as usize]), "{context}: head {old}");
        verify_consistency(*old, *old_root, size, root, &ledger.consistency(*old, size).unwrap()).unwrap();
    }
    drop(ledger);
    let report = fsck_dir(dir).unwrap();
    assert!(report.is_sound(), "{context}: {report:?}");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let whole = LosingFiles::new(None, 1);
    let dir = folder();
    life(dir.path(), Arc::new(whole.clone()), &mut Seen::default(), 0).unwrap();
    let operations = whole.operations();
    let rounds = if is_full() { ROUNDS_FULL } else { ROUNDS }.max(operations);
    let mut cuts = 0;
    for round in 0..rounds {
        let (cut_at, seed) = (1 + round % operations, round);
        let context = format!("power cut at operation {cut_at}, seed {seed}");
        let dir = folder();
        let mut seen = Seen::default();
        let first = LosingFiles::new(Some(cut_at), seed);
        let ended = life(dir.path(), Arc::new(first.clone()), &mut seen, 0);
        assert_eq!(ended.is_err(), first.is_off(), "{context}");
        cuts += u64::from(first.is_off());
        seen.checkpoint(dir.path());
        // And once more while it goes on, early mostly.
        let second = LosingFiles::new(Some(1 + seed * 7 % 23), seed + 1);
        let ended = life(dir.path(), Arc::new(second.clone()), &mut seen, 1_000);
        assert_eq!(ended.is_err(), second.is_off(), "{context}, then: {ended:?}");
        check(dir.path(), &mut seen, &context);
    }
    assert!(cuts > rounds * 3 / 4, "{cuts} of {rounds}");
}

#[test]
fn whoever_is_told_of_no_error_has_lost_nothing_on_a_disk_that_fails() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for goes_on in [true, false] {
            for fail_at in 1.. {
                let context = format!("{kind:?} at call {fail_at}, going on: {goes_on}");
                let dir = folder();
                let mut seen = Seen::default();
                let files = FailingFiles::new(fail_at, kind, goes_on);
                let ended = life(dir.path(), Arc::new(files.clone()), &mut seen, 0);
                assert_eq!(ended.is_err(), files.has_failed(), "{context}: {ended:?}");
                check(dir.path(), &mut seen, &context);
                if !files.has_failed() {
                    assert!(fail_at > 20, "{context}");
                    break;
                }
            }
        }
    }
}

#[test]
fn one_key_opens_a_ledger_whose_power_was_cut_amid_a_rotation() {
    let mut opened = [0, 0];
    for cut_at in 1.. {
        let dir = folder();
        let mut ledger = open(dir.path(), Arc::new(LosingFiles::new(None, 1))).unwrap();
        ledger.record(event(1)).unwrap();
        ledger.head().unwrap();
        drop(ledger);
        let files = LosingFiles::new(Some(cut_at), cut_at);
        let rotated = open(dir.path(), Arc::new(files.clone())).and_then(|mut ledger| rotate(&mut ledger, signer(2)));
        let again = |seed| {
            let setup = setup_on(Arc::new(LosingFiles::new(None, 1)), seed);
            FileLedger::open(dir.path(), LedgerSetup { signer: signer(seed), ..setup })
        };
        let which = usize::from(again(1).is_err());
        let mut ledger = again(1 + which as u8).unwrap();
        assert!(which == 1 || rotated.is_err());
        opened[which] += 1;
        ledger.record(event(2)).unwrap();
        ledger.head().unwrap();
        drop(ledger);
        let report = fsck_dir(dir.path()).unwrap();
        assert!(report.is_sound(), "cut at {cut_at}: {report:?}");
        if !files.is_off() {
            break;
        }
    }
    assert!(opened[0] > 1 && opened[1] > 1, "{opened:?}");
}
