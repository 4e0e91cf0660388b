//! What one sample left behind: independent fields that are never merged (DESIGN §6).
//!
//! How it *ended*, what was *scored*, how the target *responded* and how people or reviewers *labelled* it are four
//! different things. A label never erases a score; a grader that crashes is never the model's failure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use ph_base::{Digest, Money, RunId, Timestamp};
use ph_model::{Message, ModelOutput, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::event::Event;
use crate::role::{RoleUse, add_role_use};
use crate::sample::{Expected, SampleInput, cluster};
use crate::score::Score;

/// The id of a sample's attempt: the digest of run, task, item, epoch and attempt, so that whoever knows these knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SampleId(Digest);

impl SampleId {
    /// The id of attempt `attempt` (from 1) at epoch `epoch` (from 1) of item `sample`.
    #[must_use]
    pub fn of(run: &RunId, task: &str, sample: &str, (epoch, attempt): (u32, u32)) -> Self {
        let run = run.to_string();
        Self(Digest::of_parts([
            run.as_bytes(),
            task.as_bytes(),
            sample.as_bytes(),
            &epoch.to_le_bytes(),
            &attempt.to_le_bytes(),
        ]))
    }
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A sample's seed: derived from the run's seed, the task, the item and the epoch, the same for every target.
#[must_use]
pub fn sample_seed(run_seed: u64, task: &str, sample: &str, epoch: u32) -> u64 {
    Digest::of_parts([&run_seed.to_le_bytes()[..], task.as_bytes(), sample.as_bytes(), &epoch.to_le_bytes()])
        .first_u64()
}

/// How a sample ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ending {
    /// It ran to its end.
    Completed,
    /// A limit ended it; caused by the model, so it may be scored.
    Limit {
        /// Which limit.
        limit: LimitKind,
        /// The limit's value, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<f64>,
    },
    /// The model itself failed (its template, weights or arithmetic).
    ModelError(RecordedError),
    /// The provider or the way to it failed.
    ProviderError(RecordedError),
    /// The sandbox failed.
    SandboxError(RecordedError),
    /// The scorer failed.
    GraderError(RecordedError),
    /// Access was withdrawn: resumable, never scored.
    AccessCut(RecordedError),
}

impl Ending {
    /// The name of the ending by access that was cut: such a sample is never scored.
    pub const ACCESS_CUT: &str = "access cut";

    /// The ending's name as tables print it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Ending::Completed => "completed",
            Ending::Limit { .. } => "limit",
            Ending::ModelError(_) => "model error",
            Ending::ProviderError(_) => "provider error",
            Ending::SandboxError(_) => "sandbox error",
            Ending::GraderError(_) => "grader error",
            Ending::AccessCut(_) => Self::ACCESS_CUT,
        }
    }

    /// What failed, where something did.
    #[must_use]
    pub fn error(&self) -> Option<&RecordedError> {
        match self {
            Ending::Completed | Ending::Limit { .. } => None,
            Ending::ModelError(error)
            | Ending::ProviderError(error)
            | Ending::SandboxError(error)
            | Ending::GraderError(error)
            | Ending::AccessCut(error) => Some(error),
        }
    }
}

/// Which limit ended a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The model's context is full.
    Context,
    /// Wall-clock time.
    Time,
    /// Time without waiting.
    Working,
    /// Number of messages.
    Message,
    /// Number of tokens.
    Token,
    /// Number of turns.
    Turn,
    /// Money.
    Cost,
    /// A person ended it.
    Operator,
    /// A limit of the task's own.
    Custom,
}

/// What failed, in words fit to show: no secrets, bounded length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecordedError {
    /// A stable word for the kind of failure.
    pub code: String,
    /// What happened.
    pub message: String,
}

impl RecordedError {
    /// The most characters that a recorded message keeps.
    pub const MESSAGE_CHARS_MAX: usize = 2_000;

    /// An error with its message cut to [`Self::MESSAGE_CHARS_MAX`].
    pub fn new(code: impl Into<String>, message: &str) -> Self {
        Self { code: code.into(), message: message.chars().take(Self::MESSAGE_CHARS_MAX).collect() }
    }
}

/// How the target responded, as far as the record shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// It answered.
    Answered,
    /// The model declined.
    ModelRefusal,
    /// A safeguard outside the model withheld the reply.
    SafeguardBlock,
    /// Another model answered in its place.
    FallbackModel,
}

/// What somebody says of a sample after the fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Label {
    /// What.
    pub kind: LabelKind,
    /// Who: a person's enrolled key, a reviewer model, a rule.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// The kinds of label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// The target reached the score by a way the task does not mean.
    Cheated,
    /// The task itself is broken.
    BrokenTask,
    /// Not to be counted.
    Void,
}

