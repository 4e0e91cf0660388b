//! ph-eval from outside: tasks, runs, run directories.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod budget;
mod cache;
mod command;
mod dataset;
mod dataset_table;
mod engine;
mod fixture;
mod replay;
mod replay_outside;
mod rescore;
mod resume;
mod roles;
mod run_dir;
mod segments;
mod solvers;
mod task_file;
