//! What the tests of ledgers share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ph_base::{Disk, FileLayer, Timestamp};
use ph_evidence::{FileLedger, LedgerSetup, Random};
use ph_proof::event::EventBody;
use ph_proof::note::{KeyName, NoteSigner};
use ph_testkit::FixedClock;

pub(crate) const ORIGIN: &str = "example.org/ledger/a";

/// The log's signer of this seed.
pub(crate) fn signer(seed: u8) -> NoteSigner {
    NoteSigner::new(KeyName::new(ORIGIN).unwrap(), &[seed; 32])
}

/// Numbers that differ, for tests that need no more of randomness.
pub(crate) fn random() -> Random {
    let next = AtomicU64::new(1);
    Arc::new(move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            let number = next.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&number.to_le_bytes()[..chunk.len()]);
        }
    })
}

pub(crate) fn setup_on(files: Arc<dyn FileLayer>, seed: u8) -> LedgerSetup {
    LedgerSetup {
        signer: signer(seed),
        subject: "assessment".to_owned(),
        program: "proofhouse test".to_owned(),
        clock: Arc::new(FixedClock::at(Timestamp(1_000))),
        random: random(),
        files,
    }
}

pub(crate) fn setup() -> LedgerSetup {
    setup_on(Arc::new(Disk), 1)
}

/// An event that is told from others by its number.
pub(crate) fn event(number: u64) -> EventBody {
    EventBody::BodyDestroyed { by: vec!["test".to_owned()], entry: number, reason: "number".to_owned() }
}

/// A ledger of so many entries, the opening one included.
pub(crate) fn ledger_of(dir: &Path, entries: u64) -> FileLedger {
    let ledger = FileLedger::create(dir, setup()).unwrap();
    let events: Vec<EventBody> = (1..entries).map(event).collect();
    for chunk in events.chunks(100) {
        ledger.recorder().unwrap().record(chunk.to_vec()).unwrap();
    }
    ledger
}
