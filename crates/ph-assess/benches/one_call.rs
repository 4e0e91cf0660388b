//! What a sample of one call costs this process: CPU time, everything recorded, against the model server for tests.
//!
//!     cargo bench -p ph-assess --bench one_call
//!
//! Prints CPU time per sample (user and system, from `/proc/self/stat`) and the peak of memory at 10 connections and at
//! 1,000, for `PROOFHOUSE_BENCH_SAMPLES` samples (20,000 unless set). The server is a process of its own; it answers
//! after 5 ms where there are many connections, so that they are all in use. Each row runs in a process of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use ph_assess::{Doors, EndpointTargets, House, Quiet, RunOne, TargetLimits, TargetOpener};
use ph_base::{Clock, Timestamp};
use ph_eval::{Cancellation, NoGenerators, Roles, Spending, TaskPlace, load_task};
use ph_provider::Timeouts;
use ph_testkit::stub::{Latency, Stub, StubConfig};

/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;
/// Connections, and how long the server waits before it answers, in ms.
const ROWS: [(u32, f64); 2] = [(10, 0.0), (1_000, 5.0)];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("server") => serve(arguments[2].parse().unwrap()),
        Some("row") => row(arguments[2].parse().unwrap(), arguments[3].parse().unwrap()),
        _ => {
            for (connections, wait_ms) in ROWS {
                let mut row = this(&["row", &connections.to_string(), &wait_ms.to_string()]).spawn().unwrap();
                assert!(row.wait().unwrap().success());
            }
        }
    }
}

fn this(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

fn serve(wait_ms: f64) {
    let first_byte = if wait_ms > 0.0 { Latency::Fixed { ms: wait_ms } } else { Latency::None };
    let stub = Stub::start(StubConfig { first_byte, ..StubConfig::default() }).unwrap();
    println!("{}", stub.port());
    stub.wait();
}

fn server(wait_ms: f64) -> (Child, u16) {
    let mut child = this(&["server", &wait_ms.to_string()]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

fn row(connections: u32, wait_ms: f64) {
    let samples: u64 =
        std::env::var("PROOFHOUSE_BENCH_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let (mut child, port) = server(wait_ms);
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), samples);
    let one = RunOne {
        task: load_task(&TaskPlace::Disk(folder.path().to_owned()), &NoGenerators).unwrap(),
        plan: None,
        seed: 1,
        limit: None,
        epochs: None,
        limits: TargetLimits::connections(connections),
        asked: None,
        items_of: None,
        spending: Spending::default(),
        roles: Roles::default(),
    };
    let house = house(port);
    let target = "openai-api/stub/stub".parse().unwrap();
    let model = house.targets.open(&target).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (cpu, wall) = (cpu_s(), Instant::now());
    let manifest = runtime.block_on(one.run(model, &folder.path().join("runs"), &house)).unwrap();
    let (cpu, wall) = (cpu_s() - cpu, wall.elapsed().as_secs_f64());
    assert_eq!((manifest.samples, manifest.errors()), (samples, 0));
    println!(
        "{samples} samples, {connections:>5} connections: {:.3} ms CPU a sample, {:.0} samples/s, peak memory {} MiB",
        cpu * 1e3 / samples as f64,
        samples as f64 / wall,
        peak_memory_mib(),
    );
    child.kill().unwrap();
    child.wait().unwrap();
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

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_millis()).unwrap())
    }
}

fn house(port: u16) -> House {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let base_url = format!("http://127.0.0.1:{port}/v1");
    let targets: Arc<dyn TargetOpener> = Arc::new(EndpointTargets {
        variables: Arc::new(|_| None),
        clock: clock.clone(),
        base_url: Some(("openai-api/stub/stub".parse().unwrap(), base_url)),
        timeouts: Timeouts::default(),
        proxy: None,
    });
    House {
        clock,
        random: Arc::new(|| [7; 10]),
        targets,
        progress: Arc::new(Quiet),
        cancellation: Cancellation::default(),
        program: "bench".to_owned(),
        targets_at_once: 1,
        doors: Doors::default(),
    }
}

/// User and system time of this process.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}
