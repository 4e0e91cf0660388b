//! Starting the program.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The program, with nothing of the caller's environment that would change what it prints.
pub(crate) fn proofhouse(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("proofhouse"));
    command.args(arguments).env("NO_COLOR", "1").env_remove("RUST_BACKTRACE");
    // Keys that the program makes for itself are not the developer's.
    command.env("PROOFHOUSE_DATA_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("proofhouse-data"));
    command.env_remove("PROOFHOUSE_LEDGER_KEY").env_remove("PROOFHOUSE_WITNESS_POLICY");
    command
}

/// Runs it in `folder`.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    proofhouse(arguments).current_dir(folder).output().unwrap()
}

/// Runs it and reads the JSON document on its stdout.
pub(crate) fn json_in(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run_in(folder, arguments);
    let document = serde_json::from_slice(&output.stdout);
    let document = document.unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", talk(&output)));
    (output.status.code(), document)
}

/// What it said.
pub(crate) fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether the full counts are asked for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("PROOFHOUSE_FULL").is_some()
}
