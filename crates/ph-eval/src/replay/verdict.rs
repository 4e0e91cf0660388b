//! What a replay came to.

use std::path::PathBuf;

use ph_base::{Digest, RunId};
use ph_record::SampleRecord;
use serde::Serialize;

use super::difference::Difference;

/// What kind of divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DivergenceKind {
    /// The task is not the recorded one.
    Task,
    /// An item is not the recorded one, or is not asked.
    Item,
    /// A request is not the recorded one.
    Request,
    /// A call was made to which no reply was recorded.
    MissingReply,
    /// A recorded call was not made.
    UnusedReply,
    /// The same replies gave another record.
    Result,
    /// `run.json` is another.
    Run,
    /// The log files are others.
    Log,
}

/// One way in which the replay is not the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// What kind.
    pub kind: DivergenceKind,
    /// The item, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// Its epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// The attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The call's number in the sample, from 1, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// The role of the model called, where it is not the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What differs, in words.
    pub what: String,
    /// The first places in which it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Difference>,
}

impl Divergence {
    /// A divergence of the run as a whole.
    pub(super) fn of_run(kind: DivergenceKind, what: impl Into<String>) -> Self {
        let what = what.into();
        let (sample, epoch, attempt, call, role) = (None, None, None, None, None);
        Self { kind, sample, epoch, attempt, call, role, what, places: Vec::new() }
    }

    /// A divergence of one sample.
    pub(super) fn of(record: &SampleRecord, kind: DivergenceKind, what: String) -> Self {
        let (sample, epoch, attempt) = (Some(record.sample.clone()), Some(record.epoch), Some(record.attempt));
        Self { sample, epoch, attempt, ..Self::of_run(kind, what) }
    }
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let (Some(sample), Some(epoch)) = (&self.sample, self.epoch) {
            write!(f, "sample `{sample}` epoch {epoch}")?;
            if let Some(call) = self.call {
                write!(f, " call {call}")?;
            }
            if let Some(role) = &self.role {
                write!(f, " of role `{role}`")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)?;
        self.places.iter().try_for_each(|place| write!(f, "\n    {place}"))
    }
}

/// How far a replay could be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// Every byte: records, `run.json` and log files.
    Bytes,
    /// Every record whole; the run had not come to an end that could be compared.
    Records,
    /// Endings, responses, replies and scores: the transcripts were written by another program, or by two runs.
    Results,
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Whether nothing differs.
    pub equal: bool,
    /// The run.
    pub run: RunId,
    /// Samples × epochs replayed.
    pub samples: u64,
    /// Calls answered from the record.
    pub calls: u64,
    /// How far it was compared.
    pub compared: Compared,
    /// The digest of the recorded task with its items.
    pub task_digest: Digest,
    /// What differs; of many the first.
    pub divergences: Vec<Divergence>,
    /// How many there are.
    pub divergences_total: u64,
    /// The scorers in which an external command grades: what it had said was taken from the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub graders_recorded: Vec<String>,
    /// Where the replayed run was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

impl Replayed {
    /// The verdict in one line.
    #[must_use]
    pub fn verdict(&self) -> String {
        let counts = format!("{} samples, {} calls", self.samples, self.calls);
        match (self.equal, self.divergences_total) {
            (true, _) => format!("replay equal: {counts}"),
            (false, 1) => format!("replay differs: 1 divergence in {counts}"),
            (false, total) => format!("replay differs: {total} divergences in {counts}"),
        }
    }
}
