//! A ledger in a directory: what it records, proves, refuses.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ph_base::{Clock, Digest, Disk, Timestamp};
use ph_evidence::file_entries::FileEntries;
use ph_evidence::key_rotation::rotate;
use ph_evidence::sequencer::Sequencer;
use ph_evidence::sequencer_loop::SequencerLoop;
use ph_evidence::tile_dir::TileDir;
use ph_evidence::{FileLedger, LedgerError, LedgerSetup};
use ph_proof::event::EventBody;
use ph_proof::merkle::{plain_tree, verify_consistency, verify_inclusion};
use ph_proof::note::{KeyName, NoteSigner, SignedNote, TreeHead};

use crate::shared::{ORIGIN, event, ledger_of, setup, signer};

fn leaf_hashes(ledger: &FileLedger) -> Vec<Digest> {
    (0..ledger.size().unwrap()).map(|index| ledger.leaf_hash(index).unwrap()).collect()
}

fn root(note: &SignedNote, ledger: &FileLedger) -> (u64, Digest) {
    let head = TreeHead::open(note, &ledger.verifier()).unwrap();
    (head.size(), Digest::from_bytes(*head.root()))
}

#[test]
fn what_is_recorded_is_proved_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger_of(dir.path(), 300);
    let (size, first) = root(&ledger.head().unwrap(), &ledger);
    assert_eq!((size, ledger.size().unwrap()), (300, 300));
    drop(ledger);
    let mut ledger = FileLedger::open(dir.path(), setup()).unwrap();
    for number in 300..700 {
        assert_eq!(ledger.record(event(number)).unwrap(), number);
    }
    let (size, last) = root(&ledger.head().unwrap(), &ledger);
    let leaves = leaf_hashes(&ledger);
    assert_eq!((size, plain_tree::root(&leaves)), (700, last));
    let proof = ledger.consistency(300, 700).unwrap();
    verify_consistency(300, first, 700, last, &proof).unwrap();
    for (at, old) in [(0, 1), (255, 257), (299, 300), (5, 511), (512, 700)] {
        let proof = ledger.inclusion(at, old).unwrap();
        let root = plain_tree::root(&leaves[..old as usize]);
        verify_inclusion(at, old, leaves[at as usize], &proof, root).unwrap();
    }
    assert_eq!(ledger.entry(699).unwrap().unwrap().event.body, event(699));
    assert!(matches!(ledger.entry(700), Err(LedgerError::NoEntry { index: 700, size: 700 })));
    let read = FileLedger::open_read_only(dir.path()).unwrap();
    let opened: Vec<_> = read.entries().map(|entry| entry.unwrap().1.unwrap().event.body).collect();
    assert_eq!(opened.len(), 700);
    assert!(opened[1..].iter().zip(1..).all(|(body, number)| *body == event(number)));
    assert!(matches!(read.record(event(1)), Err(LedgerError::ReadOnly)));
}

#[test]
fn another_origin_another_key_and_another_process_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger_of(dir.path(), 3);
    let open = |signer: NoteSigner| FileLedger::open(dir.path(), LedgerSetup { signer, ..setup() }).err().unwrap();
    assert!(open(signer(1)).to_string().contains("cannot open"), "it is open already");
    drop(ledger);
    assert!(matches!(open(signer(2)), LedgerError::OtherKey { .. }));
    let elsewhere = signer(1).renamed(KeyName::new("example.org/other").unwrap());
    assert!(matches!(open(elsewhere), LedgerError::OtherOrigin { .. }));
    assert!(matches!(FileLedger::create(dir.path(), setup()), Err(LedgerError::AlreadyThere(_))));
    assert!(matches!(FileLedger::open(&dir.path().join("x"), setup()), Err(LedgerError::NotThere(_))));
    let mode = dir.path().join("salt.key").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn salts_follow_from_the_ledger_alone() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger_of(dir.path(), 1);
    let salts = [ledger.part_salt(1, "plan.json"), ledger.part_salt(2, "plan.json"), ledger.part_salt(1, "a")];
    let distinct: BTreeSet<String> = salts.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), 3);
    let run = ph_base::RunId::new(Timestamp(7), [3; 10]);
    let key = ledger.sample_salt_key(&run);
    drop(ledger);
    let ledger = FileLedger::open_read_only(dir.path()).unwrap();
    assert_eq!((ledger.part_salt(1, "plan.json"), ledger.sample_salt_key(&run)), (salts[0], key));
}

#[test]
fn a_rolled_back_store_is_not_signed_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger_of(dir.path(), 3);
    let old = tempfile::tempdir().unwrap();
    for folder in ["entries", "bodies"] {
        std::fs::copy(dir.path().join(folder).join("000001.seg"), old.path().join(folder)).unwrap();
    }
    ledger.record(event(3)).unwrap();
    ledger.head().unwrap();
    drop(ledger);
    for folder in ["entries", "bodies"] {
        std::fs::copy(old.path().join(folder), dir.path().join(folder).join("000001.seg")).unwrap();
    }
    let error = FileLedger::open(dir.path(), setup()).err().unwrap().to_string();
    assert_eq!(error, "the store has 3 entries, but a tree head over 4 was signed: the store was rolled back");
}

