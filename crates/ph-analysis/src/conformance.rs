//! What a target's endpoint does with the simplest requests, before anything is measured: `model check` and the first
//! step of an assessment. `ph-assess` makes it, `ph-report` prints it; nothing here asks or judges a model.

use ph_base::{Digest, Money, Timestamp};
use ph_model::TargetName;
use ph_record::RecordedError;
use serde::{Deserialize, Serialize};

/// What was seen of one target (`conformance.json`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Conformance {
    /// Version of this shape.
    pub version: u32,
    /// The program with its version.
    pub program: String,
    /// The target.
    pub target: TargetName,
    /// When the first call was made.
    pub started_at: Timestamp,
    /// When the last reply was there.
    pub completed_at: Timestamp,
    /// Whether the short form was asked for.
    pub quick: bool,
    /// Why nothing can be run on the target: it was not reached, or it refuses the credential. The checks that need it
    /// are then not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<RecordedError>,
    /// The model as the target names itself in its replies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_model: Option<String>,
    /// The fingerprint that the target declares; of an in-process model the digest of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_fingerprint: Option<Digest>,
    /// The digest of its answers to fixed prompts; two that differ show drift, two that agree do not show the same weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers_fingerprint: Option<Digest>,
    /// The checks, in the order in which they were made.
    pub checks: Vec<ConformanceCheck>,
    /// Tokens of all calls, as far as the target says.
    pub tokens: u64,
    /// What all calls cost, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// Every call that was made.
    pub calls: Vec<CheckedCall>,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ConformanceCheck {
    /// The check's id, stable: lower-case letters, digits, `-`.
    pub id: String,
    /// One line.
    pub title: String,
    /// What it is about.
    pub area: CheckArea,
    /// How it came out.
    pub status: CheckStatus,
    /// What was asked.
    pub asked: String,
    /// What came; for one that was not made, why. May quote the model: hostile text.
    pub came: String,
    /// What that means for the assessment.
    pub meaning: String,
    /// Calls made for it.
    pub calls: u32,
    /// Tokens of these calls, as far as the target says.
    pub tokens: u64,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckArea {
    /// The endpoint: what it does with requests, whichever model is behind it.
    Mechanics,
    /// The model: whether it can do a small known thing. A weak model fails some of these; nothing is blocked by it.
    Canary,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// As it should.
    Passed,
    /// Not as it should.
    Failed,
    /// It could not be told, or was not tried; `came` says why.
    NotChecked,
}

/// One call of a check: digests instead of the exchange itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckedCall {
    /// The check for which it was made.
    pub check: String,
    /// The request's digest: of the bytes sent where there were any, else of the request as JSON.
    pub request: Digest,
    /// The reply's digest, likewise; absent where none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Digest>,
    /// When it began.
    pub started_at: Timestamp,
    /// Milliseconds until the whole reply was there.
    pub latency_ms: u64,
    /// Input and output tokens, where the target says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RecordedError>,
}

impl Conformance {
    /// The version of the shape that this code writes.
    pub const VERSION: u32 = 1;

    /// How many checks came out so.
    #[must_use]
    pub fn count(&self, status: CheckStatus) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// The check of this id.
    #[must_use]
    pub fn check(&self, id: &str) -> Option<&ConformanceCheck> {
        self.checks.iter().find(|check| check.id == id)
    }
}

impl CheckStatus {
    /// The status as tables print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CheckStatus::Passed => "passed",
            CheckStatus::Failed => "FAILED",
            CheckStatus::NotChecked => "not checked",
        }
    }
}
