//! The words every other crate is written in: typed ids, digests, time, money.
//!
//! Level 0 and pure: nothing here reads a clock, draws a random number or touches a file (the ways to a clock and to
//! files are traits). Whoever needs the time or an id passes the instant and the random bits in.

pub mod digest;
pub mod files;
pub mod id;
pub mod money;
pub mod time;
pub mod visible;

pub use digest::Digest;
pub use files::{AppendFile, FileLayer};
pub use id::{AssessmentId, PlanId, RunId};
pub use money::{Currency, Money, MoneyError};
pub use time::{Clock, Timestamp};
pub use visible::visible;
