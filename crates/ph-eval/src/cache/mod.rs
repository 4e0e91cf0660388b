//! The response cache: replies of targets on disk, to be served again to the same request.
//!
//! A reply is kept under the digest of everything that it depends on: the target (its fingerprint, or its name and
//! address), the whole request (messages, tools, settings with the seed) and the sample's epoch, so that epochs stay
//! independent draws. What failed is never kept. Nothing expires by itself: whoever wants fresh replies prunes, or asks
//! with another seed. [`CachedModel`] stands before a target; [`ResponseCache`] is the directory.

mod cached_model;
mod directory;
mod entry;
mod key;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ph_base::{Clock, Digest};
use serde::Serialize;

pub use self::cached_model::CachedModel;
pub use self::directory::{CacheError, Prune, Pruned, StoredReply};
pub use self::entry::CachedReply;
pub use self::key::cache_key;

use self::directory::{Directory, Found};

/// Notes that are kept; the rest is counted.
const NOTES_MAX: usize = 8;

/// What a cache is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// Nothing.
    #[default]
    Off,
    /// Replies are served from it, none is added.
    Read,
    /// Replies are added to it, none is served.
    Write,
    /// Both.
    #[serde(rename = "rw")]
    ReadWrite,
}

impl CacheMode {
    /// Whether replies are served.
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, CacheMode::Read | CacheMode::ReadWrite)
    }

    /// Whether replies are added.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, CacheMode::Write | CacheMode::ReadWrite)
    }
}

impl std::str::FromStr for CacheMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(CacheMode::Off),
            "read" => Ok(CacheMode::Read),
            "write" => Ok(CacheMode::Write),
            "rw" => Ok(CacheMode::ReadWrite),
            _ => Err("is not `off`, `read`, `write` or `rw`".to_owned()),
        }
    }
}

/// What a cache did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CacheCounts {
    /// Calls answered from it.
    pub hits: u64,
    /// Calls that it had no reply to.
    pub misses: u64,
    /// Replies added.
    pub stored: u64,
    /// Entries found damaged; each was a miss.
    pub damaged: u64,
    /// Entries taken away to make room.
    pub evicted: u64,
    /// Replies that could not be added.
    pub failed: u64,
}

/// Replies on disk. Several processes may use the same directory at once.
pub struct ResponseCache {
    directory: Directory,
    clock: Arc<dyn Clock>,
    counts: [AtomicU64; 6],
    notes: Mutex<Vec<String>>,
}

/// The places of the counts.
#[derive(Clone, Copy)]
enum Count {
    Hits,
    Misses,
    Stored,
    Damaged,
    Evicted,
    Failed,
}

impl ResponseCache {
    /// The cache in this directory, which is made where it does not exist, readable by its owner alone. Beyond
    /// `bytes_max` the replies not used for longest are taken away.
    ///
    /// # Errors
    /// [`CacheError`] where the directory cannot be made.
    pub fn open(path: &std::path::Path, bytes_max: u64, clock: Arc<dyn Clock>) -> Result<Self, CacheError> {
        let directory = Directory::open(path, bytes_max)?;
        Ok(Self { directory, clock, counts: Default::default(), notes: Mutex::default() })
    }

    /// The reply under this key, where there is a whole one; it then counts as used now.
    #[must_use]
    pub fn get(&self, key: &Digest) -> Option<CachedReply> {
        match self.directory.read(key, self.clock.now()) {
            Found::Reply(reply) => {
                self.count(Count::Hits, 1);
                return Some(*reply);
            }
            Found::Nothing => {}
            Found::Damaged(problem) => {
                self.count(Count::Damaged, 1);
                self.note(problem);
            }
        }
        self.count(Count::Misses, 1);
        None
    }

    /// Keeps a reply under this key, in the place of an earlier one. A reply that cannot be kept is counted and noted; the
    /// work goes on without it.
    pub fn put(&self, key: &Digest, reply: &CachedReply) {
        match self.directory.write(key, reply, self.clock.now()) {
            Ok(evicted) => {
                self.count(Count::Stored, 1);
                self.count(Count::Evicted, evicted);
            }
            Err(error) => {
                self.count(Count::Failed, 1);
                self.note(format!("a reply could not be kept: {error}"));
            }
        }
    }

    /// Every entry, in no particular order; damaged ones with what is wrong.
    ///
    /// # Errors
    /// [`CacheError`] where the directory cannot be listed.
    pub fn entries(&self) -> Result<impl Iterator<Item = StoredReply>, CacheError> {
        self.directory.entries()
    }

    /// Takes entries away.
    ///
    /// # Errors
    /// [`CacheError`] where the directory cannot be listed or an entry cannot be taken away.
    pub fn prune(&self, what: &Prune) -> Result<Pruned, CacheError> {
        self.directory.prune(what, self.clock.now())
    }

    /// What it did so far.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        let of = |count: Count| self.counts[count as usize].load(Ordering::Relaxed);
        CacheCounts {
            hits: of(Count::Hits),
            misses: of(Count::Misses),
            stored: of(Count::Stored),
            damaged: of(Count::Damaged),
            evicted: of(Count::Evicted),
            failed: of(Count::Failed),
        }
    }

    /// What somebody should be told: damaged entries, replies that could not be kept; the first of them.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, count: Count, by: u64) {
        self.counts[count as usize].fetch_add(by, Ordering::Relaxed);
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < NOTES_MAX {
            notes.push(note);
        }
    }
}
