//! What is written together stays together, and alone where it fails.

use std::sync::mpsc::channel;
use std::time::Duration;

use ph_record::EntryStore;
use ph_store::{Store, StoreError, Writing};
use ph_testkit::check_entry_store;
use ph_testkit::entry_store_suite::numbered_entry;

use crate::{count_notes, with_notes};

#[test]
fn the_table_holds_to_the_contract_of_entries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proofhouse.db");
    check_entry_store(&mut || Ok(Box::new(Store::open(&path).unwrap().entries("a review"))));
    // A second log in the same table begins at 0.
    let store = Store::open(&path).unwrap();
    assert!(store.entries("a review").size().unwrap() > 0);
    assert_eq!(store.entries("another").append(&[numbered_entry(0)]).unwrap(), 0);
    store.check().unwrap();
}

fn note(writing: &Writing<'_>, text: &str) -> Result<(), StoreError> {
    writing.sql().execute("INSERT INTO note (text) VALUES (?1)", [text])?;
    Ok(())
}

#[test]
fn entries_and_projections_stay_together() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_notes(&folder.path().join("db"));
    let both = |text: &'static str, fails: bool| {
        store.write(move |writing| {
            let first = writing.append_entries("log", &[numbered_entry(0)])?;
            note(writing, text)?;
            if fails { Err(StoreError::Refused("no".into())) } else { Ok(first) }
        })
    };
    assert_eq!(both("one", false).unwrap(), 0);
    assert!(matches!(both("two", true), Err(StoreError::Refused(_))));
    assert!(matches!(both("one", false), Err(StoreError::Sql(_))), "the note's text is there already");
    assert_eq!((store.entries("log").size().unwrap(), count_notes(&store)), (1, 1));
    assert_eq!(both("three", false).unwrap(), 1);
}

#[test]
fn of_a_group_only_the_one_that_fails_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_notes(&folder.path().join("db"));
    // The first closure waits until all others are queued, so that they are one transaction.
    let (go, wait) = channel::<()>();
    std::thread::scope(|scope| {
        let store = &store;
        let first = scope.spawn(move || {
            store.write(move |writing| {
                wait.recv_timeout(Duration::from_secs(20)).map_err(|error| StoreError::Refused(error.into()))?;
                note(writing, "first")
            })
        });
        let others: Vec<_> = (0..40)
            .map(|n| {
                scope.spawn(move || {
                    store.write(move |writing| {
                        writing.append_entries("log", &[numbered_entry(n)])?;
                        note(writing, &format!("note {n}"))?;
                        if n % 3 == 0 { Err(StoreError::Refused(n.to_string().into())) } else { Ok(n) }
                    })
                })
            })
            .collect();
        go.send(()).unwrap();
        first.join().unwrap().unwrap();
        for (n, other) in (0..).zip(others) {
            assert_eq!(other.join().unwrap().is_ok(), n % 3 != 0, "{n}");
        }
    });
    assert_eq!((store.entries("log").size().unwrap(), count_notes(&store)), (26, 27));
}

#[test]
fn a_closure_that_ends_the_transaction_breaks_the_store_until_it_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::open(&path).unwrap();
    let entries = store.entries("log");
    entries.append(&[numbered_entry(0)]).unwrap();
    let ended = store.write(|writing| {
        writing.append_entries("log", &[numbered_entry(1)])?;
        Ok(writing.sql().execute_batch("ROLLBACK")?)
    });
    assert!(matches!(ended, Err(StoreError::Commit { .. })), "{ended:?}");
    let after = store.write(|_| Ok(()));
    assert!(
        matches!(&after, Err(StoreError::Broken { why, .. }) if why.contains("ended the transaction")),
        "{after:?}"
    );
    assert!(entries.append(&[numbered_entry(1)]).is_err());
    assert_eq!(entries.size().unwrap(), 1, "reading goes on");
    drop((entries, store));
    assert_eq!(Store::open(&path).unwrap().entries("log").append(&[numbered_entry(1)]).unwrap(), 1);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::open(&path).unwrap();
    store.write(|writing| Ok(writing.sql().pragma_update(None, "max_page_count", 40)?)).unwrap();
    let entries = store.entries("log");
    let acknowledged = (0..10_000).take_while(|n| entries.append(&[numbered_entry(*n)]).is_ok()).count() as u64;
    assert!((100..10_000).contains(&acknowledged), "{acknowledged}");
    let again = store.write(|_| Ok(()));
    assert!(matches!(&again, Err(StoreError::Broken { why, .. }) if why.contains("full")), "{again:?}");
    drop((entries, store));
    let store = Store::open(&path).unwrap();
    let entries = store.entries("log");
    assert_eq!(entries.size().unwrap(), acknowledged);
    assert_eq!(entries.append(&[numbered_entry(acknowledged)]).unwrap(), acknowledged, "there is room again");
    store.check().unwrap();
}

