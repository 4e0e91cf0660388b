//! The one loop that owns a run's state: starts samples, sends their records to be kept, counts what is kept, tells
//! reporters, changes limits.

use std::sync::Arc;
use std::time::Duration;

use ph_record::{
    LimitChange, RecordError, RecordedError, RunEvent, RunManifest, RunStatus, SampleAttempt, SampleRecord,
    SampleStream, TaskSourceError, add_role_use,
};
use tokio::task::{JoinError, JoinSet};

use super::earlier::{Earlier, Finished};
use super::jobs::{Job, Jobs};
use super::recording::{Gone, Recording};
use super::request::{Cancellation, Reporter, RunError, Tuning};
use super::sample_run::{Shared, attempts_of, run_sample};
use crate::run_dir::RunDirError;

/// The most finished samples that wait to be kept, beside two for each sample that may be under way; with more, no
/// further ones are started. So many may have been asked in vain where the disk turns out to be full.
const WAITING_MAX: usize = 64;
/// How often other limits are looked for.
const TUNING_EVERY: Duration = Duration::from_millis(500);

/// Why a run that has begun cannot go on.
enum Failure {
    Source(TaskSourceError),
    Record(RecordError),
    Earlier(RunDirError),
    Internal(String),
}

impl From<TaskSourceError> for Failure {
    fn from(error: TaskSourceError) -> Self {
        Failure::Source(error)
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Failure::Record(error)
    }
}

impl From<RunDirError> for Failure {
    fn from(error: RunDirError) -> Self {
        Failure::Earlier(error)
    }
}

impl From<Gone> for Failure {
    fn from(Gone(problem): Gone) -> Self {
        Failure::Internal(problem)
    }
}

type InFlight = JoinSet<Option<SampleRecord>>;

/// The state of one run.
pub(super) struct Dispatcher<'a> {
    pub(super) manifest: RunManifest,
    pub(super) shared: Arc<Shared>,
    pub(super) cancellation: Cancellation,
    pub(super) recording: Recording,
    pub(super) reporters: &'a mut [Box<dyn Reporter>],
    pub(super) earlier: Option<Earlier>,
    pub(super) tuning: Option<Box<dyn Tuning>>,
}

/// The jobs of a round that are still to be started.
struct Round {
    jobs: Jobs,
    finished: Finished,
    is_source_over: bool,
    failure: Option<Failure>,
}

impl Round {
    /// The next job that is not finished already, with the attempts before it.
    fn next(&mut self, stream: &dyn SampleStream) -> Option<(Job, Vec<SampleAttempt>)> {
        let next = self.unfinished(stream);
        self.is_source_over = !matches!(next, Ok(Some(_)));
        next.unwrap_or_else(|failure| {
            self.failure = Some(failure);
            None
        })
    }

    fn unfinished(&mut self, stream: &dyn SampleStream) -> Result<Option<(Job, Vec<SampleAttempt>)>, Failure> {
        for job in self.jobs.by_ref() {
            let job = job?;
            let (id, epoch) = (&job.sample.id, job.epoch);
            if self.finished.has(id, epoch)? || !stream.asks(id, epoch) {
                continue;
            }
            let before = self.finished.before(id, epoch).map(attempts_of);
            let before = before.unwrap_or_else(|| stream.earlier_attempts(id, epoch));
            return Ok(Some((job, before)));
        }
        Ok(None)
    }
}

