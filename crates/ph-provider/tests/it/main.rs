//! Calls over real sockets, against a server that does exactly what a test tells it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod calls;
mod faults;
mod framing;
mod server;
mod stub;
