//! The database from outside: contract, atomicity, kills, full disk, damage, leases.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends by panicking")]

mod damage;
mod kill;
mod leases;
mod writing;

use std::path::Path;

use ph_store::{Store, rusqlite};

/// A database with a projection of its own: a table `note`.
fn with_notes(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    let beside = rusqlite::Connection::open(path).unwrap();
    beside.execute_batch("CREATE TABLE IF NOT EXISTS note (text TEXT NOT NULL UNIQUE) STRICT").unwrap();
    store
}

fn count_notes(store: &Store) -> u64 {
    store.read(|connection| Ok(connection.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?)).unwrap()
}
