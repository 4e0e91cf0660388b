//! Durable entries a second with many who append one at a time, and how long each waits; beside it what one sync of the
//! same disk takes. `cargo bench -p ph-store --bench append -- [FOLDER]`; the folder decides which disk.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ph_record::EntryStore;
use ph_store::Store;
use ph_testkit::entry_store_suite::numbered_entry;

const APPENDERS: usize = 64;
const TIME: Duration = Duration::from_secs(5);

fn main() {
    let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = tempfile::tempdir_in(chosen.unwrap_or_else(|| ".".to_owned())).unwrap();
    let syncs = syncs(folder.path());
    println!("one sync of 16 KiB alone: p50 {:.2} ms, p99 {:.2} ms", at(&syncs, 50), at(&syncs, 99));
    let store = Store::open(&folder.path().join("db")).unwrap();
    let begun = Instant::now();
    let waits = appends(&store);
    let seconds = begun.elapsed().as_secs_f64();
    let size = store.entries("log").size().unwrap();
    assert_eq!(size, waits.len() as u64);
    println!(
        "{APPENDERS} appenders, one entry each time: {:.0} durable entries/s ({size} in {seconds:.1} s); \
         acknowledged after p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        size as f64 / seconds,
        at(&waits, 50),
        at(&waits, 99),
        at(&waits, 100)
    );
}

fn appends(store: &Store) -> Vec<Duration> {
    let is_over = AtomicBool::new(false);
    let mut waits = std::thread::scope(|scope| {
        let append = || {
            let entries = store.entries("log");
            let mut waits = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                entries.append(&[numbered_entry(1)]).unwrap();
                waits.push(asked.elapsed());
            }
            waits
        };
        let threads: Vec<_> = (0..APPENDERS).map(|_| scope.spawn(append)).collect();
        std::thread::park_timeout(TIME);
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    waits.sort_unstable();
    waits
}

fn syncs(folder: &Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        file.write_all(&[7; 16 << 10]).unwrap();
        file.sync_data().unwrap();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

fn at(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1000.0
}
