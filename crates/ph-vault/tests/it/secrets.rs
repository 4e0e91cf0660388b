//! Passphrase and key file.

use std::fs;

use ph_record::BodyStore;
use ph_vault::{MasterSecret, Vault, VaultError};

use crate::{CHEAP, bodies, create, key, passphrase, place};

#[test]
fn the_right_passphrase_opens_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::create(place(folder.path()), &passphrase("a long passphrase"), CHEAP).unwrap();
    let id = vault.log("a").unwrap().keep(&bodies(0..1)).unwrap()[0];
    drop(vault);
    for wrong in ["", "a long passphrasE", "a long passphrase "] {
        let refused = Vault::open(place(folder.path()), &passphrase(wrong)).unwrap_err();
        assert!(matches!(refused, VaultError::WrongSecret("passphrase")), "{refused:?}");
    }
    let refused = Vault::open(place(folder.path()), &key()).unwrap_err();
    assert!(matches!(refused, VaultError::WrongSecret("master key")), "{refused:?}");
    let vault = Vault::open(place(folder.path()), &passphrase("a long passphrase")).unwrap();
    assert_eq!(vault.log("a").unwrap().body(id).unwrap().unwrap(), bodies(0..1)[0]);
}

#[test]
fn another_master_key_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path()));
    let other = MasterSecret::Key([43; 32].into());
    assert!(matches!(Vault::open(place(folder.path()), &other), Err(VaultError::WrongSecret("master key"))));
    assert!(matches!(Vault::open(place(folder.path()), &passphrase("x")), Err(VaultError::WrongSecret("passphrase"))));
}

#[cfg(unix)]
#[test]
fn a_key_file_is_32_bytes_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master");
    let write = |bytes: &[u8], mode: u32| {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        MasterSecret::key_file(&path)
    };
    let MasterSecret::Key(read) = write(&[42; 32], 0o600).unwrap() else { panic!("a key") };
    assert_eq!(*read, [42; 32]);
    for (bytes, mode) in [(&[42; 32][..], 0o640), (&[42; 32], 0o604), (&[42; 31], 0o600), (&[42; 33], 0o600)] {
        let refused = write(bytes, mode).unwrap_err();
        assert!(matches!(refused, VaultError::KeyFile { .. }), "{refused:?}");
    }
}

#[test]
fn a_vault_is_made_once_and_open_in_one_place() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Vault::open(place(folder.path()), &key()), Err(VaultError::NoVault(_))));
    let vault = create(folder.path());
    assert!(matches!(Vault::open(place(folder.path()), &key()), Err(VaultError::InUse(_))));
    let log = vault.log("a").unwrap();
    drop(vault);
    assert!(matches!(Vault::open(place(folder.path()), &key()), Err(VaultError::InUse(_))), "a log is in use");
    drop(log);
    assert!(matches!(Vault::create(place(folder.path()), &key(), CHEAP), Err(VaultError::VaultExists(_))));
    // A vault whose master file is lost is not made anew over its logs.
    fs::remove_file(folder.path().join("keys/master.toml")).unwrap();
    assert!(matches!(Vault::create(place(folder.path()), &key(), CHEAP), Err(VaultError::VaultExists(_))));
}

#[test]
fn no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let vault = create(folder.path());
    let shown = format!("{vault:?} {:?} {:?} {:?}", vault.log("a").unwrap(), key(), passphrase("open sesame"));
    assert!(!shown.contains("42, 42") && !shown.contains("sesame") && !shown.contains("2a2a"), "{shown}");
}
