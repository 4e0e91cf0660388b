//! The database: a ledger's entries, the projections made from them, and leases.
//!
//! Level 3. One SQLite file; a Postgres module comes beside it when an installation needs more than one machine
//! (`docs/decisions/0003`). All writing goes through one thread that gathers what callers ask for into one transaction
//! and answers when that is on the disk ([`Store::write`]); reading never waits for it ([`Store::read`]).
//!
//! It does not know what an entry means, reads no clock (`now` is handed in) and keeps no bodies (`ph-vault`).

mod entries;
mod error;
mod lease;
mod schema;
mod store;
mod writer;

pub use entries::SqlEntryStore;
pub use error::StoreError;
pub use lease::Lease;
pub use rusqlite;
pub use store::Store;
pub use writer::Writing;
