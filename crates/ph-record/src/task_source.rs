//! Where a task's samples come from: a file, a generator, later a bridge to somebody else's tasks.

use ph_base::Digest;

use crate::sample::Sample;
use crate::sample_record::SampleRecord;
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
