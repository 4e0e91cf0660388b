//! `assessment.json`: what an output directory holds and how far the assessment came.

use ph_base::{AssessmentId, Digest, RunId, Timestamp};
use ph_model::TargetName;
use serde::{Deserialize, Serialize};

use crate::price::BudgetUse;
use crate::run::RunStatus;

/// What an output directory holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssessmentManifest {
    /// Version of this file's shape.
    pub version: u32,
    /// The assessment.
    pub id: AssessmentId,
    /// The program with its version.
    pub program: String,
    /// The digest of the bytes of `plan.json`.
    pub plan_digest: Digest,
    /// How far it has come.
    pub status: RunStatus,
    /// The runs so far.
    pub runs: Vec<RunEntry>,
    /// How far the budget was used, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetUse>,
    /// When it was gone on with after it had been broken off, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Timestamp>,
    /// The names of the witnesses that cosigned the plan's tree head before the first run was opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cosigned_by: Vec<String>,
    /// What a report must say besides: how targets were reached, where runs come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The command line that repeats it, without secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub repeat: String,
    /// Whether somebody interrupted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

/// One run of the assessment; its files are in `runs/<run>/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: String,
    /// The target.
    pub target: TargetName,
    /// For a run of the comparator on the later rounds' items of an assessed target: that target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_of: Option<TargetName>,
    /// How it ended.
    pub status: RunStatus,
    /// Finished samples × epochs.
    pub samples: u64,
    /// Of these: samples that ended in an error.
    pub errors: u64,
}

impl AssessmentManifest {
    /// The version of the shape that this code writes.
    pub const VERSION: u32 = 1;

    /// Whether the budget ended the assessment before all samples were asked.
    #[must_use]
    pub fn is_ended_by_budget(&self) -> bool {
        self.budget.is_some_and(|budget| budget.ended_run)
    }

    /// Samples of all runs that ended in an error.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.runs.iter().map(|run| run.errors).sum()
    }
}
