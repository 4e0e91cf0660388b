//! The vault from outside: round trips, secrets, destruction, damage, power cuts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod bodies;
mod corpus;
mod damage;
mod destroy;
mod power;
mod secrets;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ph_base::{Digest, FileLayer};
use ph_vault::{MasterSecret, PassphraseCost, PrivateDisk, Random, Vault, VaultPlace};
use zeroize::Zeroizing;

/// Nobody shall wait for a passphrase in a test.
const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 16, passes: 1, lanes: 1 };

/// Never the same bytes twice, and the same in each run of one test alone.
fn random() -> Random {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    Arc::new(|bytes: &mut [u8]| {
        for part in bytes.chunks_mut(32) {
            let digest = Digest::of(&DRAWN.fetch_add(1, Ordering::Relaxed).to_le_bytes());
            part.copy_from_slice(&digest.bytes()[..part.len()]);
        }
    })
}

fn place_with(folder: &Path, files: impl FileLayer + 'static) -> VaultPlace {
    VaultPlace { folder: folder.to_owned(), files: Arc::new(files), random: random() }
}

fn place(folder: &Path) -> VaultPlace {
    place_with(folder, PrivateDisk)
}

fn key() -> MasterSecret {
    MasterSecret::Key(Zeroizing::new([42; 32]))
}

fn passphrase(text: &str) -> MasterSecret {
    MasterSecret::Passphrase(Zeroizing::new(text.as_bytes().to_vec()))
}

fn create(folder: &Path) -> Vault {
    Vault::create(place(folder), &key(), CHEAP).unwrap()
}

fn open(folder: &Path) -> Vault {
    Vault::open(place(folder), &key()).unwrap()
}

/// Bodies made to order, each with a canary that is found in no file.
fn bodies(numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    numbers.map(|n| format!("canary {n} ").repeat(1 + n % 7).into_bytes()).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Whether any file's content or name has these bytes.
fn is_anywhere(folder: &Path, bytes: &[u8]) -> bool {
    files(folder).iter().any(|path| {
        let holds = |content: &[u8]| content.windows(bytes.len()).any(|window| window == bytes);
        holds(&std::fs::read(path).unwrap()) || holds(path.to_str().unwrap().as_bytes())
    })
}
