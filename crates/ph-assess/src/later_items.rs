//! The items that a target's later rounds asked, as a task for the comparator, so that both answer the same items.
//!
//! A search chooses its last items from the target's own answers; without this the comparator would never see them.

use std::collections::HashSet;
use std::sync::Arc;

use ph_base::{Digest, digest::DigestBuilder};
use ph_record::{
    NoFiles, Sample, SampleRecord, SampleRound, SampleStream, SourceOptions, TaskFiles, TaskSource, TaskSourceError,
    TaskSpec,
};

/// The later items of one target in one task.
pub struct LaterItems {
    spec: TaskSpec,
    items: Vec<Sample>,
    /// The ids of `items`.
    known: HashSet<String>,
    files: Arc<dyn TaskFiles>,
}

impl LaterItems {
    /// No items yet.
    #[must_use]
    pub fn of(spec: &TaskSpec) -> Self {
        Self { spec: spec.clone(), items: Vec::new(), known: HashSet::new(), files: Arc::new(NoFiles) }
    }

    /// The same with the files of the task whose items they are.
    #[must_use]
    pub fn with_files(mut self, files: Option<Arc<dyn TaskFiles>>) -> Self {
        self.files = files.unwrap_or(self.files);
        self
    }

    /// Takes the item of a record if it is from a later round and a compared measure reads it.
    pub fn observe(&mut self, record: &SampleRecord) {
        if record.round > 0 && self.is_compared(record) && self.known.insert(record.sample.clone()) {
            self.items.push(Sample {
                id: record.sample.clone(),
                input: record.input.clone(),
                expected: record.expected.clone(),
                choices: record.choices.clone(),
                metadata: record.metadata.clone(),
            });
        }
    }

    fn is_compared(&self, record: &SampleRecord) -> bool {
        let compared = self.spec.analysis.measures.iter().filter(|measure| measure.compared);
        compared
            .into_iter()
            .any(|measure| measure.only.iter().all(|(key, value)| record.metadata.get(key) == Some(value)))
    }

    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl TaskSource for LaterItems {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn digest(&self, _: &SourceOptions) -> Result<Digest, TaskSourceError> {
        let encode = |error: serde_json::Error| TaskSourceError::new(&self.spec.name, error.to_string());
        let mut digest = DigestBuilder::default();
        digest.part(&serde_json::to_vec(&self.spec).map_err(encode)?);
        for item in &self.items {
            digest.part(&serde_json::to_vec(item).map_err(encode)?);
        }
        Ok(digest.finish())
    }

    fn open(&self, _: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        Ok(Box::new(OneRound(Some(self.items.clone()))))
    }

    fn files(&self) -> Arc<dyn TaskFiles> {
        self.files.clone()
    }
}

struct OneRound(Option<Vec<Sample>>);

impl SampleStream for OneRound {
    fn next_round(&mut self) -> Result<Option<SampleRound>, TaskSourceError> {
        Ok(self.0.take().map(|items| Box::new(items.into_iter().map(Ok)) as SampleRound))
    }

    fn observe(&mut self, _: &SampleRecord) {}

    fn round_size_hint(&self) -> Option<u64> {
        self.0.as_ref().map(|items| items.len() as u64)
    }
}
