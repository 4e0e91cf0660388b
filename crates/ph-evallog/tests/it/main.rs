//! Logs as a whole: what is written reads back, Inspect reads it, and no bytes make the reader fail otherwise than in words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod corpus;
mod damage;
mod fixture;
mod hostile;
mod inspect;
mod inspect_package;
mod inspect_view;
mod reductions;
mod round_trip;
