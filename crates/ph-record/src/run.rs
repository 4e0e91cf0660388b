//! A run: one task on one target (`run.json`).

use ph_base::{Digest, PlanId, RunId, Timestamp};
use ph_model::{TargetName, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::limits::{LimitChange, RetryLimits, RunLimits};
use crate::origin::Origin;
use crate::plan::RunKind;
use crate::price::{BudgetUse, Price};
use crate::role::RoleUse;
use crate::sample_record::{Ending, RecordedError};
use crate::task_source::SkippedItems;
use crate::task_spec::TaskSpec;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Under way, or broken off without a word.
    Started,
    /// Every sample has a record.
    Success,
    /// Interrupted, or ended by its budget; what is recorded stands.
    Cancelled,
    /// The run itself failed, for instance because nothing could be recorded any more.
    Error,
}

/// What a run is and how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunManifest {
    /// Version of this file's shape.
    pub version: u32,
    /// The run.
    pub id: RunId,
    /// The plan under which it runs, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// The task as it ran.
    pub task: TaskSpec,
    /// The digest of the task with its items.
    pub task_digest: Digest,
    /// The target.
    pub target: TargetName,
    /// The target's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// The run's seed.
    pub seed: u64,
    /// Epochs per item.
    pub epochs: u32,
    /// The most items, where limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How it was asked for: what whoever goes on with it must know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<RunAsked>,
    /// How hard it may press its target; absent where nobody was asked, as in a run that was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RunLimits>,
    /// How that was changed while it ran, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limit_changes: Vec<LimitChange>,
    /// When a failed call was tried again; absent where that is not recorded, as in a run that was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetryLimits>,
    /// When it was gone on with after it had been cut off or interrupted, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Timestamp>,
    /// How far it has come.
    pub status: RunStatus,
    /// Finished samples × epochs.
    pub samples: u64,
    /// Finished samples by ending.
    #[serde(default)]
    pub endings: BTreeMap<String, u64>,
    /// Tokens of all calls to the target.
    #[serde(default)]
    pub usage: Usage,
    /// The calls to other models than the target, by role; `usage` does not hold them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, RoleUse>,
    /// The items left out because they cannot be read or asked, where the task skips such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkippedItems>,
    /// The price of the target's tokens; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// The prices of the tokens of models that have roles, as far as they are known, by role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub role_prices: BTreeMap<String, Price>,
    /// How far the budget was used, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetUse>,
    /// Where it comes from, where it was not run here as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Why the run failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RecordedError>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

/// How a run was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAsked {
    /// The task: a suite's name, or the path of its file.
    pub task: String,
    /// The target's address, where one was given. Credentials are no part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The targets that were given to roles, in place of those that the task names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, TargetName>,
}

impl RunManifest {
    /// The version of the shape that this code writes.
    pub const VERSION: u32 = 1;

    /// Counts one more finished sample that ended so.
    pub fn count_ending(&mut self, ending: &Ending) {
        self.samples += 1;
        *self.endings.entry(ending.name().to_owned()).or_default() += 1;
    }

    /// Whether the budget ended the run before all its samples were asked.
    #[must_use]
    pub fn is_ended_by_budget(&self) -> bool {
        self.budget.is_some_and(|budget| budget.ended_run)
    }

    /// Finished samples whose ending is an error.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.endings
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "completed" | "limit"))
            .map(|(_, count)| count)
            .sum()
    }
}
