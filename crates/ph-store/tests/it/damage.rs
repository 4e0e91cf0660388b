//! Files that cannot be opened, each named.

use std::fs;
use std::path::Path;

use ph_record::{EntryStore, EntryStoreError};
use ph_store::{Store, StoreError, rusqlite};
use ph_testkit::entry_store_suite::numbered_entry;

/// A closed database with entries.
fn filled(path: &Path) {
    let entries: Vec<_> = (0..3000).map(numbered_entry).collect();
    Store::open(path).unwrap().entries("log").append(&entries).unwrap();
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    filled(&path);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = Store::open(&path).err().unwrap();
    assert!(matches!(refused, StoreError::Newer { found: 99, known: 1, .. }), "{refused:?}");
    let version = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(version.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), 99);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Foreign { .. })));
}

#[test]
fn what_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    fs::write(&path, "a text of some length, which is no database at all\n".repeat(100)).unwrap();
    let refused = Store::open(&path).err().unwrap();
    assert!(matches!(&refused, StoreError::Damaged { .. }), "{refused:?}");
    assert!(refused.to_string().contains("notes.db"), "{refused}");
    let nowhere = Store::open(&folder.path().join("missing/db")).err().unwrap();
    assert!(matches!(nowhere, StoreError::Open { .. }), "{nowhere:?}");
}

#[test]
fn damaged_pages_are_named_and_nothing_false_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    filled(&path);
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 20, "{pages}");
    let mut named = 0;
    for page in 0..pages {
        let mut bytes = whole.clone();
        bytes[page * 4096..][..4096].fill(0xA5);
        fs::write(&path, bytes).unwrap();
        for beside in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(folder.path().join(beside));
        }
        let found = match Store::open(&path) {
            Ok(store) => {
                let checked = store.check().map_err(|error| error.to_string());
                let read = store.entries("log").read(0, usize::MAX);
                if let Ok(entries) = &read {
                    assert!((0..).zip(entries).all(|(n, stored)| stored.entry == numbered_entry(n)), "page {page}");
                }
                named += u32::from(matches!(read, Err(EntryStoreError::Damaged { .. })));
                checked
            }
            Err(error) => Err(error.to_string()),
        };
        assert!(found.as_ref().is_err_and(|error| error.contains("/db`")), "page {page}: {found:?}");
    }
    assert!(named > 10, "{named}");
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db")).unwrap();
    store.entries("log").append(&[numbered_entry(0)]).unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()).collect();
    assert!(files.len() >= 2);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}
