//! Fixtures for tests: skips that are counted, a clock that stands still, a model made to order.
//!
//! A dev-dependency only. Depends on nothing of ours but the vocabulary, so that every crate's tests can use it.

pub mod clock;
pub mod scripted;
pub mod skip;

pub use clock::FixedClock;
pub use scripted::ScriptedModel;
