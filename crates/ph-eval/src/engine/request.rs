//! What a run is given and how it can fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use ph_base::{Clock, Digest, PlanId, RunId};
use ph_model::{ModelApi, Usage};
use ph_record::{RecordError, RunEvent, RunKind, RunManifest, RunStatus, TaskSource, TaskSourceError};
use tokio_util::sync::CancellationToken;

use crate::budget::Meter;
use crate::parameters::StepError;

/// What to run on whom.
pub struct RunRequest {
    /// The run's id.
    pub id: RunId,
    /// The plan under which it runs, where there is one.
    pub plan: Option<PlanId>,
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// The task.
    pub task: Arc<dyn TaskSource>,
    /// The target.
    pub model: Arc<dyn ModelApi>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Seed of items and sampling.
    pub seed: u64,
    /// The most items of the first round.
    pub limit: Option<u64>,
    /// Epochs per item instead of the task's. An item whose metadata have `epochs` keeps its own number.
    pub epochs: Option<u32>,
    /// The most samples under way at once (at least 1).
    pub max_connections: usize,
    /// Through which every call goes: price and budget.
    pub meter: Meter,
    /// Ends the run early.
    pub cancellation: Cancellation,
}

impl RunRequest {
    pub(super) fn manifest(&self, task_digest: Digest) -> RunManifest {
        let task = self.task.spec().clone();
        RunManifest {
            origin: None,
            version: RunManifest::VERSION,
            id: self.id,
            plan: self.plan,
            kind: self.kind,
            task_digest,
            target: self.model.target().clone(),
            fingerprint: self.model.fingerprint(),
            seed: self.seed,
            epochs: self.epochs.unwrap_or(task.epochs.count).max(1),
            limit: self.limit,
            status: RunStatus::Started,
            samples: 0,
            endings: BTreeMap::new(),
            usage: Usage::default(),
            price: self.meter.price().cloned(),
            budget: self.meter.budget_use(false),
            error: None,
            started_at: self.clock.now(),
            completed_at: None,
            task,
        }
    }
}

/// Ends a run early. Clones end the same run.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    /// Starts no more samples; those under way are finished and recorded.
    pub drain: CancellationToken,
    /// Drops the samples under way too.
    pub abandon: CancellationToken,
}

impl Cancellation {
    /// The first time drains, the second time abandons.
    pub fn interrupt(&self) {
        if self.drain.is_cancelled() {
            self.abandon.cancel();
        }
        self.drain.cancel();
    }

    /// Whether no more samples are to be started.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.drain.is_cancelled() || self.abandon.is_cancelled()
    }
}

/// Shows a run to people: sees every event after all recorders have taken it, and cannot stop the run.
pub trait Reporter: Send {
    /// Shows one event.
    fn report(&mut self, event: &RunEvent);
}

/// A run failed. Where it had begun, the manifest says how far it came.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A solver or scorer of the task cannot be made.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The samples cannot be read or made.
    #[error("cannot read the samples")]
    Source {
        /// Why.
        source: TaskSourceError,
        /// How far the run came; absent where it never began.
        manifest: Option<Box<RunManifest>>,
    },
    /// An event could not be recorded, so nothing more was sent.
    #[error("cannot record the run")]
    Record {
        /// Why.
        source: RecordError,
        /// How far the run came; what is not counted there did not happen.
        manifest: Box<RunManifest>,
    },
    /// A bug: a sample's task ended without a record.
    #[error("a sample ended without a record: {problem}")]
    Internal {
        /// What happened.
        problem: String,
        /// How far the run came.
        manifest: Box<RunManifest>,
    },
}

impl RunError {
    /// How far the run came, where it had begun.
    #[must_use]
    pub fn manifest(&self) -> Option<&RunManifest> {
        match self {
            RunError::Step(_) => None,
            RunError::Source { manifest, .. } => manifest.as_deref(),
            RunError::Record { manifest, .. } | RunError::Internal { manifest, .. } => Some(manifest),
        }
    }
}
