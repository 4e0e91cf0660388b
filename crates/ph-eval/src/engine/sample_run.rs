//! One sample at one epoch, from its item to its record.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ph_base::{Clock, RunId};
use ph_model::{GenerateConfig, ModelApi, ModelOutput, StopReason};
use ph_record::event::{KnownEvent, SampleInit};
use ph_record::{
    Ending, LimitKind, RecordedError, Response, SampleAttempt, SampleId, SampleRecord, TaskSpec, sample_seed,
};
use tokio_util::sync::CancellationToken;

use super::jobs::Job;
use crate::budget::Meter;
use crate::door::Door;
use crate::generate::{Generate, Stop, panic_text, sampling_seed};
use crate::refusal::find_refusal;
use crate::role::{RoleCalls, Roles};
use crate::sample_scope::{self, SamplePlace};
use crate::sample_state::SampleState;
use crate::scorer::{ScorerSet, Scores};
use crate::solver::SolverChain;
use crate::transcript::Transcript;

/// What all samples of a run share.
pub(super) struct Shared {
    pub(super) run: RunId,
    pub(super) seed: u64,
    pub(super) spec: TaskSpec,
    pub(super) chain: SolverChain,
    pub(super) scorers: ScorerSet,
    /// The target through the door, as this run sees it.
    pub(super) model: Arc<dyn ModelApi>,
    pub(super) door: Arc<Door>,
    pub(super) sandbox_retries: u32,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) meter: Meter,
    pub(super) roles: Arc<Roles>,
    pub(super) role_configs: Arc<BTreeMap<String, GenerateConfig>>,
    /// Set when nothing more may be sent.
    pub(super) halted: CancellationToken,
}

/// Runs one sample, again where its sandbox fails; `None` where the run ended first, so that it is not recorded. `earlier`
/// are the attempts of an interrupted run.
pub(super) async fn run_sample(job: Job, mut earlier: Vec<SampleAttempt>, shared: Arc<Shared>) -> Option<SampleRecord> {
    let mut retries = shared.sandbox_retries;
    let mut left = Some(job);
    loop {
        let number = u32::try_from(earlier.len()).unwrap_or(u32::MAX).saturating_add(1);
        let job = if retries == 0 { left.take() } else { left.clone() }?;
        let place = SamplePlace { sample: job.sample.id.clone(), epoch: job.epoch, attempt: number };
        let mut record = sample_scope::within(place, attempt(job, number, &shared)).await?;
        if retries == 0 || !matches!(record.ending, Ending::SandboxError(_)) {
            record.earlier_attempts = earlier;
            return Some(record);
        }
        retries -= 1;
        earlier.extend(attempts_of(record));
    }
}

/// A record as an attempt, after those before it.
pub(super) fn attempts_of(record: SampleRecord) -> Vec<SampleAttempt> {
    let mut attempts = record.earlier_attempts;
    attempts.push(SampleAttempt {
        attempt: record.attempt,
        ending: record.ending,
        usage: record.usage,
        cost: record.cost,
        roles: record.roles,
        started_at: record.started_at,
        completed_at: record.completed_at,
        events: record.events,
    });
    attempts
}

async fn attempt(job: Job, number: u32, shared: &Arc<Shared>) -> Option<SampleRecord> {
    let seed = sample_seed(shared.seed, &shared.spec.name, &job.sample.id, job.epoch);
    let mut state = SampleState::new(job.sample, job.epoch, seed);
    let mut transcript = Transcript::new(shared.clock.clone());
    init(&state, &mut transcript);
    let sampling = shared.spec.config.seed.or(Some(sampling_seed(seed)));
    let config = GenerateConfig { seed: sampling, ..shared.spec.config.clone() };
    let settings = (config, shared.spec.limits);
    let mut generate = Generate::new(shared.model.clone(), settings, shared.halted.clone(), transcript)
        .with_meter(shared.meter.clone())
        .with_roles(RoleCalls::new(shared.roles.clone(), shared.role_configs.clone(), (shared.halted.clone(), seed)));
    let ending = solve(shared, &mut state, &mut generate).await?;
    let scores = score(shared, &ending, (&state, &mut generate)).await;
    Some(record(shared, (job.round, number), state, (generate, ending, scores)))
}

fn init(state: &SampleState, transcript: &mut Transcript) {
    transcript.begin("init", "init");
    transcript.add(KnownEvent::SampleInit(SampleInit {
        id: state.sample.clone(),
        input: state.input.clone(),
        expected: state.expected.clone(),
        choices: state.choices.clone(),
    }));
    transcript.end();
}

