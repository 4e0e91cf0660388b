//! The samples of a run, as the root of the tree over them ([`crate::sample_set`]). Subject: `samples`, whose digest is the root.

use ph_base::RunId;
use serde::{Deserialize, Serialize};

use super::Predicate;

/// The name of the subject.
pub const SUBJECT: &str = "samples";

/// What a statement on a run's samples says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesPredicate {
    /// The run.
    pub run: RunId,
    /// How many leaves the tree has.
    pub size: u64,
}

impl Predicate for SamplesPredicate {
    const TYPE: &'static str = "urn:proofhouse:samples:v1";
}
