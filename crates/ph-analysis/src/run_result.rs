//! What one run gave: its endings, its estimates, some of its transcripts.

use std::collections::BTreeMap;

use ph_base::{Digest, RunId, Timestamp};
use ph_model::{TargetName, Usage};
use ph_record::{OriginKind, RetryLimits, RoleUse, RunStatus, TargetRole};
use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::excerpt::TranscriptExcerpt;
use crate::metrics::ScoreMetrics;
use crate::treatment::TreatmentUse;

/// One task on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunResult {
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The target.
    pub target: TargetName,
    /// What the target is in the assessment.
    pub role: TargetRole,
    /// The task.
    pub task: String,
    /// How far the run came.
    pub status: RunStatus,
    /// Samples × epochs recorded.
    pub samples: u64,
    /// Samples × epochs that ended in an error.
    pub errors: u64,
    /// Samples × epochs by ending.
    pub endings: BTreeMap<String, u64>,
    /// The errors by ending and failure code.
    #[serde(default)]
    pub failures: Vec<FailureCount>,
    /// Samples × epochs by response.
    pub responses: BTreeMap<String, u64>,
    /// Tokens of all calls to the target.
    pub usage: Usage,
    /// The calls to other models than the target, by role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, RoleUse>,
    /// The target's fingerprint when the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// When the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When a failed call was tried again; absent where that is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetryLimits>,
    /// Where the run comes from, where it was not made here as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<OriginKind>,
    /// Wall-clock milliseconds, where the run ended.
    pub duration_ms: Option<u64>,
    /// The task's measures on this target; of a search the first round, where the measure counts any sample there.
    pub estimates: Vec<Estimate>,
    /// The metrics that the task names, under each of its reducers; of scores as they are, under no treatment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<ScoreMetrics>,
    /// How cheated, refused, failed and limited samples count in the estimates, and how many there are of each.
    #[serde(default)]
    pub treatment: Vec<TreatmentUse>,
    /// Some of its transcripts.
    pub transcripts: Vec<TranscriptExcerpt>,
}

/// Samples × epochs that ended in the same error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FailureCount {
    /// The ending.
    pub ending: String,
    /// The failure's stable code.
    pub code: String,
    /// How many.
    pub samples: u64,
}
