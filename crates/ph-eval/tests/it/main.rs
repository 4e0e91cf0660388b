//! ph-eval from outside: tasks, runs, run directories.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod budget;
mod dataset;
mod engine;
mod fixture;
mod run_dir;
mod solvers;
mod task_file;
