//! The samples of a recorded run as a task: in the order in which they finished, each at its epoch, one at a time read
//! from the journal. So a replay writes its records in the same order, and memory does not grow with the run.

use std::collections::HashMap;
use std::io::{self, Read};
use std::iter::Peekable;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::Digest;
use ph_record::{
    RunStatus, Sample, SampleAttempt, SampleRecord, SampleRound, SampleStream, SourceOptions, TaskFiles, TaskSource,
    TaskSourceError, TaskSpec,
};

use super::script::SampleScript;
use super::stage::Stage;
use super::verdict::{Divergence, DivergenceKind};
use crate::engine::Cancellation;
use crate::run_dir::{Records, RunDir, RunDirError};

/// A recorded run as a task.
pub(super) struct RecordedTask {
    pub(super) spec: TaskSpec,
    pub(super) digest: Digest,
    pub(super) source: RunDir,
    pub(super) stage: Arc<Stage>,
    /// How the run ended; one that was cancelled ends so again.
    pub(super) status: RunStatus,
    pub(super) cancellation: Cancellation,
    /// The items of the task by which it is replayed, where that is another than the recorded one.
    pub(super) items: Option<ItemMarks>,
}

impl TaskSource for RecordedTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn digest(&self, _: &SourceOptions) -> Result<Digest, TaskSourceError> {
        Ok(self.digest)
    }

    fn open(&self, _: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        let records = self.source.records().map_err(|error| unreadable(&error))?;
        let reading = Reading { records: records.peekable(), present: None };
        Ok(Box::new(RecordedStream {
            reading: Arc::new(Mutex::new(reading)),
            stage: self.stage.clone(),
            items: self.items.clone().map(Arc::new),
            was_cancelled: self.status == RunStatus::Cancelled,
            cancellation: self.cancellation.clone(),
        }))
    }
}

struct Reading {
    records: Peekable<Records>,
    /// Item and epoch given out last.
    present: Option<(String, u32)>,
}

struct RecordedStream {
    reading: Arc<Mutex<Reading>>,
    stage: Arc<Stage>,
    items: Option<Arc<ItemMarks>>,
    was_cancelled: bool,
    cancellation: Cancellation,
}

impl SampleStream for RecordedStream {
    fn next_round(&mut self) -> Result<Option<SampleRound>, TaskSourceError> {
        let mut reading = lock(&self.reading);
        let round = match reading.records.peek() {
            // The run was cancelled here. One more round, empty, so that the engine comes to see it.
            None if self.was_cancelled && !self.cancellation.is_asked() => {
                self.cancellation.drain.cancel();
                return Ok(Some(Box::new(std::iter::empty())));
            }
            None => return Ok(None),
            Some(Ok(record)) => record.round,
            Some(Err(error)) => return Err(unreadable(error)),
        };
        let round =
            Round { round, reading: self.reading.clone(), stage: self.stage.clone(), items: self.items.clone() };
        Ok(Some(Box::new(round)))
    }

    fn observe(&mut self, _: &SampleRecord) {}

    fn asks(&self, sample: &str, epoch: u32) -> bool {
        lock(&self.reading).present.as_ref().is_some_and(|present| present.0 == sample && present.1 == epoch)
    }

    fn earlier_attempts(&self, sample: &str, epoch: u32) -> Vec<SampleAttempt> {
        self.stage.earlier_attempts(sample, epoch)
    }
}

/// The records of one round, as items.
struct Round {
    round: u32,
    reading: Arc<Mutex<Reading>>,
    stage: Arc<Stage>,
    items: Option<Arc<ItemMarks>>,
}

impl Iterator for Round {
    type Item = Result<Sample, TaskSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut reading = lock(&self.reading);
        let is_here = |record: &Result<SampleRecord, RunDirError>| {
            record.as_ref().map_or(true, |record| record.round == self.round)
        };
        let record = match reading.records.next_if(is_here)? {
            Ok(record) => record,
            Err(error) => return Some(Err(unreadable(&error))),
        };
        reading.present = Some((record.sample.clone(), record.epoch));
        let script = SampleScript::new(record);
        let item = script.item();
        if let Some(what) = self.items.as_ref().filter(|_| self.round == 0).and_then(|items| items.differs(&item)) {
            self.stage.diverged(Divergence::of(&script.record, DivergenceKind::Item, what));
        }
        self.stage.put_on(script);
        Some(Ok(item))
    }
}

fn lock(reading: &Mutex<Reading>) -> MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unreadable(error: &RunDirError) -> TaskSourceError {
    TaskSourceError::new("the recorded run", error.to_string())
}

/// What tells the items of a task from recorded ones, in some 50 bytes an item.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemMarks(HashMap<u64, [u64; 4]>);

impl ItemMarks {
    /// The marks of the items of a task's first round.
    ///
    /// # Errors
    /// [`TaskSourceError`] where they cannot be read or made.
    pub(super) fn of(task: &dyn TaskSource, options: &SourceOptions) -> Result<Self, TaskSourceError> {
        let mut marks = Self::default();
        for item in task.open(options)?.next_round()?.into_iter().flatten() {
            let item = item?;
            marks.0.insert(mark(&item.id), parts(&item));
        }
        Ok(marks)
    }

    /// In what an item differs from the one of the same id here, in words.
    fn differs(&self, item: &Sample) -> Option<String> {
        const NAMES: [&str; 4] = ["input", "target", "choices", "metadata"];
        let Some(ours) = self.0.get(&mark(&item.id)) else {
            return Some("the task has no such item".to_owned());
        };
        let theirs = parts(item);
        let differing: Vec<&str> =
            NAMES.into_iter().enumerate().filter(|(at, _)| ours[*at] != theirs[*at]).map(|(_, name)| name).collect();
        (!differing.is_empty()).then(|| format!("the task's item has another {}", differing.join(" and ")))
    }
}

fn parts(item: &Sample) -> [u64; 4] {
    [mark(&item.input), mark(&item.expected), mark(&item.choices), mark(&item.metadata)]
}

fn mark(part: &impl serde::Serialize) -> u64 {
    Digest::of(&serde_json::to_vec(part).unwrap_or_default()).first_u64()
}

/// The files beside the task of a recorded run: a record holds none of them. Knows whether one was asked for.
#[derive(Debug, Default)]
pub(super) struct MissingFiles(AtomicBool);

impl MissingFiles {
    pub(super) fn was_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl TaskFiles for MissingFiles {
    fn open_file(&self, _: &str) -> io::Result<Box<dyn Read + Send>> {
        self.0.store(true, Ordering::Relaxed);
        Err(io::Error::new(io::ErrorKind::NotFound, "the record of a run does not hold it"))
    }

    fn folder(&self) -> Option<PathBuf> {
        None
    }
}
