//! What it costs to verify a bundle of 10,000 samples: CPU time of `proofhouse verify`, and the bundle's size.
//!
//!     cargo bench -p proofhouse --bench verify
//!
//! CPU time is user and system of the whole process.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;
/// Samples of both targets together, about.
const SAMPLES: u64 = 10_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run(folder.path(), arguments);
    let assess = ["assess", "reference/compliant", "--suite", "refusal", "--limit", "100", "--out", "out"];
    let epochs = (SAMPLES / 2 / 100).to_string();
    run(&[&assess[..], &["--epochs", &epochs]].concat());
    let begun = children_cpu_s();
    let verified = run(&["verify", "out/bundle.proof"]);
    let cpu_s = children_cpu_s() - begun;
    let numbers = verified.lines().find(|line| line.contains(" numbers ")).unwrap();
    let mib = std::fs::metadata(folder.path().join("out/bundle.proof")).unwrap().len() as f64 / f64::from(1 << 20);
    println!("verify: {cpu_s:.2} s CPU, bundle of {mib:.1} MiB\n{numbers}");
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.args(arguments).current_dir(folder).env("PROOFHOUSE_DATA_DIR", folder).stderr(Stdio::null());
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 8)), "{arguments:?}: {:?}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// User and system time of all children that have ended.
fn children_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(13) + ticks(14)) / TICKS_PER_S
}
