//! The seal of a bundle. Subjects: every other member of it.

use ph_base::Digest;
use serde::{Deserialize, Serialize};

use super::Predicate;

/// What the seal of a bundle says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealPredicate {
    /// The ledger's origin.
    pub origin: String,
    /// The root of the last tree head in the bundle.
    pub root: Digest,
    /// Its size.
    pub size: u64,
}

impl Predicate for SealPredicate {
    const TYPE: &'static str = "urn:proofhouse:seal:v1";
}
