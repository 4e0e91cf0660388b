//! What a sample of one call costs this process: CPU time and memory, everything recorded, against the model server for
//! tests; and how soon a large run that was cut off asks again.
//!
//!     cargo bench -p ph-assess --bench one_call
//!
//! Rows: `PROOFHOUSE_BENCH_SAMPLES` samples (10,000 unless set) at 10 connections and at 1,000, then
//! `PROOFHOUSE_BENCH_LARGE` samples (200,000 unless set) at 10. Each prints CPU time per sample (user and system, from
//! `/proc/self/stat`) and the peak of memory. The last row cuts the large run's journal off and goes on with it. The
//! server is a process of its own; it answers after 5 ms where there are many connections, so that they are all in use.
//! Each row runs in a process of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use async_trait::async_trait;
use ph_assess::{Doors, EndpointTargets, House, Quiet, RunOne, TargetLimits, TargetOpener};
use ph_base::{Clock, Digest, Timestamp};
use ph_eval::{Again, Cancellation, NoGenerators, Roles, RunDir, Spending, TaskPlace, load_task};
use ph_model::{ModelApi, ModelError, ModelReply, ModelRequest, TargetName};
use ph_provider::Timeouts;
use ph_testkit::stub::{Latency, Stub, StubConfig};
use tokio::runtime::Runtime;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;

/// One row of the table.
#[derive(Clone, Copy)]
struct Row {
    samples: u64,
    connections: u32,
    /// How long the server waits before it answers.
    wait_ms: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments[at].parse::<f64>().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("server") => serve(number(2)),
        Some("row") => {
            let row = Row { samples: number(3) as u64, connections: number(4) as u32, wait_ms: number(5) };
            run_row(Path::new(&arguments[2]), row);
        }
        Some("resume") => resume(Path::new(&arguments[2])),
        _ => all(),
    }
}

/// Runs every row, each in a process of its own.
fn all() {
    let count = |name: &str, unless: u64| std::env::var(name).map_or(unless, |text| text.parse().unwrap());
    let small = count("PROOFHOUSE_BENCH_SAMPLES", 10_000);
    let rows = [
        Row { samples: small, connections: 10, wait_ms: 0.0 },
        Row { samples: small, connections: 1_000, wait_ms: 5.0 },
        Row { samples: count("PROOFHOUSE_BENCH_LARGE", 200_000), connections: 10, wait_ms: 0.0 },
    ];
    let folders = rows.map(|_| tempfile::tempdir().unwrap());
    let finish = |mut command: Command| assert!(command.status().unwrap().success());
    for (row, folder) in rows.iter().zip(&folders) {
        let mut command = this("row", folder.path().as_os_str());
        command.args([row.samples.to_string(), row.connections.to_string(), row.wait_ms.to_string()]);
        finish(command);
    }
    finish(this("resume", folders[2].path().as_os_str()));
}

fn this(what: &str, argument: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(what).arg(argument);
    command
}

fn serve(wait_ms: f64) {
    let first_byte = if wait_ms > 0.0 { Latency::Fixed { ms: wait_ms } } else { Latency::None };
    let stub = Stub::start(StubConfig { first_byte, ..StubConfig::default() }).unwrap();
    println!("{}", stub.port());
    stub.wait();
}

