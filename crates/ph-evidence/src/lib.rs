//! The ledger kept: what is recorded is committed before it counts, brought into the tree in order, signed, cosigned, served and
//! checked.
//!
//! Level 4. What a ledger proves is in `ph-proof`; here are the disk, the threads and the routers. Nothing here binds a socket,
//! reads the machine's clock or draws randomness: the caller hands them in. Cannot record = does not happen: whoever asks
//! for an entry may go on only once it is acknowledged.

pub mod attest;
pub mod edition;
pub mod file_bodies;
pub mod file_entries;
pub mod file_ledger;
pub mod fsck;
pub mod key_rotation;
mod ledger_description;
mod ledger_error;
mod ledger_heads;
pub mod read_api;
pub mod record_file;
mod record_reader;
pub mod recorder;
mod salt_file;
pub mod sequencer;
pub mod sequencer_loop;
pub mod tile_dir;
pub mod witness;

pub use file_ledger::{FileLedger, LedgerError, LedgerSetup};
pub use fsck::{Finding, FsckReport, fsck_dir};
pub use recorder::{LedgerRecorder, Random, RecorderError, RecorderSetup};
