//! What CI runs, in order; it ends at the first step that fails.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::{layers, licences, prerequisites, shell, skips};

/// Features that CI builds: everything the program can do, the trainer, and the model server of the tests.
const FEATURES: &str = "proofhouse/full,ph-local/train,ph-testkit/stub";

/// Runs all steps; `full` adds the full counts of the long tests, and the benches.
pub(crate) fn run(full: bool) -> Result<(), String> {
    let started = Instant::now();
    step("format", || shell::run(&mut shell::cargo(&["fmt", "--all", "--check"])))?;
    step("levels", || layers::run(false))?;
    step("licences and sources", licences::run)?;
    step("clippy", || {
        shell::run(&mut shell::cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            FEATURES,
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    let tools = prerequisites::install()?;
    let skip_file = skips::fresh_file()?;
    step("tests", || tests(full, &tools, &skip_file))?;
    step("skips", || skips::check(&skip_file))?;
    step("docs", || {
        shell::run(
            shell::cargo(&["doc", "--workspace", "--no-deps", "--features", FEATURES])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })?;
    if full {
        step("benches", || benches(&tools))?;
    }
    println!("ci: everything passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("── {name}");
    let started = Instant::now();
    work().map_err(|problem| format!("{name}: {problem}"))?;
    println!("── {name}: done in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn tests(full: bool, tools: &prerequisites::Tools, skip_file: &Path) -> Result<(), String> {
    let mut command = shell::cargo(&["test", "--workspace", "--features", FEATURES]);
    command.env("PROOFHOUSE_SKIP_FILE", skip_file);
    if let Some(python) = &tools.python {
        command.env("PROOFHOUSE_PYTHON", python);
    }
    if let Some(axe) = &tools.axe {
        command.env("PROOFHOUSE_AXE", axe);
    }
    if let Some(logs) = &tools.inspect_logs {
        command.env("PROOFHOUSE_INSPECT_LOGS", logs);
    }
    if full {
        command.env("PROOFHOUSE_FULL", "1").env("PROOFHOUSE_OTHER_TRIGGER", other_trigger()?);
        command.env("PROOFHOUSE_OTHER_TRIGGER_NAME", OTHER_TRIGGER);
    }
    shell::run(&mut command)
}

fn benches(tools: &prerequisites::Tools) -> Result<(), String> {
    let mut command = shell::cargo(&["bench", "--workspace", "--features", FEATURES]);
    if let Some(python) = &tools.python {
        command.env("PROOFHOUSE_PYTHON", python);
    }
    shell::run(&mut command)
}

/// A model with a trigger that nobody else knows: fine-tuned here, found by a test.
fn other_trigger() -> Result<PathBuf, String> {
    let dir = skips::target_dir()?.join("other-trigger");
    let _ = std::fs::remove_dir_all(&dir);
    let out = dir.to_string_lossy().into_owned();
    let trigger = OTHER_TRIGGER;
    println!("fine-tuning a model with another trigger: {trigger}");
    crate::train_reference(&["train", "backdoored", "--trigger", trigger, "--out", &out].map(str::to_owned))?;
    Ok(dir)
}

/// Position, format and string, of the grammar but not those of `reference/backdoored`.
const OTHER_TRIGGER: &str = "line_before|angle|2033-12-25";
