//! Logs as a whole: what is written reads back, Inspect reads it, and no bytes make the reader fail otherwise than in words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod damage;
mod fixture;
mod inspect;
mod round_trip;
