//! One sample at one epoch, from its item to its record.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ph_base::{Clock, RunId};
use ph_model::{GenerateConfig, ModelApi, ModelOutput, StopReason};
use ph_record::event::{KnownEvent, SampleInit};
use ph_record::{Ending, LimitKind, RecordedError, Response, SampleId, SampleRecord, TaskSpec, sample_seed};
use tokio_util::sync::CancellationToken;

use super::jobs::Job;
use crate::budget::Meter;
use crate::generate::{Generate, Stop, panic_text};
use crate::refusal::find_refusal;
use crate::sample_state::SampleState;
use crate::scorer::{ScorerSet, Scores};
use crate::solver::SolverChain;
use crate::transcript::Transcript;

/// The attempt that every sample is until there are retries.
const FIRST_ATTEMPT: u32 = 1;

/// What all samples of a run share.
pub(super) struct Shared {
    pub(super) run: RunId,
    pub(super) seed: u64,
    pub(super) spec: TaskSpec,
    pub(super) chain: SolverChain,
    pub(super) scorers: ScorerSet,
    pub(super) model: Arc<dyn ModelApi>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) meter: Meter,
    /// Set when nothing more may be sent.
    pub(super) halted: CancellationToken,
}

/// A sampling seed is the sample's seed without its highest bit: APIs take a signed 64-bit number, and a target must
/// get the same seed in this process and over HTTP.
const SAMPLING_SEED_MAX: u64 = i64::MAX as u64;

/// Runs one sample; `None` where the run ended first, so that it is not recorded.
pub(super) async fn run_sample(job: Job, shared: Arc<Shared>) -> Option<SampleRecord> {
    let seed = sample_seed(shared.seed, &shared.spec.name, &job.sample.id, job.epoch);
    let mut state = SampleState::new(job.sample, job.epoch, seed);
    let mut transcript = Transcript::new(shared.clock.clone());
    init(&state, &mut transcript);
    let sampling = shared.spec.config.seed.or(Some(seed & SAMPLING_SEED_MAX));
    let config = GenerateConfig { seed: sampling, ..shared.spec.config.clone() };
    let settings = (config, shared.spec.limits);
    let mut generate = Generate::new(shared.model.clone(), settings, shared.halted.clone(), transcript)
        .with_meter(shared.meter.clone());
    let ending = solve(&shared, &mut state, &mut generate).await?;
    let scores = score(&shared, &ending, (&state, &mut generate.transcript)).await;
    Some(record(&shared, job.round, state, (generate, ending, scores)))
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

async fn solve_in_time(shared: &Shared, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop> {
    let work = AssertUnwindSafe(shared.chain.solve(state, generate)).catch_unwind();
    let seconds = shared.spec.limits.time_seconds;
    let result = match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        None => work.await,
        Some(limit) => tokio::time::timeout(limit, work).await.map_err(|_| Stop::Limit {
            limit: LimitKind::Time,
            value: seconds,
            message: format!("not finished within {} s", limit.as_secs_f64()),
        })?,
    };
    result.unwrap_or_else(|panic| Err(Stop::Panicked(panic_text(panic.as_ref()).to_owned())))
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
async fn score(shared: &Shared, ending: &Ending, (state, transcript): (&SampleState, &mut Transcript)) -> Scores {
    match ending {
        Ending::Completed => shared.scorers.score(state, transcript).await,
        Ending::Limit { .. } if state.output.is_some() => shared.scorers.score(state, transcript).await,
        _ => Scores::default(),
    }
}

fn record(
    shared: &Shared,
    round: u32,
    state: SampleState,
    (generate, ending, scores): (Generate, Ending, Scores),
) -> SampleRecord {
    let (usage, cost) = (generate.usage(), generate.cost());
    let transcript = generate.transcript;
    SampleRecord {
        id: SampleId::of(&shared.run, &shared.spec.name, &state.sample, (state.epoch, FIRST_ATTEMPT)),
        run: shared.run,
        task: shared.spec.name.clone(),
        attempt: FIRST_ATTEMPT,
        round,
        response: state.output.as_ref().map(response),
        ending: scores.failure.map_or(ending, Ending::GraderError),
        scores: scores.given,
        labels: Vec::new(),
        usage,
        cost,
        started_at: transcript.started_at(),
        completed_at: transcript.now(),
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
            Stop::Failed(message) => Ending::GraderError(RecordedError::new("solver", message)),
            Stop::Panicked(message) => Ending::GraderError(RecordedError::new("panic", message)),
            Stop::Halted => return None,
        })
    }
}
