//! One key of a ledger follows another. Subjects: `old` and `new`, the digests of the raw public keys; signed by both.

use serde::{Deserialize, Serialize};

use super::Predicate;

/// The name of the subject that is the key so far.
pub const OLD: &str = "old";
/// The name of the subject that is the key from here on.
pub const NEW: &str = "new";

/// What a statement on a rotation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationPredicate {
    /// The ledger's origin.
    pub origin: String,
    /// The size of the last tree head that the old key signed.
    pub size: u64,
}

impl Predicate for RotationPredicate {
    const TYPE: &'static str = "urn:proofhouse:rotation:v1";
}
