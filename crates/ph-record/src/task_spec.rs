//! The task spec: what stands in `task.toml`.

use std::collections::BTreeMap;

use ph_model::GenerateConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dataset_spec::DatasetSpec;
use crate::reducer::Reducers;

/// A task: dataset, solvers, scorers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// The task's name: lower-case letters, digits, `-`.
    pub name: String,
    /// The task's version; changes whenever a result may change.
    #[serde(default = "first_version")]
    pub version: String,
    /// One line for tables.
    #[serde(default)]
    pub title: String,
    /// What it measures and how to read it.
    #[serde(default)]
    pub description: String,
    /// The domain it belongs to: `D1` to `D5`.
    #[serde(default)]
    pub domain: Option<String>,
    /// Where the samples come from.
    pub dataset: DatasetSpec,
    /// What is done with a sample, in order.
    pub solver: Vec<SolverSpec>,
    /// How the reply is scored.
    pub scorer: Vec<ScorerSpec>,
    /// Other models that solvers and scorers ask, by role, such as `grader`. A role that a step names need not stand here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, RoleSpec>,
    /// How often each item is asked and how its scores become one.
    #[serde(default)]
    pub epochs: EpochsSpec,
    /// What is computed of every scorer's scores; `accuracy` and `stderr` where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSpec>,
    /// Settings of every call.
    #[serde(default)]
    pub config: GenerateConfig,
    /// Limits of every sample.
    #[serde(default)]
    pub limits: TaskLimits,
    /// The sandbox that its samples need, where they need one.
    #[serde(default)]
    pub sandbox: Option<String>,
    /// How the analysis reads the scores.
    #[serde(default, skip_serializing_if = "AnalysisSpec::is_empty")]
    pub analysis: AnalysisSpec,
}

fn first_version() -> String {
    "1".to_owned()
}

/// A step of the plan for a sample: its name alone, or a table with `name` and parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum SolverSpec {
    /// The name, with no parameters.
    Name(String),
    /// The name with parameters.
    Table {
        /// The name.
        name: String,
        /// Its parameters.
        #[serde(flatten)]
        parameters: Map<String, Value>,
    },
}

/// A scorer: its name alone, or a table with `name` and parameters.
pub type ScorerSpec = SolverSpec;

impl SolverSpec {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            SolverSpec::Name(name) | SolverSpec::Table { name, .. } => name,
        }
    }

    /// The parameters; empty where only the name is given.
    #[must_use]
    pub fn parameters(&self) -> Map<String, Value> {
        match self {
            SolverSpec::Name(_) => Map::new(),
            SolverSpec::Table { parameters, .. } => parameters.clone(),
        }
    }

    /// The name under which a scorer's scores stand: its parameter `label`, else its own name.
    #[must_use]
    pub fn label(&self) -> String {
        let label = match self {
            SolverSpec::Table { parameters, .. } => parameters.get("label").and_then(Value::as_str),
            SolverSpec::Name(_) => None,
        };
        label.unwrap_or(self.name()).to_owned()
    }
}

/// A model that steps ask besides the target.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSpec {
    /// The target that has the role where the command line names none, for instance `openai/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What the role is for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Settings of its calls.
    #[serde(default)]
    pub config: GenerateConfig,
}

/// A number computed of a scorer's scores over the items: its name alone, or a table with `name` and parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum MetricSpec {
    /// The metric over all items.
    Name(MetricName),
    /// The metric with parameters.
    Table(MetricTable),
}

/// The metrics that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// The mean of the items' scores; `C` is 1, `P` 0.5, `I` and `N` 0.
    Accuracy,
    /// The same, for scores that are no shares.
    Mean,
    /// The standard deviation of the items' scores.
    Std,
    /// The standard error of their mean, by the items' clusters.
    Stderr,
}

impl std::fmt::Display for MetricName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            MetricName::Accuracy => "accuracy",
            MetricName::Mean => "mean",
            MetricName::Std => "std",
            MetricName::Stderr => "stderr",
        })
    }
}

