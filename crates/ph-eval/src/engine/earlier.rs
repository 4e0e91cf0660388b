//! What an interrupted run left in its journal: which samples it need not ask again.

use std::collections::HashMap;

use ph_base::Digest;
use ph_record::{BudgetLimit, Ending, LimitKind, SampleRecord};

use crate::key_sort::KeySort;
use crate::key_table::KeyTable;
use crate::run_dir::{RunDir, RunDirError};

/// A run that is gone on with.
pub struct Earlier {
    /// Its directory.
    pub dir: RunDir,
    /// Whether samples that ended by a failure on our side or the provider's are asked again.
    pub again: Again,
    /// The budget that the run had.
    pub budget: Option<BudgetLimit>,
}

/// Which finished samples are asked again when a run is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Again {
    /// Those whose access was cut or whose budget was at its end: they were never the target's answer.
    #[default]
    AccessCut,
    /// Those, and those that a provider, a sandbox or a grader failed.
    Errors,
}

impl Again {
    fn is_due(self, record: &SampleRecord, budget: Option<BudgetLimit>) -> bool {
        match &record.ending {
            Ending::AccessCut(_) => true,
            Ending::ProviderError(_) | Ending::SandboxError(_) | Ending::GraderError(_) => self == Again::Errors,
            Ending::Limit { limit, value } => is_budget_end(record, (*limit, *value), budget),
            Ending::Completed | Ending::ModelError(_) => false,
        }
    }
}

/// Whether the run's budget ended a sample, and no limit of the task's own.
fn is_budget_end(record: &SampleRecord, (limit, value): (LimitKind, Option<f64>), budget: Option<BudgetLimit>) -> bool {
    match (limit, budget) {
        (LimitKind::Cost, Some(BudgetLimit::Money(_))) => true,
        // The task's own limit is one that the sample's tokens have passed.
        (LimitKind::Token, Some(BudgetLimit::Tokens(tokens))) => {
            value == Some(tokens as f64) && record.usage.total_tokens() <= tokens
        }
        _ => false,
    }
}

/// A sample at an epoch, in 16 bytes.
type Key = [u8; 16];

fn key(sample: &str, epoch: u32) -> Key {
    let digest = Digest::of_parts([sample.as_bytes(), &epoch.to_le_bytes()]);
    let mut key = [0; 16];
    key.copy_from_slice(&digest.bytes()[..16]);
    key
}

/// What is too much for memory cannot be read or written.
fn kept_aside(source: std::io::Error) -> RunDirError {
    RunDirError::Read { path: std::env::temp_dir(), source }
}

/// The finished samples of one round.
#[derive(Default)]
pub(super) struct Finished {
    done: KeyTable<{ size_of::<Key>() }>,
    again: HashMap<Key, SampleRecord>,
}

impl Finished {
    /// Reads a round's samples; `see` sees each, and whether it is asked again.
    pub(super) fn read(
        earlier: &Earlier,
        round: u32,
        mut see: impl FnMut(&SampleRecord, bool),
    ) -> Result<Self, RunDirError> {
        let (mut finished, mut done) = (Self::default(), KeySort::new());
        for record in earlier.dir.records_without_events()? {
            let record = record?;
            if record.round != round {
                continue;
            }
            let key = key(&record.sample, record.epoch);
            if earlier.again.is_due(&record, earlier.budget) {
                see(&record, true);
                finished.again.insert(key, record);
            } else {
                see(&record, false);
                done.push(key);
            }
        }
        finished.done = KeyTable::new(done).map_err(kept_aside)?;
        finished.read_transcripts(earlier)?;
        Ok(finished)
    }

    /// What is asked again keeps the transcript of the attempt before.
    fn read_transcripts(&mut self, earlier: &Earlier) -> Result<(), RunDirError> {
        if self.again.is_empty() {
            return Ok(());
        }
        for record in earlier.dir.records()? {
            let record = record?;
            if let Some(known) = self.again.get_mut(&key(&record.sample, record.epoch)) {
                *known = record;
            }
        }
        Ok(())
    }

    /// How many need not be asked again.
    pub(super) fn count(&self) -> u64 {
        self.done.len()
    }

    /// Whether a sample need not be asked again.
    pub(super) fn has(&self, sample: &str, epoch: u32) -> Result<bool, RunDirError> {
        if self.done.len() == 0 {
            return Ok(false);
        }
        self.done.has(&key(sample, epoch)).map_err(kept_aside)
    }

    /// The record of a sample that is asked again.
    pub(super) fn before(&mut self, sample: &str, epoch: u32) -> Option<SampleRecord> {
        if self.again.is_empty() { None } else { self.again.remove(&key(sample, epoch)) }
    }

    /// Those that were to be asked again and were not: their old record stands.
    pub(super) fn left(self) -> impl Iterator<Item = SampleRecord> {
        self.again.into_values()
    }
}
