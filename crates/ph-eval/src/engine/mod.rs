//! Runs one task on one target.
//!
//! One loop owns the run's state and lets at most `max_connections` samples be under way; a sample is one async function
//! that shares nothing with the others. A finished sample counts once every recorder has taken it; a recorder that fails
//! ends the run, and nothing more is sent. The run holds no more than the samples under way, however many there are.

mod dispatcher;
mod jobs;
mod request;
mod sample_run;

pub use self::request::{Cancellation, Reporter, RunError, RunRequest};

use ph_record::{Recorder, RunManifest, SourceOptions};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use self::dispatcher::Dispatcher;
use self::sample_run::Shared;
use crate::scorer::ScorerSet;
use crate::solver::SolverChain;

/// Runs a task on a target; every event goes to all recorders and then to all reporters. Must be called inside a tokio
/// runtime. Returns the final manifest; its status is `success` or `cancelled`; its `budget` says whether
/// the budget cancelled it.
///
/// # Errors
/// [`RunError`] where the task cannot be made or read, or an event cannot be recorded; the run then ends with status
/// `error`, which recorders that still can are told.
pub async fn run(
    request: RunRequest,
    recorders: &mut [Box<dyn Recorder>],
    reporters: &mut [Box<dyn Reporter>],
) -> Result<RunManifest, RunError> {
    let spec = request.task.spec().clone();
    let options = SourceOptions { seed: request.seed, limit: request.limit };
    let no_run = |source| RunError::Source { source, manifest: None };
    let digest = request.task.digest(&options).map_err(no_run)?;
    let mut stream = request.task.open(&options).map_err(no_run)?;
    let shared = Shared {
        run: request.id,
        seed: request.seed,
        chain: SolverChain::build(&spec.solver)?,
        scorers: ScorerSet::build(&spec.scorer)?,
        model: request.model.clone(),
        clock: request.clock.clone(),
        meter: request.meter.clone(),
        halted: CancellationToken::new(),
        spec,
    };
    let dispatcher = Dispatcher {
        manifest: request.manifest(digest),
        shared: Arc::new(shared),
        max_connections: request.max_connections.max(1),
        cancellation: request.cancellation,
        recorders,
        reporters,
    };
    dispatcher.run(stream.as_mut()).await
}
