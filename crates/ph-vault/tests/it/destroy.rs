//! A body that is destroyed is gone, alone, and not while its log is held.

use std::fs;
use std::path::Path;

use ph_base::Digest;
use ph_record::{BodyId, BodyStore};
use ph_testkit::LosingFiles;
use ph_vault::{Destroyed, Vault, VaultCheck, VaultError};

use crate::{bodies, create, files, is_anywhere, key, open, place_with};

/// The wrapped key of a body, found behind its name in its segment.
fn wrapped_key(folder: &Path, id: BodyId) -> Vec<u8> {
    let segments = files(&folder.join("keys/bodies"));
    let found = segments.iter().find_map(|path| {
        let content = fs::read(path).unwrap();
        let at = content.windows(32).position(|window| window == id.0.bytes())?;
        Some(content[at + 49..at + 109].to_vec())
    });
    found.unwrap()
}

#[test]
fn a_destroyed_body_is_gone_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(folder.path());
    let log = vault.log("a").unwrap();
    let kept = bodies(0..100);
    let ids = log.keep(&kept).unwrap();
    let wrapped = wrapped_key(folder.path(), ids[50]);
    assert!(is_anywhere(folder.path(), &wrapped));
    assert_eq!(vault.destroy("a", ids[50]).unwrap(), Destroyed::Now);
    assert!(!is_anywhere(folder.path(), &wrapped));
    assert!(!is_anywhere(folder.path(), &wrapped[12..44]), "nor the key without its nonce and tag");
    assert_eq!(log.body(ids[50]).unwrap(), None);
    // Writing goes on, into files of its own.
    let later = log.keep(&bodies(200..203)).unwrap();
    assert_eq!(vault.destroy("a", later[1]).unwrap(), Destroyed::Now);
    let last = log.keep(&bodies(203..204)).unwrap();
    assert!(matches!(vault.destroy("a", BodyId(Digest::of(b"?"))), Err(VaultError::NoBody(_))));
    drop((log, vault));
    let vault = open(folder.path());
    let log = vault.log("a").unwrap();
    assert_eq!(vault.destroy("a", ids[50]).unwrap(), Destroyed::Before);
    for (n, (id, body)) in ids.iter().zip(kept).enumerate() {
        assert_eq!(log.body(*id).unwrap(), (n != 50).then_some(body));
    }
    assert_eq!(log.body(later[1]).unwrap(), None);
    assert_eq!(log.body(last[0]).unwrap().unwrap(), bodies(203..204)[0]);
    assert_eq!(log.check().unwrap(), VaultCheck { bodies: 102, destroyed: 2, tail_bytes: 0 });
}

#[test]
fn a_hold_blocks_destruction_also_after_opening_anew() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(folder.path());
    let id = vault.log("a").unwrap().keep(&bodies(0..1)).unwrap()[0];
    let other = vault.log("b").unwrap().keep(&bodies(0..1)).unwrap()[0];
    vault.hold("a").unwrap();
    assert!(matches!(vault.destroy("a", id), Err(VaultError::Held { log }) if log == "a"));
    vault.destroy("b", other).unwrap();
    drop(vault);
    let vault = open(folder.path());
    assert!(vault.log("a").unwrap().is_held() && !vault.log("b").unwrap().is_held());
    assert!(matches!(vault.destroy("a", id), Err(VaultError::Held { .. })));
    assert!(vault.log("a").unwrap().body(id).unwrap().is_some());
    // Who writes another word into the file does not lift it.
    let path = folder.path().join("keys/logs").join(format!("{}.key", Digest::of(b"a").hex()));
    let text = fs::read_to_string(&path).unwrap();
    drop(vault);
    fs::write(&path, text.replace("held = true", "held = false")).unwrap();
    assert!(matches!(open(folder.path()).log("a"), Err(VaultError::Damaged { .. })));
    fs::write(&path, text).unwrap();
    let vault = open(folder.path());
    vault.release("a").unwrap();
    assert_eq!(vault.destroy("a", id).unwrap(), Destroyed::Now);
}

#[test]
fn what_a_destruction_that_was_cut_short_left_behind_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(folder.path());
    let id = vault.log("a").unwrap().keep(&bodies(0..1)).unwrap()[0];
    let wrapped = wrapped_key(folder.path(), id);
    let segment = files(&folder.path().join("keys/bodies")).remove(0);
    drop(vault);
    let leftover = segment.with_extension("keys.tmp");
    fs::copy(&segment, &leftover).unwrap();
    let vault = open(folder.path());
    vault.log("a").unwrap();
    assert!(!leftover.exists());
    vault.destroy("a", id).unwrap();
    assert!(!is_anywhere(folder.path(), &wrapped));
}

#[test]
fn a_power_cut_in_the_middle_leaves_the_body_or_nothing_of_it() {
    let mut left = [0, 0];
    for seed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let vault = create(folder.path());
        let ids = vault.log("a").unwrap().keep(&bodies(0..5)).unwrap();
        let wrapped = wrapped_key(folder.path(), ids[2]);
        drop(vault);
        let vault = Vault::open(place_with(folder.path(), LosingFiles::new(Some(1), seed)), &key()).unwrap();
        assert!(matches!(vault.destroy("a", ids[2]), Err(VaultError::Access { .. })));
        assert!(matches!(vault.destroy("a", ids[2]), Err(VaultError::Broken { .. })));
        drop(vault);
        let vault = open(folder.path());
        let log = vault.log("a").unwrap();
        let is_left = log.body(ids[2]).unwrap().is_some();
        assert_eq!(is_anywhere(folder.path(), &wrapped), is_left);
        for n in [0, 1, 3, 4] {
            assert_eq!(log.body(ids[n]).unwrap().unwrap(), bodies(n..n + 1)[0]);
        }
        let again = vault.destroy("a", ids[2]).unwrap();
        assert_eq!(again, if is_left { Destroyed::Now } else { Destroyed::Before });
        left[usize::from(is_left)] += 1;
    }
    assert!(left.iter().all(|count| *count > 5), "{left:?}");
}
