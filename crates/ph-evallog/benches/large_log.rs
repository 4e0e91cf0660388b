//! Large logs: memory of writing many samples, time to read a header, all summaries, one sample.
//!
//!     cargo bench -p ph-evallog
//!
//! Writes `PROOFHOUSE_BENCH_SAMPLES` samples (100,000 unless set; the full size is 1,000,000), then a log of
//! `PROOFHOUSE_BENCH_SUMMARIES` samples (50,000; full 200,000), then one of `PROOFHOUSE_BENCH_BYTES` bytes (64 MiB; full 1 GiB),
//! in the system's temporary directory. Bounds that DESIGN states are checked only at full size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a bench")]

use std::path::Path;
use std::time::{Duration, Instant};

use ph_evallog::{EvalLog, LogWriter, Packer, SampleSummary, entry_name, sample_json, start_json};
use ph_record::{RunManifest, SampleRecord};
use serde_json::json;

const TARGET: &str = "reference/sound";
const RUN: &str = "run_0198a0b0000070008000000000000001";

fn main() {
    let many = size("PROOFHOUSE_BENCH_SAMPLES", 100_000);
    let summaries = size("PROOFHOUSE_BENCH_SUMMARIES", 50_000);
    let bytes = size("PROOFHOUSE_BENCH_BYTES", 64 << 20);
    let folder = tempfile::tempdir().unwrap();
    many_samples(&folder.path().join("many.eval"), many);
    all_summaries(&folder.path().join("summaries.eval"), summaries);
    large_file(&folder.path().join("large.eval"), bytes);
}

fn size(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn many_samples(path: &Path, samples: u64) {
    let start = Instant::now();
    write(path, samples, 0);
    let taken = start.elapsed();
    let memory = peak_memory_mib();
    println!(
        "writing {samples} samples: {:.1} s ({:.1} µs each), {} MiB on disk, peak memory {memory} MiB",
        taken.as_secs_f64(),
        taken.as_secs_f64() * 1e6 / samples as f64,
        std::fs::metadata(path).unwrap().len() >> 20
    );
    assert!(memory <= 80, "memory has to stay flat: {memory} MiB");
    std::fs::remove_file(path).unwrap();
}

fn all_summaries(path: &Path, samples: u64) {
    write(path, samples, 0);
    let header = timed(|| EvalLog::open(path).unwrap().header().unwrap());
    let mut count = 0;
    let all = timed(|| {
        count = 0;
        let log = EvalLog::open(path).unwrap();
        log.summaries(|summary| {
            count += u64::from(SampleSummary::parse(summary).unwrap().scores().count() == 1);
            Ok(())
        })
        .unwrap();
    });
    assert_eq!(count, samples);
    let id = format!("item-{}", samples / 2);
    let one = timed(|| EvalLog::open(path).unwrap().sample(&id, 1).unwrap());
    println!("log of {samples} samples: header {header:.1?}, all summaries {all:.1?}, one sample {one:.1?}");
    if samples >= 200_000 {
        assert!(all < Duration::from_secs(1) && one < Duration::from_millis(20), "slower than stated");
    }
    std::fs::remove_file(path).unwrap();
}

fn large_file(path: &Path, bytes: u64) {
    const SAMPLE_BYTES: usize = 1 << 20;
    write(path, bytes.div_ceil(SAMPLE_BYTES as u64), SAMPLE_BYTES);
    let on_disk = std::fs::metadata(path).unwrap().len();
    let header = timed(|| EvalLog::open(path).unwrap().header().unwrap());
    let one = timed(|| EvalLog::open(path).unwrap().sample("item-3", 1).unwrap());
    println!("log of {} MiB: header {header:.1?}, one sample of 1 MiB {one:.1?}", on_disk >> 20);
    if on_disk >= 1 << 30 {
        assert!(header < Duration::from_millis(50), "slower than stated");
    }
}

/// The best of five.
fn timed<T>(mut work: impl FnMut() -> T) -> Duration {
    let once = |_| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed()
    };
    (0..5).map(once).min().unwrap()
}

/// Writes a log of samples, each with so many bytes that do not compress.
fn write(path: &Path, samples: u64, random_bytes: usize) {
    let manifest = manifest();
    let mut log = LogWriter::create(path, start_json(&manifest, "proofhouse bench")).unwrap();
    let mut packer = Packer::new().unwrap();
    let mut random = 1_u64;
    let mut record = record();
    for number in 0..samples {
        record.sample = format!("item-{number}");
        record.epoch = 1;
        if random_bytes > 0 {
            record.metadata.insert("random".to_owned(), noise(&mut random, random_bytes).into());
        }
        let entry = packer.pack(&sample_json(&record, TARGET).unwrap()).unwrap();
        log.sample(&entry_name(&record.sample, 1), &entry, &record, TARGET).unwrap();
    }
    log.finish(&manifest).unwrap();
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

/// The most memory that this process had, in MiB; 0 where the system does not say.
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib >> 10)
}
