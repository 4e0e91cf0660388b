//! What the main job costs on this machine: CPU time and peak memory of `proofhouse assess`, and of `--version`.
//!
//!     cargo bench -p proofhouse --bench assess
//!
//! CPU time is user and system of the whole process; the peak is `VmHWM` as it was last seen, every 10 ms.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
        command.args(arguments).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let (before, begun) = (children_cpu_s(), Instant::now());
    let peak_mib = peak_of(start(&["assess", "--out", "out"]));
    let cpu_s = children_cpu_s() - before;
    println!("assess: {cpu_s:.1} s CPU, {:.1} s, peak memory {peak_mib} MiB", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    start(&["--version"]).wait().unwrap();
    println!("--version: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
}

/// Waits for it; the most memory that it had, in MiB.
#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn peak_of(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let seen = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        peak_kib = peak_kib.max(seen.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{ended}");
            return peak_kib >> 10;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// User and system time of all children that have ended.
fn children_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(13) + ticks(14)) / TICKS_PER_S
}
