//! An entry of a ledger: its leaf, which anybody with the log's credential may read and which says nothing by itself, and its
//! body, which holds the event and the salt of the commitment in the leaf.

use serde::{Deserialize, Serialize};

use crate::canonical_json::{CanonicalJsonError, parse_canonical_exact, to_canonical_exact};
use crate::commitment::{Commitment, Salt, commit};
use crate::event::{EventError, LedgerEvent};

/// The first byte of a leaf of this version.
pub const LEAF_VERSION: u8 = 1;
/// Bytes of a leaf.
pub const LEAF_BYTES: usize = 33;

/// The purpose of a leaf's commitment.
const PURPOSE: &str = "entry";

/// An entry whose body is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEntry {
    /// Its place in the ledger, from 0.
    pub index: u64,
    /// The salt of its commitment.
    pub salt: Salt,
    /// What it says.
    pub event: LedgerEvent,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    event: serde_json::Value,
    index: u64,
    salt: Salt,
}

/// A body, or an opened entry, cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not canonical JSON of an opened entry's shape.
    #[error("the entry is not canonical JSON of the right shape")]
    Json(#[from] CanonicalJsonError),
    /// The event in it.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A body that is shorter than its salt.
    #[error("the body has {0} bytes, which is too short for one")]
    Short(usize),
    /// The body is not what the leaf commits to.
    #[error("the leaf does not commit to this body")]
    OtherBody,
}

/// The leaf of an event.
#[must_use]
pub fn leaf(salt: &Salt, event: &[u8]) -> [u8; LEAF_BYTES] {
    let mut leaf = [LEAF_VERSION; LEAF_BYTES];
    // The purpose is one that is allowed; were it not, the leaf would open for nothing.
    let commitment = commit(PURPOSE, salt, event).unwrap_or(Commitment([0; 32]));
    leaf[1..].copy_from_slice(&commitment.0);
    leaf
}

/// The body of an entry: salt and event.
#[must_use]
pub fn body(salt: &Salt, event: &[u8]) -> Vec<u8> {
    [&salt.0[..], event].concat()
}

impl OpenEntry {
    /// Reads a body and holds it against its leaf.
    ///
    /// # Errors
    /// [`EntryError`] where it is not what the leaf commits to, or not an event.
    pub fn of_body(index: u64, body: &[u8], committed: &[u8]) -> Result<Self, EntryError> {
        let (salt, event) = body.split_first_chunk::<32>().ok_or(EntryError::Short(body.len()))?;
        let salt = Salt(*salt);
        if leaf(&salt, event) != committed {
            return Err(EntryError::OtherBody);
        }
        Ok(Self { index, salt, event: LedgerEvent::parse(event)? })
    }

    /// Its leaf.
    ///
    /// # Errors
    /// [`EntryError::Event`] where the event cannot be written.
    pub fn leaf(&self) -> Result<[u8; LEAF_BYTES], EntryError> {
        Ok(leaf(&self.salt, &self.event.to_bytes()?))
    }

    /// As a bundle holds it: `{"event":…,"index":…,"salt":…}`.
    ///
    /// # Errors
    /// [`EntryError`] where the event cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let event = self.event.to_bytes()?;
        let event = serde_json::from_slice(&event).map_err(CanonicalJsonError::Read)?;
        Ok(to_canonical_exact(&Wire { event, index: self.index, salt: self.salt })?)
    }

    /// Reads it as a bundle holds it.
    ///
    /// # Errors
    /// [`EntryError`] where it is another form, or its event is none that this program reads.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let wire: Wire = parse_canonical_exact(bytes)?;
        let event = LedgerEvent::parse(&to_canonical_exact(&wire.event)?)?;
        Ok(Self { index: wire.index, salt: wire.salt, event })
    }
}