/// The record of one sample at one epoch: the one shape that analysis, log, report and evidence read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// The id of this attempt.
    pub id: SampleId,
    /// The run.
    pub run: RunId,
    /// The task's name.
    pub task: String,
    /// The item's id.
    pub sample: String,
    /// The epoch, from 1.
    pub epoch: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The round of the task source that gave the item, from 0.
    pub round: u32,
    /// The seed of everything random in it.
    pub seed: u64,
    /// The item's input.
    pub input: SampleInput,
    /// The item's gold answer; for shuffled choices the letter as asked.
    #[serde(rename = "target", default)]
    pub expected: Expected,
    /// The options as asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The item's metadata.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The conversation at the end.
    pub messages: Vec<Message>,
    /// The last reply, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ModelOutput>,
    /// How it ended.
    pub ending: Ending,
    /// How the target responded; absent where it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// The scores by scorer; a scorer that gave none is absent.
    #[serde(default)]
    pub scores: BTreeMap<String, Score>,
    /// Labels, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// Tokens of all its calls to the target.
    #[serde(default)]
    pub usage: Usage,
    /// What its calls to the target cost; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// The calls to other models than the target, by role; `usage` and `cost` do not hold them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, RoleUse>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Timestamp,
    /// The attempts before this one, oldest first. What they used is not in `usage` and `cost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_attempts: Vec<SampleAttempt>,
    /// Its transcript.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// An attempt at a sample that was followed by another, because something on our side failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleAttempt {
    /// The attempt, from 1.
    pub attempt: u32,
    /// How it ended.
    pub ending: Ending,
    /// Tokens of its calls.
    #[serde(default)]
    pub usage: Usage,
    /// What they cost; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// The calls to other models than the target, by role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, RoleUse>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Timestamp,
    /// Its transcript.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
}

impl SampleRecord {
    /// The group to which the item belongs in statistics; see [`crate::Sample::cluster`].
    #[must_use]
    pub fn cluster(&self) -> Cow<'_, str> {
        cluster(&self.metadata, &self.sample)
    }

    /// Tokens of the calls to the target, those of earlier attempts among them: they were paid for too.
    #[must_use]
    pub fn usage_of_all_attempts(&self) -> Usage {
        let mut all = self.usage;
        self.earlier_attempts.iter().for_each(|attempt| all.add(&attempt.usage));
        all
    }

    /// What the calls to the target cost, those of earlier attempts among them; none where any of it is not known.
    #[must_use]
    pub fn cost_of_all_attempts(&self) -> Option<Money> {
        self.earlier_attempts.iter().try_fold(self.cost?, |sum, attempt| sum.checked_add(attempt.cost?).ok())
    }

    /// The calls in roles, those of earlier attempts among them.
    #[must_use]
    pub fn roles_of_all_attempts(&self) -> BTreeMap<String, RoleUse> {
        let mut all = self.roles.clone();
        self.earlier_attempts.iter().for_each(|attempt| add_role_use(&mut all, &attempt.roles));
        all
    }

    /// The text of the last reply; empty where none came.
    #[must_use]
    pub fn reply(&self) -> String {
        self.output.as_ref().map(|output| output.message.text()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_ids_depend_on_every_part() {
        let run = RunId::new(Timestamp(1), [1; 10]);
        let other = RunId::new(Timestamp(2), [1; 10]);
        let ids = [
            SampleId::of(&run, "t", "s", (1, 1)),
            SampleId::of(&other, "t", "s", (1, 1)),
            SampleId::of(&run, "u", "s", (1, 1)),
            SampleId::of(&run, "t", "r", (1, 1)),
            SampleId::of(&run, "t", "s", (2, 1)),
            SampleId::of(&run, "t", "s", (1, 2)),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        let seeds = [
            sample_seed(1, "t", "s", 1),
            sample_seed(2, "t", "s", 1),
            sample_seed(1, "u", "s", 1),
            sample_seed(1, "t", "s", 2),
        ];
        let distinct: std::collections::BTreeSet<_> = seeds.iter().collect();
        assert_eq!(distinct.len(), seeds.len());
    }

    #[test]
    fn endings_keep_who_failed() {
        let ending = Ending::GraderError(RecordedError::new("scorer", "no number"));
        let json = serde_json::to_string(&ending).unwrap();
        assert_eq!(json, r#"{"kind":"grader_error","code":"scorer","message":"no number"}"#);
        assert_eq!(serde_json::from_str::<Ending>(&json).unwrap(), ending);
        assert_eq!(
            RecordedError::new("x", &"é".repeat(9_000)).message.chars().count(),
            RecordedError::MESSAGE_CHARS_MAX
        );
    }
}
