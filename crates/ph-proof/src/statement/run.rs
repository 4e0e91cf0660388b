//! A run that has ended. Subjects: its `run.json` and log files.

use ph_base::{Digest, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Predicate;

/// Whether a run explores or confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Looks around; its numbers test nothing.
    Exploratory,
    /// Tests what its plan names, and only that.
    Confirmatory,
}

/// What a statement on a run says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunPredicate {
    /// When it ended, where it says.
    pub completed_at: Option<Timestamp>,
    /// Finished samples whose ending is an error.
    pub errors: u64,
    /// The target's fingerprint, where it has one.
    pub fingerprint: Option<Digest>,
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// The digest of `plan.json`, where it runs under a plan.
    pub plan: Option<Digest>,
    /// The run.
    pub run: RunId,
    /// Finished samples × epochs.
    pub samples: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// How far it came: `success`, `cancelled` or `error`.
    pub status: String,
    /// The digest of task and items.
    pub task: Digest,
}

impl Predicate for RunPredicate {
    const TYPE: &'static str = "urn:proofhouse:run:v1";
}
