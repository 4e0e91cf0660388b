//! Fixtures for tests: skips that are counted, a clock that stands still, a model made to order, files that lose what
//! was not synced; with the feature
//! `stub` a model server that fails on demand.
//!
//! A dev-dependency only. Depends on nothing of ours but the vocabulary, so that every crate's tests can use it.

pub mod clock;
pub mod losing_files;
pub mod scripted;
pub mod skip;
#[cfg(feature = "stub")]
pub mod stub;

pub use clock::FixedClock;
pub use losing_files::LosingFiles;
pub use scripted::ScriptedModel;
