//! Where a task's samples come from: a file, a generator, later a bridge to somebody else's tasks.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use ph_base::Digest;
use serde::{Deserialize, Serialize};

use crate::sample::Sample;
use crate::sample_record::{SampleAttempt, SampleRecord};
use crate::task_spec::TaskSpec;

/// What the samples depend on besides the task itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceOptions {
    /// Seed of generated items.
    pub seed: u64,
    /// The most items of the first round.
    pub limit: Option<u64>,
}

/// A task: its spec and its samples.
pub trait TaskSource: Send + Sync {
    /// The task's spec.
    fn spec(&self) -> &TaskSpec;

    /// The digest of spec and samples for these options. For samples of later rounds it covers the rule that makes them.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the samples cannot be read or made.
    fn digest(&self, options: &SourceOptions) -> Result<Digest, TaskSourceError>;

    /// Opens the samples for one run. The same options give the same samples.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the samples cannot be read or made.
    fn open(&self, options: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError>;

    /// The items left out because they cannot be read or asked; none where the task refuses such.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the samples cannot be read or made.
    fn skipped(&self, _options: &SourceOptions) -> Result<Option<SkippedItems>, TaskSourceError> {
        Ok(None)
    }

    /// The files beside the task, for steps that read them.
    fn files(&self) -> Arc<dyn TaskFiles> {
        Arc::new(NoFiles)
    }
}

/// The files of a task's folder.
pub trait TaskFiles: Send + Sync {
    /// Opens the file `name`, a path relative to the folder.
    ///
    /// # Errors
    /// Where it is not there, outside the folder, or cannot be opened.
    fn open_file(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;

    /// The folder on disk, where it is on one.
    fn folder(&self) -> Option<PathBuf>;
}

/// The folder of a task that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl TaskFiles for NoFiles {
    fn open_file(&self, _: &str) -> io::Result<Box<dyn Read + Send>> {
        Err(io::Error::new(io::ErrorKind::NotFound, "the task has no folder"))
    }

    fn folder(&self) -> Option<PathBuf> {
        None
    }
}

/// Items that were left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SkippedItems {
    /// How many.
    pub count: u64,
    /// The first of them: where they stand and what is wrong.
    pub first: Vec<String>,
}

impl SkippedItems {
    /// The most that are listed.
    pub const LISTED_MAX: usize = 100;

    /// Counts one more, and lists it where there is room.
    pub fn add(&mut self, error: &TaskSourceError) {
        self.count += 1;
        if self.first.len() < Self::LISTED_MAX {
            self.first.push(error.to_string().chars().take(500).collect());
        }
    }
}

/// The samples of one round, made or read as they are asked for.
pub type SampleRound = Box<dyn Iterator<Item = Result<Sample, TaskSourceError>> + Send>;

/// The samples of one run, in rounds: a round is given out when every sample of the one before is finished, and may
/// depend on their records. Most tasks have one round.
pub trait SampleStream: Send {
    /// The next round; `None` when there is none.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the samples cannot be read or made.
    fn next_round(&mut self) -> Result<Option<SampleRound>, TaskSourceError>;

    /// Sees every finished sample of the present round.
    fn observe(&mut self, record: &SampleRecord);

    /// Whether the item just given out is to be asked at this epoch; a stream of what is left of a run, or of what was
    /// recorded, does not ask every one.
    fn asks(&self, _sample: &str, _epoch: u32) -> bool {
        true
    }

    /// The attempts that came before, of an item at an epoch that was asked already.
    fn earlier_attempts(&self, _sample: &str, _epoch: u32) -> Vec<SampleAttempt> {
        Vec::new()
    }

    /// How many samples the next round will have, where known.
    fn round_size_hint(&self) -> Option<u64> {
        None
    }
}

/// A task's samples cannot be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct TaskSourceError {
    /// File with line and column, or generator.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: Option<String>,
}

impl TaskSourceError {
    /// An error at `place`.
    pub fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), hint: None }
    }

    /// The same with what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
