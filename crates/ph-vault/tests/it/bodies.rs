//! What is kept comes back, and nothing of it lies about.

use ph_base::Digest;
use ph_record::{BodyId, BodyStore, EntryStoreError};
use ph_vault::{BODY_BYTES_MAX, VaultCheck, VaultError};

use crate::{bodies, create, files, is_anywhere, open};

#[test]
fn bodies_come_back_after_opening_anew_too() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(folder.path());
    let log = vault.log("a review").unwrap();
    assert_eq!(log.keep(&[]).unwrap(), []);
    // More than two segments of keys, in batches that end in the middle of one.
    let kept = bodies(0..9000);
    let mut ids = Vec::new();
    for batch in kept.chunks(1500) {
        ids.extend(log.keep(batch).unwrap());
    }
    let odd = [vec![], vec![0; BODY_BYTES_MAX], kept[0].clone()];
    let odd_ids = log.keep(&odd).unwrap();
    assert_ne!(odd_ids[2], ids[0], "the same body twice has two names");
    drop((log, vault));
    let vault = open(folder.path());
    let log = vault.log("a review").unwrap();
    let later = log.keep(&bodies(1..2)).unwrap();
    for (id, body) in ids.iter().zip(&kept).step_by(97).chain(odd_ids.iter().zip(&odd)) {
        assert_eq!(log.body(*id).unwrap().as_ref(), Some(body));
    }
    assert_eq!(log.body(later[0]).unwrap().unwrap(), bodies(1..2)[0]);
    assert_eq!(log.check().unwrap(), VaultCheck { bodies: 9004, destroyed: 0, tail_bytes: 0 });
}

#[test]
fn logs_do_not_share_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(folder.path());
    let id = vault.log("one").unwrap().keep(&bodies(0..1)).unwrap()[0];
    assert!(matches!(vault.log("two").unwrap().body(id), Err(EntryStoreError::NoBody(missing)) if missing == id));
    // Not even where one's files are put in the place of the other's.
    let named = |log: &str| Digest::of(log.as_bytes()).hex();
    drop(vault);
    for (part, name) in [("keys/bodies", "000001.keys"), ("blobs", "000001.pack")] {
        let of = |log: &str| folder.path().join(part).join(named(log)).join(name);
        std::fs::copy(of("one"), of("two")).unwrap();
    }
    let moved = open(folder.path()).log("two").unwrap().body(id);
    assert!(matches!(moved, Err(EntryStoreError::Damaged { .. })), "{moved:?}");
}

#[test]
fn a_body_too_large_is_refused_and_nothing_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path()).log("a").unwrap();
    let refused = log.keep(&[vec![], vec![0; BODY_BYTES_MAX + 1]]).unwrap_err();
    let EntryStoreError::Access { source, .. } = refused else { panic!("{refused:?}") };
    assert!(matches!(source.downcast_ref(), Some(VaultError::BodyTooLarge { bytes }) if *bytes == BODY_BYTES_MAX + 1));
    log.keep(&bodies(0..1)).unwrap();
    let unknown = BodyId(Digest::of(b"never kept"));
    assert!(matches!(log.body(unknown), Err(EntryStoreError::NoBody(_))));
}

#[test]
fn nothing_of_a_body_or_a_name_is_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(folder.path());
    let log = vault.log("a review").unwrap();
    let ids = log.keep(&bodies(0..200)).unwrap();
    vault.destroy("a review", ids[3]).unwrap();
    assert!(!is_anywhere(folder.path(), b"canary"));
    assert!(!is_anywhere(folder.path(), &[42; 32]), "nor the master key");
    assert!(is_anywhere(folder.path(), ids[0].0.bytes()), "but what is there is found");
    assert!(files(folder.path()).len() >= 5);
}

#[cfg(unix)]
#[test]
fn files_and_folders_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let vault = create(&folder.path().join("data"));
    let log = vault.log("a").unwrap();
    let ids = log.keep(&bodies(0..3)).unwrap();
    log.destroy(ids[0]).unwrap();
    log.hold().unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for file in files(folder.path()) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        for above in file.ancestors().skip(1).take_while(|above| *above != folder.path()) {
            assert_eq!(mode(above), 0o700, "{}", above.display());
        }
    }
}
