//! Any bytes in the place of one file of a vault: the first byte says of which.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_record::BodyStore;
use ph_vault::{MasterSecret, PassphraseCost, PrivateDisk, Vault, VaultPlace};
use zeroize::Zeroizing;

const LOG: &str = "lab.example/ph/asm_1";
const BODY: &[u8] = b"what was recorded";

fn place(folder: &Path) -> VaultPlace {
    let random = Arc::new(|bytes: &mut [u8]| bytes.fill(7));
    VaultPlace { folder: folder.to_owned(), files: Arc::new(PrivateDisk), random }
}

fn key() -> MasterSecret {
    MasterSecret::Key(Zeroizing::new([42; 32]))
}

/// A vault with one body, in a folder of its own; its files, sorted.
pub(crate) fn made() -> (tempfile::TempDir, ph_record::BodyId, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a folder");
    let cost = PassphraseCost { memory_kib: 16, passes: 1, lanes: 1 };
    let vault = Vault::create(place(folder.path()), &key(), cost).expect("a vault");
    let log = vault.log(LOG).expect("a log");
    let id = log.keep(&[BODY.to_vec()]).expect("room")[0];
    drop((log, vault));
    let mut files = Vec::new();
    collect(folder.path(), &mut files);
    files.retain(|file| file.metadata().is_ok_and(|data| data.len() > 0));
    files.sort();
    (folder, id, files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// The body comes back as it was, or not at all.
pub(crate) fn check(data: &[u8]) {
    let Some((which, content)) = data.split_first() else { return };
    let (folder, id, files) = made();
    std::fs::write(&files[usize::from(*which) % files.len()], content).expect("room");
    let Ok(vault) = Vault::open(place(folder.path()), &key()) else { return };
    let Ok(log) = vault.log(LOG) else { return };
    if let Ok(Some(body)) = log.body(id) {
        assert_eq!(body, BODY, "another body");
    }
    let _ = log.check();
}