impl Dispatcher<'_> {
    pub(super) async fn run(mut self, stream: &mut dyn SampleStream) -> Result<RunManifest, RunError> {
        let started = RunEvent::RunStarted(Arc::new(self.manifest.clone()));
        let outcome = match self.keep(started).await {
            Ok(()) => self.rounds(stream).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(status) => self.finish(status).await,
            Err(failure) => Err(self.fail(failure).await),
        }
    }

    async fn rounds(&mut self, stream: &mut dyn SampleStream) -> Result<RunStatus, Failure> {
        for round in 0.. {
            if self.cancellation.is_asked() {
                return Ok(RunStatus::Cancelled);
            }
            let size = stream.round_size_hint();
            let Some(samples) = stream.next_round()? else { break };
            if self.shared.meter.is_ended() {
                return Ok(RunStatus::Cancelled);
            }
            let finished = self.finished(round, stream)?;
            let samples_hint = size.map(|size| size.saturating_mul(u64::from(self.manifest.epochs)));
            let started = RunEvent::RoundStarted { round, samples: samples_hint, finished: finished.count() };
            self.keep(started).await?;
            let jobs = Jobs::new(samples, self.manifest.epochs, round);
            let mut round = Round { jobs, finished, is_source_over: false, failure: None };
            let mut in_flight = InFlight::new();
            let ended = self.round(stream, &mut round, &mut in_flight).await;
            // Whatever ended the round, no task outlives it: after a failure nothing more is sent.
            if !in_flight.is_empty() {
                self.shared.halted.cancel();
                in_flight.shutdown().await;
            }
            let ended = ended?;
            self.all_kept(stream).await?;
            round.finished.left().for_each(|record| self.count(&record));
            if ended == RunStatus::Cancelled {
                return Ok(RunStatus::Cancelled);
            }
        }
        Ok(RunStatus::Success)
    }

    /// What an interrupted run has of a round already.
    fn finished(&mut self, round: u32, stream: &mut dyn SampleStream) -> Result<Finished, Failure> {
        let Some(earlier) = self.earlier.take() else { return Ok(Finished::default()) };
        let finished = Finished::read(&earlier, round, |record, is_asked_again| {
            self.shared.meter.spent_earlier(record);
            if !is_asked_again {
                self.count(record);
                stream.observe(record);
            }
        });
        self.earlier = Some(earlier);
        Ok(finished?)
    }

    /// Runs a round to its end, or until it is cancelled or something fails; samples may then still be in flight.
    async fn round(
        &mut self,
        stream: &mut dyn SampleStream,
        round: &mut Round,
        in_flight: &mut InFlight,
    ) -> Result<RunStatus, Failure> {
        let mut tick = tokio::time::interval(TUNING_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.start(round, in_flight, stream);
            if in_flight.is_empty() && self.recording.under_way() == 0 {
                break;
            }
            tokio::select! {
                biased;
                () = self.cancellation.abandon.cancelled() => return Ok(RunStatus::Cancelled),
                kept = self.recording.kept(), if self.recording.under_way() > 0 => self.take(kept??, stream),
                finished = in_flight.join_next(), if !in_flight.is_empty() => self.send(finished)?,
                _ = tick.tick(), if self.tuning.is_some() && !in_flight.is_empty() => self.tune(),
            }
        }
        match round.failure.take() {
            Some(failure) => Err(failure),
            None if round.is_source_over => Ok(RunStatus::Success),
            None => Ok(RunStatus::Cancelled),
        }
    }

    /// Starts as many samples as the limits allow.
    fn start(&self, round: &mut Round, in_flight: &mut InFlight, stream: &dyn SampleStream) {
        let samples_max = self.shared.door.limits().samples_max();
        while !round.is_source_over
            && in_flight.len() < samples_max
            && self.recording.under_way() < WAITING_MAX + 2 * samples_max
            && !self.starts_no_more()
        {
            if let Some((job, before)) = round.next(stream) {
                in_flight.spawn(run_sample(job, before, self.shared.clone()));
            }
        }
    }

    /// Whether no more samples are to be started: somebody asked for it, or the budget is at its end.
    fn starts_no_more(&self) -> bool {
        self.cancellation.is_asked() || self.shared.meter.is_ended()
    }

    /// Sends a finished sample to be kept.
    fn send(&mut self, finished: Option<Result<Option<SampleRecord>, JoinError>>) -> Result<(), Failure> {
        let Some(finished) = finished else { return Ok(()) };
        if let Some(record) = finished.map_err(|error| Failure::Internal(error.to_string()))? {
            self.recording.send(RunEvent::SampleFinished(Arc::new(record)));
        }
        Ok(())
    }

    /// Counts what is kept.
    fn take(&mut self, group: Vec<RunEvent>, stream: &mut dyn SampleStream) {
        for event in group {
            if let RunEvent::SampleFinished(record) = &event {
                self.count(record);
                stream.observe(record);
            }
            self.report(&event);
        }
    }

    fn count(&mut self, record: &SampleRecord) {
        self.manifest.count_ending(&record.ending);
        self.manifest.usage.add(&record.usage_of_all_attempts());
        add_role_use(&mut self.manifest.roles, &record.roles_of_all_attempts());
    }

    /// Waits until everything that was sent is kept.
    async fn all_kept(&mut self, stream: &mut dyn SampleStream) -> Result<(), Failure> {
        while self.recording.under_way() > 0 {
            let group = self.recording.kept().await??;
            self.take(group, stream);
        }
        Ok(())
    }

    /// The same where the run has failed: nobody depends on the records any more, but they are there.
    async fn count_kept(&mut self) {
        while self.recording.under_way() > 0 {
            let Ok(Ok(group)) = self.recording.kept().await else { return };
            for event in group {
                if let RunEvent::SampleFinished(record) = &event {
                    self.count(record);
                }
                self.report(&event);
            }
        }
    }

    /// Has an event kept, outside of rounds.
    async fn keep(&mut self, event: RunEvent) -> Result<(), Failure> {
        self.recording.send(event);
        while self.recording.under_way() > 0 {
            for event in self.recording.kept().await?? {
                self.report(&event);
            }
        }
        Ok(())
    }

    /// Puts other limits into effect where somebody asks for them, and records whatever is in effect.
    fn tune(&mut self) {
        if let Some(wanted) = self.tuning.as_mut().and_then(|tuning| tuning.wanted()) {
            self.shared.door.set_limits(wanted);
        }
        // The door is shared: another run on the target may have been the one that was asked.
        let limits = self.shared.door.limits();
        if self.manifest.limits == Some(limits) {
            return;
        }
        self.manifest.limits = Some(limits);
        self.manifest.limit_changes.push(LimitChange { at: self.shared.clock.now(), limits });
        self.recording.send(RunEvent::LimitsChanged(Arc::new(self.manifest.clone())));
    }

    fn report(&mut self, event: &RunEvent) {
        for reporter in self.reporters.iter_mut() {
            reporter.report(event);
        }
    }

    async fn finish(mut self, status: RunStatus) -> Result<RunManifest, RunError> {
        let was_cut_short = status == RunStatus::Cancelled && !self.cancellation.is_asked();
        self.manifest.budget = self.shared.meter.budget_use(was_cut_short);
        // A sample that the budget kept from its call was not asked, though the source had no more to give.
        self.manifest.status = if self.manifest.is_ended_by_budget() { RunStatus::Cancelled } else { status };
        self.manifest.completed_at = Some(self.shared.clock.now().max(self.manifest.started_at));
        match self.keep(RunEvent::RunFinished(Arc::new(self.manifest.clone()))).await {
            Ok(()) => Ok(self.manifest),
            Err(failure) => Err(self.fail(failure).await),
        }
    }

    /// Ends the run as failed: every recorder that still can keeps the final manifest.
    async fn fail(mut self, failure: Failure) -> RunError {
        self.shared.halted.cancel();
        if matches!(failure, Failure::Source(_) | Failure::Earlier(_)) {
            self.count_kept().await;
        }
        let (code, message) = match &failure {
            Failure::Source(error) => ("task_source", error.to_string()),
            Failure::Record(error) => ("record", format!("{error}: {}", error.source)),
            Failure::Earlier(error) => ("journal", error.to_string()),
            Failure::Internal(problem) => ("internal", problem.clone()),
        };
        self.manifest.status = RunStatus::Error;
        self.manifest.error = Some(RecordedError::new(code, &message));
        self.manifest.completed_at = Some(self.shared.clock.now().max(self.manifest.started_at));
        let event = RunEvent::RunFinished(Arc::new(self.manifest.clone()));
        self.recording.send(event.clone());
        // After a failed record nothing but the run's end is kept any more.
        while let Ok(kept) = self.recording.kept().await {
            if kept.is_ok_and(|group| group.iter().any(|event| matches!(event, RunEvent::RunFinished(_)))) {
                break;
            }
        }
        self.report(&event);
        let manifest = Box::new(self.manifest);
        match failure {
            Failure::Source(source) => RunError::Source { source, manifest: Some(manifest) },
            Failure::Record(source) => RunError::Record { source, manifest },
            Failure::Earlier(source) => RunError::Earlier { source, manifest },
            Failure::Internal(problem) => RunError::Internal { problem, manifest },
        }
    }
}
