//! The tree over a run's samples: one entry of a ledger stands for a million of them, and any one can still be proved.
//!
//! A leaf is `0x02` and the salted commitment to a sample's bytes as its log file holds them, compressed; salts follow from one
//! key per run, so that one sample's proof opens no other.

use ph_base::Digest;

use crate::commitment::{Commitment, Salt, SaltKey, commit_to_digest};
use crate::merkle::{Frontier, leaf_hash};

/// The first byte of a sample's leaf.
const LEAF_VERSION: u8 = 2;
const PURPOSE: &str = "sample";

/// The leaf hash of a sample, of which the digest of its bytes is given.
#[must_use]
pub fn sample_leaf_hash(salt: &Salt, sample: &Digest) -> Digest {
    // The purpose is one that is allowed.
    let commitment = commit_to_digest(PURPOSE, salt, sample.bytes()).unwrap_or(Commitment([0; 32]));
    let mut leaf = [LEAF_VERSION; 33];
    leaf[1..].copy_from_slice(&commitment.0);
    leaf_hash(&leaf)
}

/// Collects a run's samples in the order of its log files, in memory that does not grow with them.
pub struct SampleSet {
    key: SaltKey,
    frontier: Frontier,
}

impl SampleSet {
    /// Of no samples yet.
    #[must_use]
    pub fn new(key: SaltKey) -> Self {
        Self { key, frontier: Frontier::new() }
    }

    /// Takes the next sample; returns its leaf hash.
    pub fn push(&mut self, sample: &Digest) -> Digest {
        let hash = sample_leaf_hash(&self.key.salt_of(self.frontier.size()), sample);
        self.frontier.append(hash);
        hash
    }

    /// How many there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.frontier.root()
    }
}
