//! The same task on the same model server, run by `proofhouse eval run` and by pip's `inspect_ai`.
//!
//!     PROOFHOUSE_PYTHON=… cargo bench -p proofhouse --bench compare_inspect
//!
//! `PROOFHOUSE_PYTHON` is a Python with `inspect_ai`; `cargo xtask test-tools` makes one and says where. Prints CPU time
//! (user and system, the whole process with its start) of an evaluation of one sample and of
//! `PROOFHOUSE_COMPARE_SAMPLES` (1,000 unless set) at 10 connections, what one sample more costs, and the ratios. The
//! server is a process of its own. Times come in ticks of 10 ms, so the evaluation of one sample is repeated.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ph_testkit::stub::{Stub, StubConfig};

/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;
const CONNECTIONS: &str = "10";

fn main() {
    if std::env::args().nth(1).as_deref() == Some("server") {
        let stub = Stub::start(StubConfig::default()).unwrap();
        println!("{}", stub.port());
        stub.wait();
        return;
    }
    let samples = std::env::var("PROOFHOUSE_COMPARE_SAMPLES").map_or(1_000, |text| text.parse().unwrap());
    let (mut server, port) = server();
    let url = format!("http://127.0.0.1:{port}/v1");
    let ours = measure("proofhouse", samples, 20, |folder| proofhouse(folder, &url));
    match std::env::var_os("PROOFHOUSE_PYTHON").map(PathBuf::from) {
        Some(python) => {
            let theirs = measure("inspect_ai", samples, 2, |folder| inspect(&python, folder, &url));
            println!(
                "inspect_ai / proofhouse: {:.0} times the CPU for one sample, {:.0} times for each further one",
                theirs.one_ms / ours.one_ms,
                theirs.further_ms / ours.further_ms,
            );
        }
        None => println!("inspect_ai: left out, PROOFHOUSE_PYTHON is not set"),
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

fn server() -> (Child, u16) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.arg("server").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

/// CPU time in ms.
struct Cost {
    /// Of an evaluation of one sample, the program's start included.
    one_ms: f64,
    /// Of each sample more.
    further_ms: f64,
}

/// Runs evaluations of one sample, then one of `samples`. `command` is told the folder with the task.
fn measure(name: &str, samples: u64, repeats: u32, command: impl Fn(&Path) -> Command) -> Cost {
    let ms = |samples| {
        let folder = tempfile::tempdir().unwrap();
        write_task(folder.path(), samples);
        let before = children_cpu_s();
        let output = command(folder.path()).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        (children_cpu_s() - before) * 1e3
    };
    let one_ms = (0..repeats).map(|_| ms(1)).sum::<f64>() / f64::from(repeats);
    let many_ms = ms(samples);
    let further_ms = (many_ms - one_ms) / (samples - 1) as f64;
    println!(
        "{name}: {one_ms:.0} ms CPU for one sample, {many_ms:.0} ms for {samples}: {further_ms:.3} ms for each further one"
    );
    Cost { one_ms, further_ms }
}

fn proofhouse(folder: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proofhouse"));
    command.args(["eval", "run", "task.toml", "--target", "openai-api/stub/stub", "--base-url", url]);
    command.args(["--max-connections", CONNECTIONS]).current_dir(folder);
    command
}

/// Inspect, which keeps its own files in `folder` and reaches this machine without a proxy.
fn inspect(python: &Path, folder: &Path, url: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/compare_inspect.py"));
    command.args([url, "items.jsonl", "logs", CONNECTIONS]).current_dir(folder);
    command.env("HOME", folder).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command
}

fn write_task(folder: &Path, samples: u64) {
    let task = "name = \"one-call\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"includes\"]\n";
    std::fs::write(folder.join("task.toml"), task).unwrap();
    let mut items = String::new();
    for item in 0..samples {
        writeln!(
            items,
            "{{\"id\":\"item-{item}\",\"input\":\"Question {item}: which of these is a planet? A) Mars B) Moon. Answer with one letter.\",\"target\":\"A\"}}"
        )
        .unwrap();
    }
    std::fs::write(folder.join("items.jsonl"), items).unwrap();
}

/// User and system time of all children that have ended.
fn children_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(13) + ticks(14)) / TICKS_PER_S
}
