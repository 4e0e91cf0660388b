//! Where a ledger's entries and their bodies are kept, before a sequencer brings them into the tree.
//!
//! Two implementations of each: files for an assessment (`ph-evidence`), SQL and the vault for a server (`ph-store`,
//! `ph-vault`). An entry's *leaf* is public to whoever may read the log's tiles and says nothing by itself; its *body*
//! holds the salt and the event that the leaf commits to, and can be destroyed without touching the tree.

use std::fmt;

use ph_base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// The name of a body in its store: the digest of the bytes as they are stored (encrypted ones, in a vault).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BodyId(pub Digest);

impl fmt::Display for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An entry that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// When it happened, as its event says.
    pub at: Timestamp,
    /// The data of its leaf in the tree; at most [`LEAF_BYTES_MAX`].
    pub leaf: Vec<u8>,
    /// Where its body is kept; it must be kept already.
    pub body: BodyId,
}

/// An entry that is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its place, from 0 without gaps.
    pub index: u64,
    /// The entry.
    pub entry: NewEntry,
}

/// The most bytes of a leaf: what an entry bundle of C2SP's tlog-tiles holds.
pub const LEAF_BYTES_MAX: usize = u16::MAX as usize;

/// The entries of one log, in their order. Append-only: nothing changes or removes one.
///
/// Calls block until the disk has answered; callers with much to append group it.
pub trait EntryStore: Send + Sync {
    /// Appends entries, all or none; once this returns they outlive a power cut. Returns the index of the first.
    ///
    /// # Errors
    /// [`EntryStoreError`]. Whether anything was appended is then known only to whoever reads the store anew: a store
    /// takes nothing more after an error.
    fn append(&self, entries: &[NewEntry]) -> Result<u64, EntryStoreError>;

    /// How many entries are committed.
    ///
    /// # Errors
    /// [`EntryStoreError`] where the store cannot be read.
    fn size(&self) -> Result<u64, EntryStoreError>;

    /// At most `count` entries from index `from` on; fewer at the end.
    ///
    /// # Errors
    /// [`EntryStoreError`] where they cannot be read or are damaged.
    fn read(&self, from: u64, count: usize) -> Result<Vec<StoredEntry>, EntryStoreError>;
}

/// The bodies of one log's entries.
pub trait BodyStore: Send + Sync {
    /// Keeps bodies, all or none; once this returns they outlive a power cut. Returns their names, in the same order.
    ///
    /// # Errors
    /// [`EntryStoreError`]; a store takes nothing more after an error.
    fn keep(&self, bodies: &[Vec<u8>]) -> Result<Vec<BodyId>, EntryStoreError>;

    /// A body; none where it was destroyed.
    ///
    /// # Errors
    /// [`EntryStoreError`] where it was never kept, cannot be read, or is not what was kept.
    fn body(&self, id: BodyId) -> Result<Option<Vec<u8>>, EntryStoreError>;
}

/// Entries or bodies cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum EntryStoreError {
    /// The place cannot be written or read.
    #[error("cannot {verb} `{place}`")]
    Access {
        /// What was to be done: `read`, `write`, `open`.
        verb: &'static str,
        /// Where.
        place: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is there is not what was kept.
    #[error("`{place}` is damaged: {problem}")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// No such body was kept.
    #[error("there is no body {0}")]
    NoBody(BodyId),
    /// An earlier write failed: what is kept is known only to whoever opens the store anew.
    #[error("nothing more is written to `{place}`, because an earlier write failed: {why}")]
    Broken {
        /// Where.
        place: String,
        /// The earlier failure.
        why: String,
    },
}