/// Applies the solvers and says how that ended; what ended it early is written down.
async fn solve(shared: &Shared, state: &mut SampleState, generate: &mut Generate) -> Option<Ending> {
    let stop = solve_in_time(shared, state, generate).await;
    let ending = match &stop {
        Ok(()) => Ending::Completed,
        Err(stop) => stop.ending()?,
    };
    if let Err(stop) = &stop {
        note(stop, &ending, &mut generate.transcript);
    }
    generate.transcript.end_down_to(0);
    Some(ending)
}

/// A sample's time is its own: what it waits for a place, a rate, `Retry-After` or the budget does not count.
async fn solve_in_time(shared: &Shared, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop> {
    let work = AssertUnwindSafe(shared.chain.solve(state, generate)).catch_unwind();
    let seconds = shared.spec.limits.time_seconds;
    let result = match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        None => work.await,
        Some(limit) => tokio::select! {
            biased;
            result = work => result,
            () = time_over(limit, &shared.meter) => return Err(Stop::Limit {
                limit: LimitKind::Time,
                value: seconds,
                message: format!("not finished within {} s", limit.as_secs_f64()),
            }),
        },
    };
    result.unwrap_or_else(|panic| Err(Stop::Panicked(panic_text(panic.as_ref()).to_owned())))
}

/// Until the sample's time is over; in a replay until the record says that it was, however long that takes.
async fn time_over(limit: Duration, meter: &Meter) {
    if meter.is_replay() { sample_scope::time_is_over().await } else { sample_scope::own_time_over(limit).await }
}

fn note(stop: &Stop, ending: &Ending, transcript: &mut Transcript) {
    match (ending, ending.error()) {
        (Ending::Limit { limit, value }, _) => {
            transcript.add(KnownEvent::SampleLimit { kind: *limit, limit: *value, message: stop.to_string() });
        }
        (_, Some(error)) => transcript.add(KnownEvent::Error { error: error.clone() }),
        _ => {}
    }
}

/// Scores what ran to its end, and what the model itself brought to a limit with a reply to show.
async fn score(shared: &Shared, ending: &Ending, (state, generate): (&SampleState, &mut Generate)) -> Scores {
    match ending {
        Ending::Completed => shared.scorers.score(state, &mut generate.roles()).await,
        Ending::Limit { .. } if state.output.is_some() => shared.scorers.score(state, &mut generate.roles()).await,
        _ => Scores::default(),
    }
}

fn record(
    shared: &Shared,
    (round, attempt): (u32, u32),
    state: SampleState,
    (generate, ending, scores): (Generate, Ending, Scores),
) -> SampleRecord {
    let (usage, cost, roles) = (generate.usage(), generate.cost(), generate.role_use());
    let mut transcript = generate.transcript;
    SampleRecord {
        id: SampleId::of(&shared.run, &shared.spec.name, &state.sample, (state.epoch, attempt)),
        run: shared.run,
        task: shared.spec.name.clone(),
        attempt,
        round,
        response: state.output.as_ref().map(response),
        ending: scores.failure.map_or(ending, Ending::GraderError),
        scores: scores.given,
        labels: Vec::new(),
        usage,
        cost,
        roles,
        started_at: transcript.started_at(),
        completed_at: transcript.now(),
        earlier_attempts: Vec::new(),
        events: transcript.into_events(),
        sample: state.sample,
        epoch: state.epoch,
        seed: state.seed,
        input: state.input,
        expected: state.expected,
        choices: state.choices,
        metadata: state.metadata,
        messages: state.messages,
        output: state.output,
    }
}

/// How the target responded, as far as its last reply shows.
fn response(output: &ModelOutput) -> Response {
    if output.stop_reason == StopReason::ContentFilter {
        Response::SafeguardBlock
    } else if find_refusal(&output.message.text()).is_some() {
        Response::ModelRefusal
    } else {
        Response::Answered
    }
}

impl Stop {
    /// The ending that the record keeps; `None` where the sample is not recorded. What our own side did wrong is a
    /// grader error: never the model's.
    fn ending(&self) -> Option<Ending> {
        Some(match self {
            Stop::Limit { limit, value, .. } => Ending::Limit { limit: *limit, value: *value },
            Stop::Model(error) => crate::generate::model_ending(error),
            Stop::Sandbox(message) => Ending::SandboxError(RecordedError::new("sandbox", message)),
            Stop::Failed(message) => Ending::GraderError(RecordedError::new("solver", message)),
            Stop::Panicked(message) => Ending::GraderError(RecordedError::new("panic", message)),
            Stop::Halted => return None,
        })
    }
}
