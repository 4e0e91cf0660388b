//! What every [`EntryStore`] must hold to, whatever it keeps its entries in. The tests of each implementation call this.

use ph_base::{Digest, Timestamp};
use ph_record::{BodyId, EntryStore, EntryStoreError, LEAF_BYTES_MAX, NewEntry, StoredEntry};

/// An entry made to order; its leaf and body tell `number`.
#[must_use]
pub fn numbered_entry(number: u64) -> NewEntry {
    let leaf = format!("leaf {number}").into_bytes();
    let body = BodyId(Digest::of(&number.to_le_bytes()));
    NewEntry { at: Timestamp(1_700_000_000_000 + i64::try_from(number).unwrap_or(0)), leaf, body }
}

/// Checks an implementation. `open` opens the same store anew, which is empty the first time; the one it gave before is
/// closed by then.
///
/// # Panics
/// Where the store does not hold to the contract.
pub fn check_entry_store(open: &mut dyn FnMut() -> Result<Box<dyn EntryStore>, EntryStoreError>) {
    if let Err(error) = check(open) {
        let broken: Result<(), EntryStoreError> = Err(error);
        assert!(broken.is_ok(), "{broken:?}");
    }
}

fn check(open: &mut dyn FnMut() -> Result<Box<dyn EntryStore>, EntryStoreError>) -> Result<(), EntryStoreError> {
    let store = open()?;
    an_empty_store_is_empty(&*store)?;
    indices_are_consecutive(&*store)?;
    windows_hold_what_was_appended(&*store)?;
    every_value_comes_back(&*store)?;
    drop(store);
    let store = open()?;
    windows_hold_what_was_appended(&*store)?;
    appends_from_many_threads_leave_no_gap(&*store)?;
    drop(store);
    a_leaf_too_long_leaves_nothing(open)
}

fn entries(range: std::ops::Range<u64>) -> Vec<NewEntry> {
    range.map(numbered_entry).collect()
}

fn an_empty_store_is_empty(store: &dyn EntryStore) -> Result<(), EntryStoreError> {
    assert_eq!(store.size()?, 0);
    assert_eq!(store.read(0, 10)?, []);
    assert_eq!(store.append(&[])?, 0, "nothing appended, nothing moved");
    assert_eq!(store.size()?, 0);
    Ok(())
}

/// Leaves ten entries.
fn indices_are_consecutive(store: &dyn EntryStore) -> Result<(), EntryStoreError> {
    assert_eq!(store.append(&entries(0..1))?, 0);
    assert_eq!(store.append(&entries(1..4))?, 1);
    assert_eq!(store.append(&[])?, 4);
    assert_eq!(store.append(&entries(4..10))?, 4);
    assert_eq!(store.size()?, 10);
    Ok(())
}

fn windows_hold_what_was_appended(store: &dyn EntryStore) -> Result<(), EntryStoreError> {
    for from in 0..12_u64 {
        for count in [0, 1, 3, 10, usize::MAX] {
            let end = from.saturating_add(u64::try_from(count).unwrap_or(u64::MAX)).min(10);
            let expected: Vec<StoredEntry> =
                (from..end).map(|index| StoredEntry { index, entry: numbered_entry(index) }).collect();
            assert_eq!(store.read(from, count)?.into_iter().filter(|e| e.index < 10).collect::<Vec<_>>(), expected);
        }
    }
    assert_eq!(store.read(u64::MAX, 1)?, []);
    Ok(())
}

/// Appends three entries.
fn every_value_comes_back(store: &dyn EntryStore) -> Result<(), EntryStoreError> {
    let body = BodyId(Digest::of(b"body"));
    let longest = (0..LEAF_BYTES_MAX).map(|byte| byte as u8).collect();
    let odd = [
        NewEntry { at: Timestamp(0), leaf: Vec::new(), body },
        NewEntry { at: Timestamp(-1), leaf: longest, body },
        NewEntry { at: Timestamp(i64::MAX), leaf: vec![0, b'\'', 0xFF], body },
    ];
    let first = store.append(&odd)?;
    let found: Vec<NewEntry> = store.read(first, 3)?.into_iter().map(|stored| stored.entry).collect();
    assert_eq!(found, odd);
    Ok(())
}

fn appends_from_many_threads_leave_no_gap(store: &dyn EntryStore) -> Result<(), EntryStoreError> {
    let before = store.size()?;
    let mut firsts = std::thread::scope(|scope| {
        let append = || (0..5).map(|_| store.append(&entries(0..3))).collect::<Result<Vec<u64>, _>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(append)).collect();
        let firsts = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Ok(Vec::new())));
        firsts.collect::<Result<Vec<_>, EntryStoreError>>()
    })?
    .concat();
    firsts.sort_unstable();
    assert_eq!(firsts, (0..20).map(|n| before + 3 * n).collect::<Vec<_>>());
    for first in firsts {
        let leaves: Vec<_> = store.read(first, 3)?.into_iter().map(|stored| stored.entry).collect();
        assert_eq!(leaves, entries(0..3), "the entries of one call stand together");
    }
    Ok(())
}

fn a_leaf_too_long_leaves_nothing(
    open: &mut dyn FnMut() -> Result<Box<dyn EntryStore>, EntryStoreError>,
) -> Result<(), EntryStoreError> {
    let store = open()?;
    let before = store.size()?;
    let long = NewEntry { leaf: vec![0; LEAF_BYTES_MAX + 1], ..numbered_entry(0) };
    assert!(store.append(&[numbered_entry(0), long]).is_err(), "a leaf of {} bytes", LEAF_BYTES_MAX + 1);
    drop(store);
    let store = open()?;
    assert_eq!(store.size()?, before, "none of a refused append's entries stays");
    assert_eq!(store.append(&entries(0..1))?, before);
    Ok(())
}
