//! Every byte of every file, changed: an error or the right body, never another.

use std::fs;
use std::path::Path;

use ph_record::{BodyId, BodyStore};
use ph_vault::{Vault, VaultError};

use crate::{CHEAP, bodies, files, passphrase, place};

/// Opens and reads all; the bodies that came back and how many errors there were.
fn read_all(folder: &Path, ids: &[BodyId]) -> Vec<Result<Option<Vec<u8>>, String>> {
    let vault = Vault::open(place(folder), &passphrase("a passphrase"));
    let log = vault.and_then(|vault| vault.log("a"));
    let body = |id: &BodyId| match &log {
        Ok(log) => log.body(*id).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    ids.iter().map(body).collect()
}

#[test]
fn a_changed_byte_never_makes_another_body() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(place(folder.path()), &passphrase("a passphrase"), CHEAP).unwrap();
    let log = vault.log("a").unwrap();
    let kept = bodies(0..4);
    let ids = log.keep(&kept).unwrap();
    log.destroy(ids[1]).unwrap();
    drop((log, vault));
    let expected: Vec<_> = kept.iter().enumerate().map(|(n, body)| (n != 1).then(|| body.clone())).collect();
    let (mut seen, mut unnoticed) = (0, 0);
    for path in files(folder.path()) {
        let whole = fs::read(&path).unwrap();
        let is_toml = matches!(path.extension().and_then(|ending| ending.to_str()), Some("toml" | "key"));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, bytes).unwrap();
            let found = read_all(folder.path(), &ids);
            let wrong = found
                .iter()
                .zip(&expected)
                .any(|(found, expected)| found.as_ref().is_ok_and(|found| found != expected));
            assert!(!wrong, "byte {at} of {}: {found:?}", path.display());
            // In text a byte may change that means nothing: a space, a line's end, upper and lower case of a digit.
            unnoticed += usize::from(!is_toml && found.iter().all(Result::is_ok));
            seen += 1;
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(seen > 1000, "{seen}");
    // Of the destroyed body the ciphertext is still there, with its header of 16 bytes, nonce and tag; nobody reads it.
    assert_eq!(unnoticed, 16 + 12 + kept[1].len() + 16);
    assert!(read_all(folder.path(), &ids).iter().all(Result::is_ok));
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(place(folder.path()), &passphrase("a passphrase"), CHEAP).unwrap();
    let ids = vault.log("a").unwrap().keep(&bodies(0..3)).unwrap();
    drop(vault);
    for path in files(folder.path()).into_iter().filter(|path| !path.ends_with("lock")) {
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let found = read_all(folder.path(), &ids);
        assert!(found.iter().all(Result::is_err), "{} is not missed", path.display());
        fs::write(&path, &whole).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let found = read_all(folder.path(), &ids);
        assert!(found.iter().any(Result::is_err), "half of {} is not missed", path.display());
        fs::write(&path, &whole).unwrap();
    }
    fs::remove_file(folder.path().join("keys/master.toml")).unwrap();
    let lost = Vault::open(place(folder.path()), &passphrase("a passphrase")).unwrap_err();
    assert!(matches!(lost, VaultError::NoVault(_)), "{lost:?}");
}
