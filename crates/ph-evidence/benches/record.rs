//! What a durable entry costs, and what it costs to bring a million into the tree and to check them.
//!
//!     cargo bench -p ph-evidence --bench record
//!
//! Rows: 64 callers that each record one event after another for `PROOFHOUSE_BENCH_SECONDS` (5 unless set); the sequencer over
//! `PROOFHOUSE_BENCH_ENTRIES` (a million unless set) from nothing; the check of all of them. The last two are in processes of their
//! own, whose CPU time (user and system) and peak of memory are theirs alone. Files are in `PROOFHOUSE_BENCH_DIR`, or where the
//! system keeps temporary ones: what a sync costs is that disk's.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ph_base::{AppendFile, Disk, FileLayer, Timestamp};
use ph_evidence::file_entries::FileEntries;
use ph_evidence::sequencer::Sequencer;
use ph_evidence::tile_dir::TileDir;
use ph_evidence::{FileLedger, LedgerSetup, fsck_dir};
use ph_proof::event::EventBody;
use ph_proof::note::{KeyName, NoteSigner};
use ph_testkit::FixedClock;

const CALLERS: u64 = 64;
/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match (arguments.get(1).map(String::as_str), arguments.get(2)) {
        (Some("sequencer"), Some(dir)) => sequencer(Path::new(dir)),
        (Some("fsck"), Some(dir)) => check(Path::new(dir)),
        _ => all(),
    }
}

fn all() {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let place = std::env::var_os("PROOFHOUSE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(&place).unwrap();
    record(dir.path(), Duration::from_secs(number("PROOFHOUSE_BENCH_SECONDS", 5)));
    let dir = tempfile::tempdir_in(&place).unwrap();
    fill(dir.path(), number("PROOFHOUSE_BENCH_ENTRIES", 1_000_000));
    for row in ["sequencer", "fsck"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        assert!(command.arg(row).arg(dir.path()).status().unwrap().success());
    }
}

fn signer() -> NoteSigner {
    NoteSigner::new(KeyName::new("example.org/bench").unwrap(), &[1; 32])
}

fn setup(files: Arc<dyn FileLayer>) -> LedgerSetup {
    let next = AtomicU64::new(1);
    LedgerSetup {
        signer: signer(),
        subject: "bench".to_owned(),
        program: "bench".to_owned(),
        clock: Arc::new(FixedClock::at(Timestamp(0))),
        random: Arc::new(move |bytes| {
            let number = next.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            bytes.iter_mut().zip(number).for_each(|(byte, random)| *byte = random);
        }),
        files,
    }
}

fn event(entry: u64) -> EventBody {
    EventBody::BodyDestroyed { by: vec!["0".repeat(64)], entry, reason: "bench".to_owned() }
}

fn record(dir: &Path, time: Duration) {
    let files = TimedFiles::default();
    let ledger = FileLedger::create(dir, setup(Arc::new(files.clone()))).unwrap();
    let (syncs_before, sync_before) = files.spent();
    let begun = Instant::now();
    let caller = |caller: u64| {
        let mut latencies = Vec::new();
        while begun.elapsed() < time {
            let asked = Instant::now();
            ledger.record(event(caller)).unwrap();
            latencies.push(asked.elapsed());
        }
        latencies
    };
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|number| scope.spawn(move || caller(number))).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let wall = begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let (syncs, sync) = files.spent();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "record: {CALLERS} callers, {} entries, {:.0} durable entries/s, acknowledged after p50 {:.1} ms, p99 {:.1} ms, \
         max {:.1} ms; {} syncs of {:.2} ms, {:.0} % of the time",
        latencies.len(),
        latencies.len() as f64 / wall,
        at(0.5),
        at(0.99),
        at(1.0),
        syncs - syncs_before,
        (sync - sync_before).as_secs_f64() * 1e3 / (syncs - syncs_before) as f64,
        (sync - sync_before).as_secs_f64() * 100.0 / wall,
    );
}

fn fill(dir: &Path, entries: u64) {
    let ledger = FileLedger::create(dir, setup(Arc::new(Disk))).unwrap();
    let begun = Instant::now();
    for start in (1..entries).step_by(4_000) {
        let events = (start..entries.min(start + 4_000)).map(event).collect();
        ledger.recorder().unwrap().record(events).unwrap();
    }
    println!("fill: {entries} entries in calls of 4,000, {:.1} s", begun.elapsed().as_secs_f64());
}

fn sequencer(dir: &Path) {
    let begun = Instant::now();
    let entries = Arc::new(FileEntries::open_read_only(&dir.join("entries")).unwrap());
    let mut sequencer = Sequencer::open(entries, TileDir::new(dir, Arc::new(Disk)), signer(), &[]).unwrap();
    sequencer.integrate().unwrap();
    report(&format!("sequencer: {} entries", sequencer.signed_size()), begun);
}

fn check(dir: &Path) {
    let begun = Instant::now();
    let found = fsck_dir(dir).unwrap();
    assert!(found.is_sound(), "{:?}", found.findings);
    report(&format!("fsck: {} entries, {} tiles", found.counts.entries, found.counts.tiles), begun);
}

fn report(row: &str, begun: Instant) {
    let wall = begun.elapsed().as_secs_f64();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
    println!("{row}: {wall:.1} s, {:.2} CPU s, peak {peak}", ticks / TICKS_PER_S);
}

/// The machine's files, whose syncs are counted and timed.
#[derive(Clone, Default)]
struct TimedFiles(Arc<(AtomicU64, AtomicU64)>);

impl TimedFiles {
    fn spent(&self) -> (u64, Duration) {
        (self.0.0.load(Ordering::SeqCst), Duration::from_nanos(self.0.1.load(Ordering::SeqCst)))
    }
}

impl FileLayer for TimedFiles {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        Ok(Box::new(TimedFile { files: self.clone(), file: Disk.create(path)? }))
    }

    fn cut(&self, path: &Path, bytes: u64) -> io::Result<()> {
        Disk.cut(path, bytes)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        Disk.replace(path, content)
    }
}

struct TimedFile {
    files: TimedFiles,
    file: Box<dyn AppendFile>,
}

impl AppendFile for TimedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        let synced = self.file.sync();
        let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.files.0.0.fetch_add(1, Ordering::SeqCst);
        self.files.0.1.fetch_add(spent, Ordering::SeqCst);
        synced
    }
}
