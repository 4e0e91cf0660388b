//! ph-assess from outside, over models made to order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod conformance;
mod endpoints;
mod obliging;