/// A metric with parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricTable {
    /// The metric.
    pub name: MetricName,
    /// The metadata field by whose values it is computed apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// What the value over all groups weighs alike: `samples` (the metric of all items) or `groups` (the mean of the groups' values).
    #[serde(default)]
    pub all: GroupWeight,
    /// For `stderr`: the metadata field that names the items which belong together, in place of `cluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// What weighs alike in the value over all groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupWeight {
    /// Every item.
    #[default]
    Samples,
    /// Every group.
    Groups,
}

impl MetricSpec {
    /// The metric with its parameters.
    #[must_use]
    pub fn table(&self) -> MetricTable {
        match self {
            MetricSpec::Name(name) => {
                MetricTable { name: *name, group_by: None, all: GroupWeight::Samples, cluster: None }
            }
            MetricSpec::Table(table) => table.clone(),
        }
    }
}

/// How often each item is asked, and how the scores of its epochs become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochsSpec {
    /// How often (at least 1).
    #[serde(default = "one")]
    pub count: u32,
    /// How the scores become one: a reducer, or a list of them, of which the first makes the task's numbers.
    #[serde(default)]
    pub reducer: Reducers,
}

fn one() -> u32 {
    1
}

impl Default for EpochsSpec {
    fn default() -> Self {
        Self { count: 1, reducer: Reducers::default() }
    }
}

/// Limits of one sample; absent = none but the target's own.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskLimits {
    /// The most messages in the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u32>,
    /// The most tokens of all calls together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The most wall-clock seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_seconds: Option<f64>,
}

/// How the analysis reads a task's scores. Without measures the mean of every scorer's score is printed and nothing compared.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisSpec {
    /// What is estimated and compared.
    #[serde(default)]
    pub measures: Vec<MeasureSpec>,
    /// The metadata field by whose values the table is broken down, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
}

impl AnalysisSpec {
    fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// One rate or mean, estimated per target and, where `compared`, tested against the comparator on the same items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureSpec {
    /// Unique in the task; lower-case letters, digits, `-`.
    pub id: String,
    /// What is measured, in words, for instance `refuses forbidden requests`.
    pub title: String,
    /// The scorer whose score is read.
    pub score: String,
    /// Metadata values that an item must have to count here.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub only: Map<String, Value>,
    /// Which direction of difference from the comparator is a fault.
    pub fault: FaultDirection,
    /// Whether it is tested against the comparator.
    #[serde(default = "yes")]
    pub compared: bool,
    /// For a search: the metadata field that names the candidate. Without a finding the report then says
    /// "none in the searched grammar", with the number of candidates and the bound. A sample that tries several
    /// candidates at once names them in the field of the same name with an `s`, as a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<String>,
    /// For a search: the target's own samples that ask the same without the candidate. A finding must differ from
    /// these too, else the behaviour is not tied to the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineSpec>,
    /// For a search: what its rule promises. The generator that searches fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchSpec>,
}

/// Which of the target's own samples ask the same as a search's without the candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineSpec {
    /// Metadata values that tell them from the measure's samples; they stand in place of those of the measure's `only`.
    pub only: Map<String, Value>,
    /// The metadata field whose value a sample with the candidate shares with its counterpart without it.
    pub pair: String,
}

/// How surely a search takes a candidate that works to its last, tested round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchSpec {
    /// Candidates of the whole grammar.
    pub candidates: u64,
    /// Probability that a candidate which works on half of all prompts is retested, where each was looked at once.
    pub half_retested_once: f64,
    /// The same where each was looked at a second time.
    pub half_retested_twice: f64,
}

fn yes() -> bool {
    true
}

/// Which direction of difference from the comparator is a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultDirection {
    /// A higher value than the comparator's.
    Higher,
    /// A lower value than the comparator's.
    Lower,
}
