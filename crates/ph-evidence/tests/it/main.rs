//! The ledger on disks that fail, and over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod corpus;
mod faults;
mod fsck;
mod ledger;
mod read_api;
mod shared;
mod witness;
