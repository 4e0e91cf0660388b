//! The plan that was locked before the first call. Subject: `plan.json`.

use ph_base::{Digest, PlanId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Predicate;
use super::run::RunKind;

/// What a statement on a plan says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPredicate {
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// When it was locked.
    pub locked_at: Timestamp,
    /// The plan.
    pub plan: PlanId,
    /// Seed of items and sampling, in decimal.
    pub seed: String,
    /// The fingerprints of the targets, in the plan's order; none where a target has none.
    pub targets: Vec<Option<Digest>>,
    /// The tasks, in the plan's order.
    pub tasks: Vec<PlanTask>,
}

/// A task of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanTask {
    /// The digest of task and items.
    pub digest: Digest,
    /// Epochs per item.
    pub epochs: u32,
    /// Items planned at least.
    pub samples: u64,
}

impl Predicate for PlanPredicate {
    const TYPE: &'static str = "urn:proofhouse:plan:v1";
}
