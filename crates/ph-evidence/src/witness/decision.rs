//! What a witness may answer (c2sp.org/tlog-witness, "add-checkpoint"): bytes and what is known in, grant or refusal out. No
//! files, no time, no keys of its own.
//!
//! The checks go in the order of the specification: the form of the request (400), the log (404), its signature (403), the old
//! size (400), the size that was cosigned last (409), the proof and the root (422).

use ph_base::Digest;
use ph_proof::merkle::{ProofError, empty_root, verify_consistency};
use ph_proof::note::add_checkpoint::AddCheckpointError;
use ph_proof::note::{AddCheckpoint, NoteError, NoteSignature, NoteVerifier, SignedNote, TreeHead, TreeHeadError};

use super::config::AcceptedLogs;
use super::state::{LatestHead, StateError};

/// Why a head is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A body that has not the form of the protocol.
    #[error("the request is malformed")]
    Malformed(#[from] AddCheckpointError),
    /// A note that is no tree head.
    #[error("the note is not a tree head")]
    TreeHead(#[from] TreeHeadError),
    /// A log that this witness does not accept.
    #[error("the log is not known here")]
    UnknownLog,
    /// No signature by a key of the log, or a wrong one.
    #[error("the tree head is not signed by a known key of the log")]
    Signature(#[source] NoteError),
    /// A proof from a larger tree.
    #[error("the old size {old_size} is larger than the tree head's {size}")]
    OldSize {
        /// What the request says.
        old_size: u64,
        /// The head's size.
        size: u64,
    },
    /// The request's old size is not the one that was cosigned last.
    #[error("the size that was cosigned last is {latest}")]
    Stale {
        /// That size; 0 where nothing was cosigned.
        latest: u64,
    },
    /// A proof that does not hold, or another root of the tree that was cosigned.
    #[error("the consistency proof does not hold")]
    Proof(#[from] ProofError),
    /// What was cosigned cannot be read or kept: nothing is cosigned then.
    #[error("the witness cannot read or keep its state")]
    State(#[from] StateError),
    /// The clock is before 1970, or the cosignature cannot be made for another reason.
    #[error("the witness cannot cosign now")]
    Cosign,
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::TreeHead(_) | Self::OldSize { .. } => 400,
            Self::Signature(_) => 403,
            Self::UnknownLog => 404,
            Self::Stale { .. } => 409,
            Self::Proof(_) => 422,
            Self::State(_) | Self::Cosign => 500,
        }
    }
}

/// A request about a known log, signed by it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The head.
    pub head: TreeHead,
    /// The note with the log's signatures alone: those by others prove nothing and are not kept.
    pub note: SignedNote,
    /// The log's key that signed, under the name of the origin.
    pub key: NoteVerifier,
    old_size: u64,
    proof: Vec<Digest>,
}

impl Submission {
    /// Reads a request's body: whatever can be told without knowing what was cosigned before.
    ///
    /// # Errors
    /// A [`Refusal`] of status 400, 403 or 404.
    pub fn read(body: &[u8], logs: &AcceptedLogs) -> Result<Self, Refusal> {
        let AddCheckpoint { old_size, proof, note } = AddCheckpoint::parse(body)?;
        let head = TreeHead::parse(note.unverified_text())?;
        let keys = logs.keys_of(head.origin());
        if keys.is_empty() {
            return Err(Refusal::UnknownLog);
        }
        let verified = note.verify(&keys).map_err(Refusal::Signature)?;
        let unsigned = || Refusal::Signature(NoteError::Unsigned);
        let key = verified.signatures.first().map(|signature| signature.verifier.clone()).ok_or_else(unsigned)?;
        if old_size > head.size() {
            return Err(Refusal::OldSize { old_size, size: head.size() });
        }
        let note = signed_by_log_alone(&note, &keys)?;
        let proof = proof.into_iter().map(Digest::from_bytes).collect();
        Ok(Self { head, note, key, old_size, proof })
    }

    /// Whether the head continues the one that was cosigned last.
    ///
    /// # Errors
    /// A [`Refusal`] of status 409 or 422.
    pub fn judge(&self, latest: Option<&LatestHead>) -> Result<(), Refusal> {
        let (size, root) = latest.map_or_else(|| (0, empty_root()), |latest| (latest.size, latest.root));
        if self.old_size != size {
            return Err(Refusal::Stale { latest: size });
        }
        let new_root = Digest::from_bytes(*self.head.root());
        verify_consistency(size, root, self.head.size(), new_root, &self.proof)?;
        Ok(())
    }

    /// Whether the log has signed two trees of one size, whatever else the request says.
    #[must_use]
    pub fn contradicts(&self, latest: &LatestHead) -> bool {
        self.head.size() == latest.size && self.head.root() != latest.root.bytes()
    }
}

fn signed_by_log_alone(note: &SignedNote, keys: &[NoteVerifier]) -> Result<SignedNote, Refusal> {
    let by_log = |line: &&NoteSignature| keys.iter().any(|key| key.is_named_by(line));
    let signatures = note.signatures().iter().filter(by_log).cloned().collect();
    SignedNote::of(note.unverified_text(), signatures).map_err(Refusal::Signature)
}
