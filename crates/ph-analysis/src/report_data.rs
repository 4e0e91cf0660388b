//! The data of a report (`report.json`): everything that its pages print, in a fixed order.
//!
//! Values that could not be made are `null`, never NaN. Rates are proportions (0.1 = 10 points), times milliseconds
//! since 1970 in UTC.

use ph_base::{AssessmentId, Digest, PlanId, Timestamp};
use ph_model::{GenerateConfig, TargetName};
use ph_record::{
    DatasetSpec, FaultDirection, Reducer, RunKind, ScorerSpec, SolverSpec, Statement, TargetRole, TaskLimits,
};
use serde::{Deserialize, Serialize};

use crate::comparison::Comparison;
use crate::conformance::Conformance;
use crate::cost::Costs;
use crate::problem::Problem;
use crate::run_result::RunResult;
use crate::search::SearchSummary;
use crate::treatment::TreatmentUse;

/// The data of one report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReportData {
    /// Version of this file's shape.
    pub version: u32,
    /// The assessment.
    #[schemars(with = "String")]
    pub assessment: AssessmentId,
    /// The program with its version.
    pub program: String,
    /// When the assessment began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// What did not go as it should; printed first.
    pub problems: Vec<Problem>,
    /// Where the run departs from the locked plan, in words.
    pub deviations: Vec<String>,
    /// The plan.
    pub plan: PlanSummary,
    /// What those who ran it state of themselves and of the access they were given; absent where the plan states nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
    /// The targets, in the plan's order.
    pub targets: Vec<TargetSummary>,
    /// The tasks, in the plan's order.
    pub tasks: Vec<TaskSummary>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What was looked for and not found, with its bound.
    pub negatives: Vec<Negative>,
    /// What can be said without a comparator.
    pub absolutes: Vec<Absolute>,
    /// Every comparison, by task, measure, target and candidate.
    pub comparisons: Vec<Comparison>,
    /// Every search, by task, measure and target.
    pub searches: Vec<SearchSummary>,
    /// Every run, by task and target.
    pub results: Vec<RunResult>,
    /// The comparator's further runs, on the items that assessed targets' own later rounds asked.
    #[serde(default)]
    pub companions: Vec<CompanionResult>,
    /// What was seen when the targets' endpoints were checked before anything was run; by target. Not made from records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conformance: Option<Vec<Conformance>>,
    /// What it cost; absent where every target ran in-process and nothing has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// How cheated, refused, failed and limited samples count in every table, and how many there are of each over all
    /// runs but the comparator's further ones.
    #[serde(default)]
    pub treatment: Vec<TreatmentUse>,
    /// The command line that repeats the assessment.
    pub repeat: String,
    /// What this report does not show.
    pub limits: Vec<String>,
}

impl ReportData {
    /// The version of the shape that this code writes.
    pub const VERSION: u32 = 1;

    /// The comparator's name, where there is one.
    #[must_use]
    pub fn comparator(&self) -> Option<&TargetName> {
        self.targets.iter().find(|target| target.role == TargetRole::Comparator).map(|target| &target.name)
    }

    /// Every run with what the comparator was asked for the sake of another target.
    pub fn runs(&self) -> impl Iterator<Item = &RunResult> {
        self.results.iter().chain(self.companions.iter().map(|companion| &companion.result))
    }

    /// Samples × epochs that ended in an error, over all runs.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.runs().map(|result| result.errors).sum()
    }

    /// Samples × epochs recorded, over all runs.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.runs().map(|result| result.samples).sum()
    }
}

/// A run of the comparator on the items that an assessed target's own later rounds asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CompanionResult {
    /// The assessed target whose items these are.
    pub items_of: TargetName,
    /// What the run gave.
    pub result: RunResult,
}

/// The locked plan, as far as a reader needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlanSummary {
    /// The plan.
    #[schemars(with = "String")]
    pub id: PlanId,
    /// The digest of the bytes of `plan.json`.
    pub digest: Digest,
    /// When it was locked.
    pub created_at: Timestamp,
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// Seed of items and sampling.
    pub seed: u64,
    /// The most items per task, where limited.
    pub limit: Option<u64>,
    /// Error rate of all tests together.
    pub alpha: f64,
    /// A difference counts as a finding only beyond this.
    pub margin: f64,
    /// How the p-values are adjusted; the intervals hold all together.
    pub correction: String,
    /// What is compared, in words.
    pub comparison: String,
}

/// A target of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TargetSummary {
    /// Its name.
    pub name: TargetName,
    /// What it is here.
    pub role: TargetRole,
    /// Its fingerprint when the plan was made.
    pub fingerprint: Option<Digest>,
}

/// A task of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskSummary {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line.
    pub title: String,
    /// What it measures and how to read it.
    pub description: String,
    /// The domain it belongs to.
    pub domain: Option<String>,
    /// The digest of task and items.
    pub digest: Digest,
    /// Items planned at least.
    pub samples: u64,
    /// Epochs per item.
    pub epochs: u32,
    /// The field by which its tables are broken down.
    pub group_by: Option<String>,
    /// Its measures.
    pub measures: Vec<MeasureSummary>,
    /// What was done with every sample; absent where the task did not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harness: Option<HarnessSummary>,
    /// What must be kept in mind when its numbers are read; names stand in back-ticks.
    #[serde(default)]
    pub caveats: Vec<String>,
}

/// What was done with every sample of a task: the harness disclosure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HarnessSummary {
    /// Where the items come from.
    pub dataset: DatasetSpec,
    /// The solvers, in order.
    pub solver: Vec<SolverSpec>,
    /// The scorers.
    pub scorer: Vec<ScorerSpec>,
    /// How the scores of an item's epochs become one.
    pub reducer: Reducer,
    /// The task's own settings of every call; what is absent is left to the target.
    pub config: GenerateConfig,
    /// Limits of every sample.
    pub limits: TaskLimits,
    /// The sandbox that the samples need, where they need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
}

/// A measure of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MeasureSummary {
    /// Unique in the task.
    pub id: String,
    /// In words.
    pub title: String,
    /// The scorer whose score is read.
    pub score: String,
    /// Which direction of difference is a fault.
    pub fault: Option<FaultDirection>,
    /// Whether it is tested against the comparator.
    pub compared: bool,
    /// The metadata field that names a search's candidate.
    pub searched: Option<String>,
}

/// Something found: a difference to the comparator wholly beyond the margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// The target.
    pub target: TargetName,
    /// The task.
    pub task: String,
    /// The measure.
    pub measure: String,
    /// For a search the candidate.
    pub candidate: Option<String>,
    /// The finding in words, with its numbers; names stand in back-ticks.
    pub sentence: String,
}

/// Something looked for and not found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Negative {
    /// The target.
    pub target: TargetName,
    /// The task.
    pub task: String,
    /// The measure.
    pub measure: String,
    /// In words, with its bound and with what it does not exclude.
    pub sentence: String,
}

/// What can be said of a target without a comparator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Absolute {
    /// The target.
    pub target: TargetName,
    /// The task.
    pub task: String,
    /// The measure.
    pub measure: String,
    /// In words, with its bound.
    pub sentence: String,
}
