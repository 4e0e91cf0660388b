//! The one loop that owns a run's state: starts samples, takes their records, keeps count, tells recorders and reporters.

use std::sync::Arc;

use ph_record::{
    RecordError, RecordedError, Recorder, RunEvent, RunManifest, RunStatus, SampleRecord, SampleStream, TaskSourceError,
};
use tokio::task::{JoinError, JoinSet};

use super::jobs::Jobs;
use super::request::{Cancellation, Reporter, RunError};
use super::sample_run::{Shared, run_sample};

/// Why a run that has begun cannot go on.
enum Failure {
    Source(TaskSourceError),
    Record(RecordError),
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

type InFlight = JoinSet<Option<SampleRecord>>;

/// The state of one run.
pub(super) struct Dispatcher<'a> {
    pub(super) manifest: RunManifest,
    pub(super) shared: Arc<Shared>,
    pub(super) max_connections: usize,
    pub(super) cancellation: Cancellation,
    pub(super) recorders: &'a mut [Box<dyn Recorder>],
    pub(super) reporters: &'a mut [Box<dyn Reporter>],
}

impl Dispatcher<'_> {
    pub(super) async fn run(mut self, stream: &mut dyn SampleStream) -> Result<RunManifest, RunError> {
        let outcome = match self.emit(&RunEvent::RunStarted(Arc::new(self.manifest.clone()))) {
            Ok(()) => self.rounds(stream).await,
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(status) => self.finish(status),
            Err(failure) => Err(self.fail(failure)),
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
            let samples_hint = size.map(|size| size.saturating_mul(u64::from(self.manifest.epochs)));
            self.emit(&RunEvent::RoundStarted { round, samples: samples_hint })?;
            let mut in_flight = InFlight::new();
            let jobs = Jobs::new(samples, self.manifest.epochs, round);
            let ended = self.round(stream, jobs, &mut in_flight).await;
            // Whatever ended the round, no task outlives it: after a failure nothing more is sent.
            if !in_flight.is_empty() {
                self.shared.halted.cancel();
                in_flight.shutdown().await;
            }
            if ended? == RunStatus::Cancelled {
                return Ok(RunStatus::Cancelled);
            }
        }
        Ok(RunStatus::Success)
    }

    /// Runs a round to its end, or until it is cancelled or something fails; samples may then still be in flight.
    async fn round(
        &mut self,
        stream: &mut dyn SampleStream,
        mut jobs: Jobs,
        in_flight: &mut InFlight,
    ) -> Result<RunStatus, Failure> {
        let mut is_source_over = false;
        let mut source_failure = None;
        loop {
            while !is_source_over && in_flight.len() < self.max_connections && !self.starts_no_more() {
                match jobs.next() {
                    Some(Ok(job)) => {
                        in_flight.spawn(run_sample(job, self.shared.clone()));
                    }
                    Some(Err(error)) => (is_source_over, source_failure) = (true, Some(error)),
                    None => is_source_over = true,
                }
            }
            let finished = tokio::select! {
                biased;
                () = self.cancellation.abandon.cancelled() => return Ok(RunStatus::Cancelled),
                finished = in_flight.join_next() => finished,
            };
            match finished {
                Some(finished) => self.take(finished, stream)?,
                None => break,
            }
        }
        match source_failure {
            Some(error) => Err(error.into()),
            None if is_source_over => Ok(RunStatus::Success),
            None => Ok(RunStatus::Cancelled),
        }
    }

    /// Whether no more samples are to be started: somebody asked for it, or the budget is at its end.
    fn starts_no_more(&self) -> bool {
        self.cancellation.is_asked() || self.shared.meter.is_ended()
    }

    /// Has a finished sample recorded, and only then counts it.
    fn take(
        &mut self,
        finished: Result<Option<SampleRecord>, JoinError>,
        stream: &mut dyn SampleStream,
    ) -> Result<(), Failure> {
        let Some(record) = finished.map_err(|error| Failure::Internal(error.to_string()))? else { return Ok(()) };
        let record = Arc::new(record);
        for recorder in self.recorders.iter_mut() {
            recorder.record(&RunEvent::SampleFinished(record.clone()))?;
        }
        self.manifest.samples += 1;
        *self.manifest.endings.entry(record.ending.name().to_owned()).or_default() += 1;
        self.manifest.usage.add(&record.usage);
        stream.observe(&record);
        self.report(&RunEvent::SampleFinished(record));
        Ok(())
    }

    fn emit(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        for recorder in self.recorders.iter_mut() {
            recorder.record(event)?;
        }
        self.report(event);
        Ok(())
    }

    fn report(&mut self, event: &RunEvent) {
        for reporter in self.reporters.iter_mut() {
            reporter.report(event);
        }
    }

    fn finish(&mut self, status: RunStatus) -> Result<RunManifest, RunError> {
        let was_cut_short = status == RunStatus::Cancelled && !self.cancellation.is_asked();
        self.manifest.budget = self.shared.meter.budget_use(was_cut_short);
        // A sample that the budget kept from its call was not asked, though the source had no more to give.
        self.manifest.status = if self.manifest.is_ended_by_budget() { RunStatus::Cancelled } else { status };
        self.manifest.completed_at = Some(self.shared.clock.now());
        match self.emit(&RunEvent::RunFinished(Arc::new(self.manifest.clone()))) {
            Ok(()) => Ok(self.manifest.clone()),
            Err(error) => Err(self.fail(error.into())),
        }
    }

    /// Ends the run as failed: every recorder that still can keeps the final manifest.
    fn fail(&mut self, failure: Failure) -> RunError {
        self.shared.halted.cancel();
        let (code, message) = match &failure {
            Failure::Source(error) => ("task_source", error.to_string()),
            Failure::Record(error) => ("record", format!("{error}: {}", error.source)),
            Failure::Internal(problem) => ("internal", problem.clone()),
        };
        self.manifest.status = RunStatus::Error;
        self.manifest.error = Some(RecordedError::new(code, &message));
        self.manifest.completed_at = Some(self.shared.clock.now());
        let event = RunEvent::RunFinished(Arc::new(self.manifest.clone()));
        for recorder in self.recorders.iter_mut() {
            // The failure that ended the run is the one to be reported; a second one adds nothing.
            let _ = recorder.record(&event);
        }
        self.report(&event);
        let manifest = Box::new(self.manifest.clone());
        match failure {
            Failure::Source(source) => RunError::Source { source, manifest: Some(manifest) },
            Failure::Record(source) => RunError::Record { source, manifest },
            Failure::Internal(problem) => RunError::Internal { problem, manifest },
        }
    }
}
