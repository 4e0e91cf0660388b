//! What the tree costs: CPU time and memory to take leaves, with and without tiles, and to make and check proofs.
//!
//!     cargo bench -p ph-proof --bench tree
//!
//! Rows: the root over 1 and over 10 million leaf hashes; the same while a builder gives the tiles; proofs out of the tiles of
//! `PROOFHOUSE_BENCH_LEAVES` leaves (10 million unless set), which are kept in memory for it; a million checks of
//! inclusion. Each prints CPU time (user and system, from `/proc/self/stat`) and the peak of memory, in a process of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and ends where something is wrong")]

use std::cell::Cell;
use std::collections::HashMap;
use std::process::Command;

use ph_base::Digest;
use ph_proof::merkle::{
    Frontier, Tile, TileBuilder, TileBytes, TileReader, TileTree, leaf_hash, verify_consistency, verify_inclusion,
};

/// Clock ticks a second in `/proc`.
const TICKS_PER_S: f64 = 100.0;
const MILLION: u64 = 1_000_000;
const PROOFS: u64 = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let leaves = || arguments[2].parse::<u64>().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("frontier") => frontier(leaves()),
        Some("tiles") => tiles(leaves()),
        Some("proofs") => proofs(leaves()),
        _ => all(),
    }
}

/// Runs every row, each in a process of its own.
fn all() {
    let large = std::env::var("PROOFHOUSE_BENCH_LEAVES").map_or(10 * MILLION, |text| text.parse().unwrap());
    for (row, leaves) in
        [("frontier", MILLION), ("frontier", large), ("tiles", MILLION), ("tiles", large), ("proofs", large)]
    {
        let mut command = Command::new(std::env::current_exe().unwrap());
        assert!(command.arg(row).arg(leaves.to_string()).status().unwrap().success());
    }
}

fn leaf(index: u64) -> Digest {
    leaf_hash(&index.to_be_bytes())
}

fn frontier(leaves: u64) {
    let mut frontier = Frontier::new();
    let cpu = timed(|| frontier.extend((0..leaves).map(leaf)));
    report(&format!("{leaves} leaf hashes and their root"), cpu);
    assert_eq!(frontier.size(), leaves);
}

fn tiles(leaves: u64) {
    let mut bytes = 0;
    let cpu = timed(|| {
        let builder = build(leaves, |tile| bytes += tile.bytes.len());
        assert_ne!(builder.root(), leaf(0));
    });
    report(&format!("{leaves} leaf hashes and {} MiB of tiles", bytes >> 20), cpu);
}

fn build(leaves: u64, mut write: impl FnMut(TileBytes)) -> TileBuilder {
    let mut builder = TileBuilder::new();
    for index in 0..leaves {
        builder.append(leaf(index)).into_iter().for_each(&mut write);
    }
    builder.partial_tiles(0).into_iter().for_each(write);
    builder
}

/// Tiles in memory; counts how often one is read.
#[derive(Default)]
struct Stored {
    tiles: HashMap<Tile, Vec<u8>>,
    reads: Cell<u64>,
}

impl TileReader for Stored {
    type Error = std::io::Error;

    fn read(&self, tile: Tile) -> Result<Vec<u8>, Self::Error> {
        self.reads.set(self.reads.get() + 1);
        self.tiles.get(&tile).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

fn proofs(leaves: u64) {
    let mut stored = Stored::default();
    let root = build(leaves, |tile| drop(stored.tiles.insert(tile.tile, tile.bytes))).root();
    let tree = TileTree::new(&stored, leaves, root).unwrap();
    println!("a tree of {leaves} leaves: {} partial tiles read", stored.reads.take());

    let at = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % leaves;
    let mut inclusion = Vec::new();
    let cpu = timed(|| inclusion.extend((0..PROOFS).map(|number| tree.inclusion_proof(at(number)).unwrap())));
    report(&format!("{PROOFS} inclusion proofs, {} tiles read", stored.reads.take()), cpu);

    let mut consistency = Vec::new();
    let cpu = timed(|| consistency.extend((0..PROOFS).map(|number| tree.consistency_proof(at(number)).unwrap())));
    report(&format!("{PROOFS} consistency proofs, {} tiles read", stored.reads.take()), cpu);
    for number in (0..PROOFS).step_by(100) {
        let (old, proof) = (at(number), &consistency[usize::try_from(number).unwrap()]);
        verify_consistency(old, tree.root_at(old).unwrap(), leaves, root, proof).unwrap();
    }

    let cpu = timed(|| {
        for number in 0..MILLION {
            let (index, proof) = (at(number % PROOFS), &inclusion[usize::try_from(number % PROOFS).unwrap()]);
            verify_inclusion(index, leaves, leaf(index), proof, root).unwrap();
        }
    });
    report(&format!("{MILLION} checks of inclusion"), cpu);
}

fn report(what: &str, cpu: f64) {
    println!("{what}: {cpu:.2} s CPU, peak memory {} MiB", peak_memory_mib());
}

fn timed(work: impl FnOnce()) -> f64 {
    let before = cpu_s();
    work();
    cpu_s() - before
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