#[test]
fn a_second_writer_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let (one, other) = (Store::open(&path).unwrap(), Store::open(&path).unwrap());
    let (begun, has_begun) = channel();
    let (finish, may_finish) = channel::<()>();
    std::thread::scope(|scope| {
        let holder = scope.spawn(move || {
            one.write(move |writing| {
                let first = writing.append_entries("log", &[numbered_entry(0)])?;
                begun.send(()).map_err(|error| StoreError::Refused(error.into()))?;
                let _ = may_finish.recv_timeout(Duration::from_millis(400));
                Ok(first)
            })
        });
        has_begun.recv().unwrap();
        let waiter = scope.spawn(|| other.entries("log").append(&[numbered_entry(1)]));
        assert_eq!(other.entries("log").size().unwrap(), 0, "a reader does not wait and sees what is committed");
        assert_eq!((holder.join().unwrap().unwrap(), waiter.join().unwrap().unwrap()), (0, 1));
        drop(finish);
    });
}

#[test]
fn a_commit_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db")).unwrap();
    let set = store.write(|writing| {
        let setting = |name: &str| writing.sql().pragma_query_value(None, name, |row| row.get::<_, String>(0));
        let number = |name: &str| writing.sql().pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok((setting("journal_mode")?, number("synchronous")?, number("foreign_keys")?))
    });
    assert_eq!(set.unwrap(), ("wal".to_owned(), 2, 1), "2 is FULL");
    let refused = store.read(|connection| Ok(connection.execute_batch("CREATE TABLE t (a)")?));
    assert!(matches!(refused, Err(StoreError::Sql(_))), "a reader writes nothing");
    store.entries("log").append(&[numbered_entry(0)]).unwrap();
    drop(store);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["db"], "closed, all is in the one file");
}

#[test]
fn many_may_open_a_new_database_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    std::thread::scope(|scope| {
        let openings: Vec<_> = (0..6).map(|_| scope.spawn(|| Store::open(&path))).collect();
        for opening in openings {
            opening.join().unwrap().unwrap().entries("log").append(&[numbered_entry(0)]).unwrap();
        }
    });
    assert_eq!(Store::open(&path).unwrap().entries("log").size().unwrap(), 6);
}

#[test]
fn nothing_changes_or_removes_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db")).unwrap();
    let entries = store.entries("log");
    entries.append(&[numbered_entry(0), numbered_entry(1)]).unwrap();
    let before = entries.read(0, 10).unwrap();
    let body = before[0].entry.body.to_string();
    for (statement, why) in [
        ("UPDATE entry SET at = 1".to_owned(), "never changed"),
        ("DELETE FROM entry WHERE idx = 1".to_owned(), "never removed"),
        (format!("INSERT OR REPLACE INTO entry VALUES ('log', 0, 0, x'00', '{body}')"), "follows the last"),
        (format!("INSERT INTO entry VALUES ('log', 3, 0, x'00', '{body}')"), "follows the last"),
        (format!("INSERT INTO entry VALUES ('new', 1, 0, x'00', '{body}')"), "follows the last"),
    ] {
        let refused = store.write(move |writing| Ok(writing.sql().execute_batch(&statement)?));
        assert!(matches!(&refused, Err(StoreError::Sql(error)) if error.to_string().contains(why)), "{refused:?}");
    }
    assert_eq!(entries.read(0, 10).unwrap(), before);
}
