//! Large logs: what it costs to write many samples, and to read a header, all summaries, one sample.
//!
//!     cargo bench -p ph-evallog --bench large_log
//!
//! Three logs in the system's temporary directory, one after the other; each line says bytes, processor time and peak memory.
//!
//! | variable | default | full size | |
//! |---|---|---|---|
//! | `PROOFHOUSE_BENCH_SAMPLES` | 100,000 | 1,000,000 | written in files of 50,000: at most 80 MiB |
//! | `PROOFHOUSE_BENCH_SUMMARIES` | 50,000 | 200,000 | all read in less than 1 s, one sample in less than 20 ms |
//! | `PROOFHOUSE_BENCH_BYTES` | 67,108,864 | 1,073,741,824 | the header read in less than 50 ms |
//!
//! Memory is checked at any size, times only at full size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a bench")]

use std::path::Path;
use std::time::{Duration, Instant};

use ph_evallog::{EvalLog, LogWriter, Packer, SampleSummary, entry_name, sample_json, start_json};
use ph_record::{RunManifest, SampleRecord};
use serde_json::json;

const TARGET: &str = "reference/sound";
const RUN: &str = "run_0198a0b0000070008000000000000001";

/// The most samples of a file, as the engine writes them.
const FILE_SAMPLES_MAX: u64 = 50_000;
/// Every item is asked so many times, one epoch of all items after the other.
const EPOCHS: u64 = 4;
const MEMORY_MIB_MAX: u64 = 80;

fn main() {
    let many = size("PROOFHOUSE_BENCH_SAMPLES", 100_000);
    let summaries = size("PROOFHOUSE_BENCH_SUMMARIES", 50_000);
    let bytes = size("PROOFHOUSE_BENCH_BYTES", 64 << 20);
    let folder = tempfile::tempdir().unwrap();
    many_samples(folder.path(), many);
    all_summaries(&folder.path().join("summaries.eval"), summaries);
    large_file(&folder.path().join("large.eval"), bytes);
}

fn size(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn many_samples(folder: &Path, samples: u64) {
    let mut bytes = 0;
    let mut written = Written::default();
    let cost = Cost::of(|| {
        for first in (0..samples).step_by(FILE_SAMPLES_MAX as usize) {
            let path = folder.join(format!("log-{:03}.eval", first / FILE_SAMPLES_MAX));
            let count = FILE_SAMPLES_MAX.min(samples - first);
            written.add(write(&path, count, 0));
            bytes += std::fs::metadata(&path).unwrap().len();
            std::fs::remove_file(path).unwrap();
        }
    });
    println!(
        "writing {samples} samples in files of {FILE_SAMPLES_MAX}: {bytes} bytes, {cost}, {:.1} µs each, of which documents \
         {:.1}, packing {:.1}, copying with summary and scores {:.1}",
        cost.processor.as_secs_f64() * 1e6 / samples as f64,
        written.documents.as_secs_f64() * 1e6 / samples as f64,
        written.packing.as_secs_f64() * 1e6 / samples as f64,
        written.copying.as_secs_f64() * 1e6 / samples as f64,
    );
    cost.check_memory();
}

fn all_summaries(path: &Path, samples: u64) {
    let writing = Cost::of(|| write(path, samples, 0));
    println!("writing one file of {samples} samples: {} bytes, {writing}", std::fs::metadata(path).unwrap().len());
    writing.check_memory();
    let header = timed("its header", || EvalLog::open(path).unwrap().header().unwrap());
    let all = timed("all its summaries", || {
        let mut count = 0;
        let each = |summary: &[u8]| {
            count += u64::from(SampleSummary::parse(summary).unwrap().scores().count() == 1);
            Ok(())
        };
        EvalLog::open(path).unwrap().summaries(each).unwrap();
        assert_eq!(count, samples);
    });
    let id = format!("item-{}", samples / EPOCHS / 2);
    let one = timed("one of its samples", || EvalLog::open(path).unwrap().sample(&id, 2).unwrap());
    if samples >= 200_000 {
        header.check_time(Duration::from_millis(50));
        all.check_time(Duration::from_secs(1));
        one.check_time(Duration::from_millis(20));
    }
    std::fs::remove_file(path).unwrap();
}

/// So large a file with as many samples as a file has at most.
fn large_file(path: &Path, bytes: u64) {
    const SAMPLE_BYTES: u64 = (1 << 30) / FILE_SAMPLES_MAX;
    let samples = bytes.div_ceil(SAMPLE_BYTES);
    // The noise becomes about a quarter smaller.
    let writing = Cost::of(|| write(path, samples, SAMPLE_BYTES as usize * 4 / 3));
    let on_disk = std::fs::metadata(path).unwrap().len();
    println!("writing one file of {samples} samples: {on_disk} bytes, {writing}");
    let header = timed("its header", || EvalLog::open(path).unwrap().header().unwrap());
    let one = timed("one of its samples", || EvalLog::open(path).unwrap().sample("item-3", 1).unwrap());
    if on_disk >= 1 << 30 {
        header.check_time(Duration::from_millis(50));
        one.check_time(Duration::from_millis(20));
    }
}

/// What something cost.
struct Cost {
    wall: Duration,
    processor: Duration,
    memory_mib: u64,
}

impl Cost {
    fn of<T>(work: impl FnOnce() -> T) -> Self {
        forget_peak_memory();
        let (start, before) = (Instant::now(), processor_time());
        std::hint::black_box(work());
        Self { wall: start.elapsed(), processor: processor_time() - before, memory_mib: peak_memory_mib() }
    }

    /// Nothing here waits for anything: on a machine that does nothing else, the time is the processor's.
    fn check_time(&self, allowed: Duration) {
        let taken = if self.processor.is_zero() { self.wall } else { self.processor.min(self.wall) };
        assert!(taken < allowed, "slower than the {allowed:?} stated: {self}");
    }

    fn check_memory(&self) {
        assert!(self.memory_mib <= MEMORY_MIB_MAX, "memory has to stay flat: {} MiB", self.memory_mib);
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (processor, wall) = (self.processor.as_secs_f64(), self.wall.as_secs_f64());
        write!(f, "{processor:.5} s of processor in {wall:.5} s, peak memory {} MiB", self.memory_mib)
    }
}

/// Does it at least five times, and for half a second so that the processor's clock sees it; the fastest
/// counts, beside the mean of the processor time.
fn timed<T>(what: &str, mut work: impl FnMut() -> T) -> Cost {
    let (mut times, mut fastest) = (0, Duration::MAX);
    let mut cost = Cost::of(|| {
        let start = Instant::now();
        while times < 5 || start.elapsed() < Duration::from_millis(500) {
            let start = Instant::now();
            std::hint::black_box(work());
            fastest = fastest.min(start.elapsed());
            times += 1;
        }
    });
    cost.processor /= times;
    cost.wall = fastest;
    println!("    {what}: {cost}");
    cost
}

/// Where the time of writing went.
#[derive(Default)]
struct Written {
    documents: Duration,
    packing: Duration,
    copying: Duration,
}

impl Written {
    fn add(&mut self, other: Written) {
        self.documents += other.documents;
        self.packing += other.packing;
        self.copying += other.copying;
    }
}

/// Writes a log of samples, each with so many bytes that do not compress.
fn write(path: &Path, samples: u64, random_bytes: usize) -> Written {
    let manifest = manifest();
    let mut log = LogWriter::create(path, start_json(&manifest, "proofhouse bench")).unwrap();
    let mut packer = Packer::new().unwrap();
    let mut random = 1_u64;
    let mut record = record();
    let mut written = Written::default();
    let items = samples.div_ceil(EPOCHS);
    for number in 0..samples {
        record.sample = format!("item-{}", number % items);
        record.epoch = u32::try_from(number / items + 1).unwrap();
        if random_bytes > 0 {
            record.metadata.insert("random".to_owned(), noise(&mut random, random_bytes).into());
        }
        let start = Instant::now();
        let document = sample_json(&record, TARGET).unwrap();
        let documented = Instant::now();
        let entry = packer.pack(&document).unwrap();
        let packed = Instant::now();
        log.sample(&entry_name(&record.sample, record.epoch), &entry, &record, TARGET).unwrap();
        written.documents += documented - start;
        written.packing += packed - documented;
        written.copying += packed.elapsed();
    }
    log.finish(&manifest).unwrap();
    written
}

/// Text that Zstandard can only make a little smaller.
fn noise(state: &mut u64, bytes: usize) -> String {
    let letter = |_| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'#' + u8::try_from((*state >> 33) % 56).unwrap())
    };
    (0..bytes).map(letter).collect()
}