fn server(wait_ms: f64) -> (Child, u16) {
    let mut child = this("server", wait_ms.to_string()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

fn stop(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

/// The task in `folder` on the model server.
fn one_call(folder: &Path, connections: u32) -> RunOne {
    RunOne {
        task: load_task(&TaskPlace::Disk(folder.to_owned()), &NoGenerators).unwrap(),
        plan: None,
        seed: 1,
        limit: None,
        epochs: None,
        limits: TargetLimits::connections(connections),
        asked: None,
        items_of: None,
        spending: Spending::default(),
        roles: Roles::default(),
        kind: ph_record::RunKind::Exploratory,
        record: None,
    }
}

fn target(house: &House) -> Arc<dyn ModelApi> {
    house.targets.open(&"openai-api/stub/stub".parse().unwrap()).unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn run_row(folder: &Path, Row { samples, connections, wait_ms }: Row) {
    let (server, port) = server(wait_ms);
    write_task(folder, samples);
    let (one, house) = (one_call(folder, connections), house(port));
    let (cpu, wall) = (cpu_s(), Instant::now());
    let manifest = runtime().block_on(one.run(target(&house), &folder.join("runs"), &house)).unwrap();
    let (cpu, wall) = (cpu_s() - cpu, wall.elapsed().as_secs_f64());
    assert_eq!((manifest.samples, manifest.errors()), (samples, 0));
    println!(
        "{samples:>8} samples, {connections:>5} connections: {:.3} ms CPU a sample, {:.0} samples/s, peak memory {} MiB",
        cpu * 1e3 / samples as f64,
        samples as f64 / wall,
        peak_memory_mib(),
    );
    stop(server);
}

/// Bytes that a power cut is made to leave out at the journal's end.
const CUT_BYTES: u64 = 1_000;

/// Goes on with the run in `folder` as if the power had gone shortly before its end.
fn resume(folder: &Path) {
    let run = folder.join("runs").read_dir().unwrap().next().unwrap().unwrap().path();
    let mut segments: Vec<_> = run.join("journal").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    let last = File::options().write(true).open(segments.last().unwrap()).unwrap();
    last.set_len(last.metadata().unwrap().len() - CUT_BYTES).unwrap();
    let manifest = std::fs::read_to_string(run.join("run.json")).unwrap();
    std::fs::write(run.join("run.json"), manifest.replace("\"status\": \"success\"", "\"status\": \"started\""))
        .unwrap();
    let (server, port) = server(0.0);
    let (one, house) = (one_call(folder, 10), house(port));
    let first = Arc::new(OnceLock::new());
    let model = Arc::new(FirstCall { inner: target(&house), first: first.clone() });
    let (cpu, wall) = (cpu_s(), Instant::now());
    let dir = RunDir::open(&run).unwrap();
    let done = runtime().block_on(one.go_on((dir, Again::AccessCut), model, &house)).unwrap();
    let (called, called_cpu) = first.get().copied().unwrap();
    println!(
        "{:>8} samples, gone on with: first call after {:.2} s ({:.2} s CPU), done after {:.2} s CPU, peak memory {} MiB",
        done.manifest.samples,
        called.duration_since(wall).as_secs_f64(),
        called_cpu - cpu,
        cpu_s() - cpu,
        peak_memory_mib(),
    );
    stop(server);
}

/// A target that notes when it was first asked, and the CPU time of this process then.
struct FirstCall {
    inner: Arc<dyn ModelApi>,
    first: Arc<OnceLock<(Instant, f64)>>,
}

#[async_trait]
impl ModelApi for FirstCall {
    fn target(&self) -> &TargetName {
        self.inner.target()
    }

    fn fingerprint(&self) -> Option<Digest> {
        self.inner.fingerprint()
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        self.first.get_or_init(|| (Instant::now(), cpu_s()));
        self.inner.generate(request).await
    }
}

fn write_task(folder: &Path, samples: u64) {
    let task = "name = \"one-call\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"includes\"]\n";
    std::fs::write(folder.join("task.toml"), task).unwrap();
    // Straight to the file: what this made in memory would be part of the peak.
    let mut items = BufWriter::new(File::create(folder.join("items.jsonl")).unwrap());
    for item in 0..samples {
        writeln!(
            items,
            "{{\"id\":\"item-{item}\",\"input\":\"Question {item}: which of these is a planet? A) Mars B) Moon. Answer with one letter.\",\"target\":\"A\"}}"
        )
        .unwrap();
    }
    items.flush().unwrap();
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
        keeper: None,
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
