//! Tasks whose items are made at once: one round, the same for every target.

use ph_base::Digest;
use ph_base::digest::DigestBuilder;
use ph_record::{
    Sample, SampleRecord, SampleRound, SampleStream, SourceOptions, TaskSource, TaskSourceError, TaskSpec,
};
use serde::{Deserialize, Deserializer};

/// Makes items for an item seed, in the order in which a limit cuts them.
pub(crate) trait ItemMaker: Send + Sync {
    /// All items.
    ///
    /// # Errors
    /// [`TaskSourceError`] where wordings or parameters do not fit.
    fn items(&self, seed: u64) -> Result<Vec<Sample>, TaskSourceError>;
}

/// A task of one round.
pub(crate) struct OneRound<M> {
    spec: TaskSpec,
    maker: M,
}

impl<M: ItemMaker> OneRound<M> {
    /// The task with these items.
    ///
    /// # Errors
    /// [`TaskSourceError`] where no items can be made from the parameters: known now, not in the middle of a run.
    pub(crate) fn new(spec: TaskSpec, maker: M) -> Result<Self, TaskSourceError> {
        maker.items(0)?;
        Ok(Self { spec, maker })
    }

    fn limited(&self, options: &SourceOptions) -> Result<Vec<Sample>, TaskSourceError> {
        let mut items = self.maker.items(options.seed)?;
        let limit = options.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        items.truncate(limit);
        Ok(items)
    }
}

impl<M: ItemMaker> TaskSource for OneRound<M> {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn digest(&self, options: &SourceOptions) -> Result<Digest, TaskSourceError> {
        digest(&self.spec, &self.limited(options)?, &[])
    }

    fn open(&self, options: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        Ok(Box::new(Items(Some(self.limited(options)?))))
    }
}

/// The digest of a task, its items and whatever else decides its samples.
///
/// # Errors
/// [`TaskSourceError`] where the task cannot be written as JSON.
pub(crate) fn digest(spec: &TaskSpec, items: &[Sample], rules: &[&str]) -> Result<Digest, TaskSourceError> {
    let unwritable = |error: serde_json::Error| TaskSourceError::new(spec.name.clone(), error.to_string());
    let mut digest = DigestBuilder::default();
    digest.part(&serde_json::to_vec(spec).map_err(unwritable)?);
    for item in items {
        digest.part(&serde_json::to_vec(item).map_err(unwritable)?);
    }
    for rule in rules {
        digest.part(rule.as_bytes());
    }
    Ok(digest.finish())
}

struct Items(Option<Vec<Sample>>);

impl SampleStream for Items {
    fn next_round(&mut self) -> Result<Option<SampleRound>, TaskSourceError> {
        Ok(self.0.take().map(round_of))
    }

    fn observe(&mut self, _: &SampleRecord) {}

    fn round_size_hint(&self) -> Option<u64> {
        Some(self.0.as_ref().map_or(0, |items| items.len() as u64))
    }
}

/// The most items of a kind that a parameter may ask for; all of them are held at once.
const COUNT_MAX: usize = 100_000;

/// Reads a number of items.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let count = usize::deserialize(deserializer)?;
    if count <= COUNT_MAX {
        return Ok(count);
    }
    Err(serde::de::Error::custom(format!("{count} is more than {COUNT_MAX}")))
}

/// A round of these items.
pub(crate) fn round_of(items: Vec<Sample>) -> SampleRound {
    Box::new(items.into_iter().map(Ok))
}