fn manifest() -> RunManifest {
    serde_json::from_value(json!({
        "version": 1, "id": RUN, "kind": "exploratory",
        "task": { "name": "bench", "dataset": "items.jsonl", "solver": ["generate"], "scorer": ["exact"] },
        "task_digest": format!("sha256:{}", "0".repeat(64)),
        "target": TARGET, "seed": 1, "epochs": 1, "status": "success", "samples": 0, "started_at": 0
    }))
    .unwrap()
}

/// A sample of one call.
fn record() -> SampleRecord {
    let question = "What is the capital of Norway? Answer with the name of the city and nothing else.";
    serde_json::from_value(json!({
        "id": format!("sha256:{}", "1".repeat(64)), "run": RUN, "task": "bench", "sample": "x", "epoch": 1, "attempt": 1,
        "round": 0, "seed": 5, "input": question, "target": "Oslo", "metadata": { "cluster": "north" },
        "messages": [{ "role": "user", "content": question }, { "role": "assistant", "content": "Oslo" }],
        "output": { "model": "m", "message": { "role": "assistant", "content": "Oslo" }, "stop_reason": "stop" },
        "ending": { "kind": "completed" }, "response": "answered", "scores": { "exact": { "value": "C", "answer": "Oslo" } },
        "usage": { "input_tokens": 7, "output_tokens": 1 }, "started_at": 0, "completed_at": 40,
        "events": [
            { "sequence": 0, "span_id": "s1", "timestamp": 0, "event": "span_begin", "id": "s1", "type": "solver", "name": "generate" },
            { "sequence": 1, "span_id": "s1", "timestamp": 1, "event": "model", "model": TARGET,
              "input": [{ "role": "user", "content": question }], "config": { "max_tokens": 5 },
              "output": { "model": "m", "message": { "role": "assistant", "content": "Oslo" }, "stop_reason": "stop" }, "completed": 30 },
            { "sequence": 2, "span_id": "s1", "timestamp": 31, "event": "span_end", "id": "s1" }
        ]
    }))
    .unwrap()
}

/// The processor time of this thread, the only one; zero where the system does not say.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// Peak memory is counted anew from here, where the system lets it.
fn forget_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process had, in MiB; 0 where the system does not say.
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib >> 10)
}
