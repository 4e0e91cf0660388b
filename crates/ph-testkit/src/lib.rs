//! Fixtures for tests: skips that are counted, a clock that stands still, a model made to order, files that fail or lose
//! what was not synced, what every store of a ledger's entries must hold to; with the feature `stub` a model server that
//! fails on demand.
//!
//! A dev-dependency only. Depends on nothing of ours but the vocabulary and the records, so that the tests of every
//! crate above those can use it.

pub mod clock;
pub mod entry_store_suite;
pub mod failing_files;
pub mod losing_files;
pub mod scripted;
pub mod skip;
#[cfg(feature = "stub")]
pub mod stub;

pub use clock::FixedClock;
pub use entry_store_suite::check_entry_store;
pub use failing_files::FailingFiles;
pub use losing_files::LosingFiles;
pub use scripted::ScriptedModel;
