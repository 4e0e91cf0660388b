//! Runs one task on one target.
//!
//! One loop owns the run's state and lets so many samples be under way as the limits allow; a sample is one async
//! function that shares nothing with the others but the door to the target. A finished sample counts once every recorder
//! holds it; a recorder that fails ends the run, and nothing more is sent. The run holds no more than the samples under
//! way, however many there are. A run that was cut off is gone on with from its journal.

mod dispatcher;
mod earlier;
mod jobs;
mod recording;
mod request;
mod sample_run;

pub use self::earlier::{Again, Earlier};
pub use self::request::{Cancellation, Reporter, RunError, RunRequest, Tuning};

use ph_record::{Recorder, RunManifest, SourceOptions};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use self::dispatcher::Dispatcher;
use self::recording::Recording;
use self::sample_run::Shared;
use crate::scorer::ScorerSet;
use crate::solver::SolverChain;
use crate::step_context::StepContext;

/// Runs a task on a target; every event goes to all recorders and then to all reporters. Must be called inside a tokio
/// runtime with a clock. Returns the final manifest; its status is `success` or `cancelled`; its `budget` says whether
/// the budget cancelled it.
///
/// # Errors
/// [`RunError`] where the task cannot be made or read, or an event cannot be recorded; the run then ends with status
/// `error`, which recorders that still can are told.
pub async fn run(
    mut request: RunRequest,
    recorders: Vec<Box<dyn Recorder>>,
    reporters: &mut [Box<dyn Reporter>],
) -> Result<RunManifest, RunError> {
    let spec = request.task.spec().clone();
    let options = SourceOptions { seed: request.seed, limit: request.limit };
    let no_run = |source| RunError::Source { source, manifest: None };
    let digest = request.task.digest(&options).map_err(no_run)?;
    let mut stream = request.task.open(&options).map_err(no_run)?;
    let skipped = request.task.skipped(&options).map_err(no_run)?;
    let context = request.context.take().unwrap_or_else(|| StepContext::of(request.task.as_ref()));
    let chain = match request.chain.take() {
        Some(chain) => chain,
        None => SolverChain::build(&spec.solver, &context)?,
    };
    let scorers = ScorerSet::build(&spec.scorer, &context)?;
    request.roles.check(&spec.name, &chain.roles().into_iter().chain(scorers.roles()).collect())?;
    let manifest = request.manifest(digest, skipped);
    let shared = Shared {
        run: request.id,
        seed: request.seed,
        chain,
        scorers,
        roles: Arc::new(request.roles.clone()),
        role_configs: Arc::new(spec.roles.iter().map(|(role, of)| (role.clone(), of.config.clone())).collect()),
        model: request.door.enter(request.id),
        door: request.door.clone(),
        sandbox_retries: request.sandbox_retries,
        clock: request.clock.clone(),
        meter: request.meter.clone(),
        halted: CancellationToken::new(),
        spec,
    };
    let recording = Recording::begin(recorders)
        .map_err(|gone| RunError::Internal { problem: gone.0, manifest: Box::new(manifest.clone()) })?;
    let dispatcher = Dispatcher {
        manifest,
        shared: Arc::new(shared),
        cancellation: request.cancellation,
        recording,
        reporters,
        earlier: request.earlier.map(|(_, earlier)| earlier),
        tuning: request.tuning,
    };
    dispatcher.run(stream.as_mut()).await
}
