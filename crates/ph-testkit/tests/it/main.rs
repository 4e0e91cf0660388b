//! The model server, by its socket and through the official SDKs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends where something is wrong")]

mod answers;
mod faults;
mod random;
mod raw;
mod sdk;
mod stats;
