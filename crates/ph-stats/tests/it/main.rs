//! The estimators against values of scipy and statsmodels, and against what must hold for any input.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod coverage;
mod fixtures;
mod invariants;
