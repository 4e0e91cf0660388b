//! The report and everything that it stands on, part by part, each as a salted commitment: what an edition withholds stays
//! provably of the same record. Subject: `parts`, the digest of the canonical JSON of the list.

use ph_base::{AssessmentId, Digest};
use serde::{Deserialize, Serialize};

use super::Predicate;
use crate::canonical_json::{CanonicalJsonError, to_canonical_exact};
use crate::commitment::{Commitment, CommitmentError, Salt, commit_to_digest};

/// The name of the subject.
pub const SUBJECT: &str = "parts";

/// What a statement on an edition says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditionPredicate {
    /// The assessment.
    pub assessment: AssessmentId,
    /// 1 for the first, one more for each that follows on the same record.
    pub number: u64,
    /// The parts, sorted by name, each name once.
    pub parts: Vec<PartCommitment>,
}

/// A part that the statement covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartCommitment {
    /// [`commit_part`] of its content.
    pub commitment: Commitment,
    /// Its name: its path in the output directory.
    pub name: String,
}

impl Predicate for EditionPredicate {
    const TYPE: &'static str = "urn:proofhouse:edition:v1";
}

impl EditionPredicate {
    /// The digest of the list of parts.
    ///
    /// # Errors
    /// [`CanonicalJsonError`]; a list of text has none.
    pub fn parts_digest(&self) -> Result<Digest, CanonicalJsonError> {
        Ok(Digest::of(&to_canonical_exact(&self.parts)?))
    }

    /// Whether the parts are sorted by name and none is there twice.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        self.parts.is_sorted_by(|one, next| one.name < next.name)
    }
}

/// The commitment to a part's content, of which the digest is given.
///
/// # Errors
/// [`CommitmentError`]; the purpose is one that is allowed.
pub fn commit_part(salt: &Salt, content: &Digest) -> Result<Commitment, CommitmentError> {
    commit_to_digest("part", salt, content.bytes())
}
