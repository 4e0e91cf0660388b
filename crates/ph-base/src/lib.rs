//! The words every other crate is written in: typed ids, digests, time, money.
//!
//! Level 0: nothing here reads a clock or draws a random number, and but for [`Disk`], the one that is behind the way to
//! files, nothing touches a file. Whoever needs the time or an id passes the instant and the random bits in.

pub mod chain;
pub mod digest;
pub mod disk;
pub mod files;
pub mod id;
pub mod money;
pub mod time;
pub mod visible;

pub use chain::chain;
pub use digest::Digest;
pub use disk::Disk;
pub use files::{AppendFile, FileLayer};
pub use id::{AssessmentId, PlanId, RunId};
pub use money::{Currency, Money, MoneyError};
pub use time::{Clock, Timestamp};
pub use visible::visible;
