//! The suites as their users load them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail by panicking, and are named by what they hold"
)]

mod disjoint;
mod engine;
mod items;
mod trigger;
