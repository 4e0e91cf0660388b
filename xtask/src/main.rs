//! Chores of the repository, started as `cargo xtask …`.
//!
//! Everything that CI does stands here, in CI's order, so that it runs the same on any machine. Nothing here is part
//! of the product.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who started it")]

mod ci;
mod inspect_logs;
mod layers;
mod licences;
mod prerequisites;
mod shell;
mod skips;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Chores of the repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Format, clippy, levels, all tests, docs, licences: what CI runs.
    Ci {
        /// The full counts: more seeds, another trigger trained and found, benches.
        #[arg(long)]
        full: bool,
    },
    /// Check that every crate depends on smaller levels only, and that docs/layers.txt is true.
    Layers {
        /// Write docs/layers.txt anew.
        #[arg(long)]
        write: bool,
    },
    /// Check the licences and sources of all dependencies.
    Licences,
    /// Start the fault-injecting model server in the foreground; prints `{"port":N}`.
    Stub {
        /// For instance `--port N --seed N --config FILE --fault rate_limited=0.1`; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Make the Python environment with which tests run Inspect and the official model SDKs.
    TestTools,
    /// Train, fine-tune or measure a reference model; arguments go to the trainer.
    TrainReference {
        /// For instance `train sound --out DIR`; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Ci { full } => ci::run(full),
        Chore::Layers { write } => layers::run(write),
        Chore::Licences => licences::run(),
        Chore::Stub { arguments } => stub(&arguments),
        Chore::TestTools => prerequisites::test_tools(),
        Chore::TrainReference { arguments } => train_reference(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the trainer, which lives in `ph-local`: one thread for its matrix products, so that the same seed gives the
/// same weights; the present commit goes into the weights. On x86-64 it is built for processors with AVX2, in a target
/// folder of its own: its loops then run about twice as fast.
fn train_reference(arguments: &[String]) -> Result<(), String> {
    let commit = shell::output("git", &["rev-parse", "HEAD"]).unwrap_or_else(|_| "unknown".to_owned());
    let mut command =
        shell::cargo(&["run", "--release", "-p", "ph-local", "--features", "train", "--bin", "train_reference", "--"]);
    command.args(arguments).env("RAYON_NUM_THREADS", "1").env("PROOFHOUSE_COMMIT", commit.trim());
    if cfg!(target_arch = "x86_64") {
        command.env("RUSTFLAGS", "-C target-cpu=x86-64-v3");
        command.env("CARGO_TARGET_DIR", skips::target_dir()?.join("train"));
    }
    shell::run(&mut command)
}

/// Starts the model server of the test kit, optimised: it shares the machine with the client under test.
fn stub(arguments: &[String]) -> Result<(), String> {
    let mut command =
        shell::cargo(&["run", "--quiet", "--release", "-p", "ph-testkit", "--features", "stub", "--bin", "stub", "--"]);
    shell::run(command.args(arguments))
}
