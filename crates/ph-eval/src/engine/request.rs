//! What a run is given and how it can fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use ph_base::{Clock, Digest, PlanId, RunId};
use ph_model::Usage;
use ph_record::{
    RecordError, RunAsked, RunEvent, RunKind, RunLimits, RunManifest, RunStatus, SkippedItems, TaskSource,
    TaskSourceError,
};
use tokio_util::sync::CancellationToken;

use super::earlier::Earlier;
use crate::budget::Meter;
use crate::door::Door;
use crate::parameters::StepError;
use crate::role::{RoleError, Roles};
use crate::run_dir::RunDirError;
use crate::solver::SolverChain;
use crate::step_context::StepContext;

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
    /// The door to the target: what limits, retries and waits.
    pub door: Arc<Door>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Seed of items and sampling.
    pub seed: u64,
    /// The most items of the first round.
    pub limit: Option<u64>,
    /// Epochs per item instead of the task's. An item whose metadata have `epochs` keeps its own number.
    pub epochs: Option<u32>,
    /// How it was asked for, where somebody may go on with it later.
    pub asked: Option<RunAsked>,
    /// The interrupted run that is gone on with; `id` is its id.
    pub earlier: Option<(RunManifest, Earlier)>,
    /// How often a sample is tried again whose sandbox failed.
    pub sandbox_retries: u32,
    /// Solvers in the place of the task's.
    pub chain: Option<SolverChain>,
    /// What its steps are made with, where that is not the task's files and commands of this machine.
    pub context: Option<StepContext>,
    /// Where other limits may come from while it runs.
    pub tuning: Option<Box<dyn Tuning>>,
    /// Through which every call goes: price and budget.
    pub meter: Meter,
    /// The models that solvers and scorers ask besides the target.
    pub roles: Roles,
    /// Ends the run early.
    pub cancellation: Cancellation,
}

impl RunRequest {
    pub(super) fn manifest(&self, task_digest: Digest, skipped: Option<SkippedItems>) -> RunManifest {
        if let Some((manifest, _)) = &self.earlier {
            return self.gone_on_with(manifest);
        }
        let task = self.task.spec().clone();
        let model = self.door.model();
        RunManifest {
            origin: None,
            version: RunManifest::VERSION,
            id: self.id,
            plan: self.plan,
            kind: self.kind,
            task_digest,
            target: model.target().clone(),
            fingerprint: model.fingerprint(),
            seed: self.seed,
            epochs: self.epochs.unwrap_or(task.epochs.count).max(1),
            limit: self.limit,
            asked: self.asked.clone(),
            limits: Some(self.door.limits()),
            limit_changes: Vec::new(),
            retries: Some(self.door.retries()),
            resumed: Vec::new(),
            status: RunStatus::Started,
            samples: 0,
            endings: BTreeMap::new(),
            usage: Usage::default(),
            roles: self.roles.no_use(),
            skipped,
            price: self.meter.price().cloned(),
            role_prices: self.roles.prices(),
            budget: self.meter.budget_use(false),
            error: None,
            started_at: self.clock.now(),
            completed_at: None,
            task,
        }
    }

    /// The manifest of a run that is gone on with: what it counts is counted anew from its journal.
    fn gone_on_with(&self, old: &RunManifest) -> RunManifest {
        let mut manifest = RunManifest {
            status: RunStatus::Started,
            samples: 0,
            endings: BTreeMap::new(),
            usage: Usage::default(),
            roles: self.roles.no_use(),
            price: self.meter.price().cloned(),
            role_prices: self.roles.prices(),
            budget: self.meter.budget_use(false),
            error: None,
            completed_at: None,
            limits: Some(self.door.limits()),
            retries: Some(self.door.retries()),
            ..old.clone()
        };
        manifest.resumed.push(self.clock.now());
        manifest
    }
}

/// Where other limits come from while a run is under way.
pub trait Tuning: Send {
    /// The limits that are wanted; none where nobody has asked for others since the last time.
    fn wanted(&mut self) -> Option<RunLimits>;
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
    /// A role that a step asks has no model.
    #[error(transparent)]
    Role(#[from] RoleError),
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
    /// The journal of the run that is gone on with cannot be read.
    #[error("cannot read what the run has already")]
    Earlier {
        /// Why.
        source: RunDirError,
        /// How far the run came.
        manifest: Box<RunManifest>,
    },
    /// A bug, or the machine has no room for a thread: a part of the engine ended without a word.
    #[error("the engine itself failed: {problem}")]
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
            RunError::Step(_) | RunError::Role(_) => None,
            RunError::Source { manifest, .. } => manifest.as_deref(),
            RunError::Record { manifest, .. }
            | RunError::Earlier { manifest, .. }
            | RunError::Internal { manifest, .. } => Some(manifest),
        }
    }
}
