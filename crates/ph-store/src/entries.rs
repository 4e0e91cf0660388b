//! A ledger's entries in the table `entry`.

use ph_base::Timestamp;
use ph_record::{BodyId, EntryStore, EntryStoreError, LEAF_BYTES_MAX, NewEntry, StoredEntry};
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use crate::schema::sql;
use crate::{Store, StoreError, Writing};

impl Writing<'_> {
    /// Appends entries to a log, in the same transaction as whatever else the closure writes. Returns the index of the
    /// first.
    ///
    /// # Errors
    /// [`StoreError::LeafTooLong`], [`StoreError::Sql`].
    pub fn append_entries(&mut self, log: &str, entries: &[NewEntry]) -> Result<u64, StoreError> {
        let first = size(self.savepoint, log)?;
        let mut append = self.savepoint.prepare_cached(sql::APPEND)?;
        for (index, NewEntry { at, leaf, body }) in (first..).zip(entries) {
            if leaf.len() > LEAF_BYTES_MAX {
                return Err(StoreError::LeafTooLong { bytes: leaf.len() });
            }
            append.execute((log, index, at.0, leaf, body.to_string()))?;
        }
        Ok(first)
    }
}

fn size(connection: &Connection, log: &str) -> Result<u64, StoreError> {
    Ok(connection.prepare_cached(sql::SIZE)?.query_row([log], |row| row.get(0))?)
}

/// The entries of one log.
#[derive(Clone)]
pub struct SqlEntryStore {
    store: Store,
    log: String,
}

impl SqlEntryStore {
    pub(crate) fn new(store: Store, log: &str) -> Self {
        Self { store, log: log.to_owned() }
    }

    fn found(&self, from: u64, count: usize) -> Result<Vec<StoredEntry>, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        // Beyond what SQLite counts there is nothing.
        let Ok(first) = i64::try_from(from) else { return Ok(Vec::new()) };
        let entries = self.store.read(|connection| {
            let mut read = connection.prepare_cached(sql::READ)?;
            Ok(read.query_map((&self.log, first, count), stored)?.collect::<Result<Vec<_>, _>>()?)
        })?;
        let is_gapless = (from..).zip(&entries).all(|(index, entry)| entry.index == index);
        if is_gapless {
            return Ok(entries);
        }
        let problem = format!("the entries of `{}` from {from} on have a gap", self.log);
        Err(StoreError::Damaged { path: self.store.path().to_owned(), problem })
    }
}

impl EntryStore for SqlEntryStore {
    fn append(&self, entries: &[NewEntry]) -> Result<u64, EntryStoreError> {
        let (log, entries) = (self.log.clone(), entries.to_vec());
        let appended = self.store.write(move |writing| writing.append_entries(&log, &entries));
        appended.map_err(|error| error.of_entries("write", self.store.path()))
    }

    fn size(&self) -> Result<u64, EntryStoreError> {
        let size = self.store.read(|connection| size(connection, &self.log));
        size.map_err(|error| error.of_entries("read", self.store.path()))
    }

    fn read(&self, from: u64, count: usize) -> Result<Vec<StoredEntry>, EntryStoreError> {
        self.found(from, count).map_err(|error| error.of_entries("read", self.store.path()))
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
    let body: String = row.get(3)?;
    let body = body.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(3, Type::Text, Box::new(error)));
    let entry = NewEntry { at: Timestamp(row.get(1)?), leaf: row.get(2)?, body: BodyId(body?) };
    Ok(StoredEntry { index: row.get(0)?, entry })
}