#[test]
fn heads_are_kept_with_their_cosignatures() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger_of(dir.path(), 5);
    let head = ledger.head().unwrap();
    let witness = NoteSigner::new(KeyName::new("witness.example").unwrap(), &[9; 32]);
    let cosigned =
        head.clone().with(SignedNote::sign(head.unverified_text(), &[&witness]).unwrap().signatures()[0].clone());
    let cosigned = cosigned.unwrap();
    ledger.keep_head(&cosigned).unwrap();
    assert_eq!(ledger.latest_head().unwrap().as_ref(), Some(&cosigned));
    assert_eq!(ledger.head().unwrap(), cosigned, "nothing came since");
    ledger.record(event(5)).unwrap();
    ledger.head().unwrap();
    ledger.keep_head(&head).unwrap();
    assert_eq!((ledger.kept_sizes().unwrap(), ledger.signed_size().unwrap()), (vec![5], 6));
    let foreign = TreeHead::new(ORIGIN, 4, [7; 32]).unwrap().sign(&signer(1)).unwrap();
    assert!(matches!(ledger.keep_head(&foreign), Err(LedgerError::OtherHead { size: 4 })));
    let unsigned = TreeHead::new(ORIGIN, 4, [7; 32]).unwrap().sign(&signer(2)).unwrap();
    assert!(matches!(ledger.keep_head(&unsigned), Err(LedgerError::Head(_))));
}

#[test]
fn a_key_follows_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger_of(dir.path(), 3);
    assert!(matches!(rotate(&mut ledger, signer(1)), Err(LedgerError::SameKey)));
    let head = rotate(&mut ledger, signer(2)).unwrap();
    let both = [signer(1).verifier(), signer(2).verifier()];
    assert_eq!(head.verify(&both).unwrap().signatures.len(), 2);
    ledger.record(event(4)).unwrap();
    assert_eq!(ledger.head().unwrap().verify(&both).unwrap().signatures[0].verifier, &both[1]);
    assert_eq!((ledger.keys().at(3), ledger.keys().at(4)), (&both[0], &both[1]));
    drop(ledger);
    let open = |seed| FileLedger::open(dir.path(), LedgerSetup { signer: signer(seed), ..setup() });
    assert!(matches!(open(1), Err(LedgerError::OtherKey { .. })));
    let mut ledger = open(2).unwrap();
    rotate(&mut ledger, signer(3)).unwrap();
    drop(ledger);
    assert!(open(2).is_err() && open(3).is_ok());
    assert_eq!(FileLedger::open_read_only(dir.path()).unwrap().verifier(), signer(3).verifier());
}

struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_sub(1_000, Ordering::Relaxed))
    }
}

#[test]
fn a_clock_that_jumps_backwards_is_recorded_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Jumping(AtomicI64::new(500)));
    let ledger = FileLedger::create(dir.path(), LedgerSetup { clock, ..setup() }).unwrap();
    ledger.record(event(1)).unwrap();
    let times: Vec<i64> = ledger.entries().map(|entry| entry.unwrap().1.unwrap().event.at.0).collect();
    assert_eq!(times, [500, -500]);
}

#[test]
fn sixty_four_threads_and_async_callers_get_indices_without_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = ledger_of(dir.path(), 1);
    let record =
        |thread: u64| -> Vec<u64> { (0..10).map(|n| ledger.record(event(thread * 100 + n)).unwrap()).collect() };
    let mut indices: Vec<(u64, Vec<u64>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|thread| (thread, scope.spawn(move || record(thread)))).collect();
        threads.into_iter().map(|(thread, handle)| (thread, handle.join().unwrap())).collect()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let submitted = ledger.recorder().unwrap().submit(vec![event(7_000), event(7_001)]);
    let range = runtime.block_on(submitted).unwrap().unwrap();
    assert_eq!(range, 641..643);
    for (thread, indices) in &indices {
        assert!(indices.is_sorted());
        for (index, n) in indices.iter().zip(0..) {
            assert_eq!(ledger.entry(*index).unwrap().unwrap().event.body, event(thread * 100 + n));
        }
    }
    let mut all: Vec<u64> = indices.drain(..).flat_map(|(_, indices)| indices).collect();
    all.sort_unstable();
    assert_eq!(all, (1..641).collect::<Vec<_>>());
    assert!(ledger.recorder().unwrap().record(Vec::new()).is_err());
    ledger.head().unwrap();
    assert!(matches!(ledger.entry(0).unwrap().unwrap().event.body, EventBody::LedgerOpened { .. }));
}

#[test]
fn a_loop_brings_in_what_is_committed_and_says_why_it_cannot() {
    let dir = tempfile::tempdir().unwrap();
    drop(ledger_of(dir.path(), 300));
    let start = || {
        let entries = Arc::new(FileEntries::open_read_only(&dir.path().join("entries")).unwrap());
        let tiles = TileDir::new(dir.path(), Arc::new(Disk));
        SequencerLoop::start(Sequencer::open(entries, tiles, signer(1), &[]).unwrap()).unwrap()
    };
    std::fs::create_dir_all(dir.path().join("tile/0")).unwrap();
    std::fs::write(dir.path().join("tile/0/000"), b"another").unwrap();
    let looping = start();
    let begun = std::time::Instant::now();
    while looping.failure().is_none() {
        assert!(begun.elapsed().as_secs() < 60);
        std::thread::yield_now();
    }
    assert!(looping.failure().unwrap().ends_with("tile/0/000` is there already with other content"));
    drop(looping);
    assert!(!dir.path().join("checkpoint").exists());
    std::fs::remove_file(dir.path().join("tile/0/000")).unwrap();
    drop(start());
    assert_eq!(FileLedger::open_read_only(dir.path()).unwrap().signed_size().unwrap(), 300);
}
