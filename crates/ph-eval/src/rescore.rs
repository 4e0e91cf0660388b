//! Scores the replies of a run again, or has its samples counted otherwise: no model is asked, and the old run stays as
//! it is. The new run names the old one, the digest of its samples and the treatment; a treatment changes no score.

use std::path::Path;
use std::sync::Arc;

use ph_base::digest::DigestBuilder;
use ph_base::{Clock, RunId};
use ph_evallog::{PackedEntry, Packer, ReadLimits, lenient, numbers, sample};
use ph_model::ToolChoice;
use ph_record::event::KnownEvent;
use ph_record::{
    BudgetUse, Ending, Event, MeasureSpec, Origin, OriginKind, RunManifest, RunStatus, SampleId, SampleRecord,
    ScorerSpec, Treatment, add_role_use,
};
use serde_json::Value;
use std::io;
use tokio_util::sync::CancellationToken;

use crate::journal::JournalRecorder;
use crate::log_files::{LogFilesError, write_logs};
use crate::parameters::StepError;
use crate::role::{RoleAsker, RoleCalls, RoleError, Roles};
use crate::run_dir::{RunDir, RunDirError, whole_record};
use crate::sample_state::SampleState;
use crate::scorer::{ScorerSet, is_scorer_failure};
use crate::segment::StoredSample;
use crate::step_context::StepContext;
use crate::transcript::Transcript;

/// What to score again.
pub struct RescoreRequest<'a> {
    /// The run whose replies are scored.
    pub source: &'a RunDir,
    /// The models that these scorers ask.
    pub roles: Roles,
    /// The scorers; the run's own are left away. None: every score stays.
    pub scorers: Vec<ScorerSpec>,
    /// How the new run's samples are counted, where not as the old one's.
    pub treatment: Option<Treatment>,
    /// The directory in which the new run's directory is made.
    pub runs: &'a Path,
    /// The new run's id.
    pub id: RunId,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The program with its version.
    pub program: String,
}

/// A run cannot be scored again; nothing of the new run is left.
#[derive(Debug, thiserror::Error)]
pub enum RescoreError {
    /// A scorer cannot be made.
    #[error(transparent)]
    Scorer(#[from] StepError),
    /// A role that a scorer asks has no model.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The run cannot be read, or the new one's directory cannot be made.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// The new run cannot be written.
    #[error("cannot write the new run")]
    Write(#[from] io::Error),
    /// The new run's log files cannot be made.
    #[error(transparent)]
    Files(#[from] LogFilesError),
    /// A sample cannot be scored again.
    #[error("sample `{sample}` epoch {epoch}: {problem}")]
    Sample {
        /// The item.
        sample: String,
        /// The epoch.
        epoch: u32,
        /// What is wrong.
        problem: String,
    },
}

/// Scores every sample of a run that ran to its end or to a limit. What ended in another error stays as it ended; what
/// a grader failed on is scored anew.
///
/// # Errors
/// [`RescoreError`].
pub async fn rescore(request: &RescoreRequest<'_>) -> Result<RunManifest, RescoreError> {
    let scorers = ScorerSet::build(&request.scorers, &StepContext::without_files())?;
    request.roles.check("rescore", &scorers.roles())?;
    let old = request.source.manifest()?;
    let dir = RunDir::create(request.runs, &request.id)?;
    let roles = Arc::new(request.roles.clone());
    let done = Rescoring { request, scorers, roles, dir: &dir }.run(old).await;
    if done.is_err() {
        let _ = std::fs::remove_dir_all(dir.path());
    }
    done
}

struct Rescoring<'a> {
    request: &'a RescoreRequest<'a>,
    scorers: ScorerSet,
    roles: Arc<Roles>,
    dir: &'a RunDir,
}

impl Rescoring<'_> {
    async fn run(&self, old: RunManifest) -> Result<RunManifest, RescoreError> {
        let mut manifest = self.begin(old);
        let mut journal = JournalRecorder::new(self.dir.clone()).map_err(io::Error::other)?;
        let mut packer = Packer::new()?;
        let mut digest = DigestBuilder::default();
        for stored in self.request.source.stored()? {
            let stored = stored?;
            digest.part(stored.name.as_bytes());
            digest.part(&stored.entry.payload);
            let (record, entry) = self.sample(stored, &manifest, &mut packer).await?;
            journal.store(&record, &entry)?;
            manifest.count_ending(&record.ending);
            add_role_use(&mut manifest.roles, &record.roles);
        }
        journal.commit_stored()?;
        if let Some(origin) = &mut manifest.origin {
            origin.digest = Some(digest.finish());
        }
        if let Some(budget) = self.roles.budget_use() {
            let ended_run = budget.ended_run || manifest.is_ended_by_budget();
            manifest.budget = Some(BudgetUse { ended_run, ..budget });
        }
        manifest.completed_at = Some(self.request.clock.now().max(manifest.started_at));
        self.dir.write_manifest(&manifest)?;
        if let Some(header) = self.request.source.imported_header()? {
            self.dir.write_imported_header(&header)?;
        }
        write_logs(self.dir, &manifest)?;
        Ok(manifest)
    }

    fn begin(&self, old: RunManifest) -> RunManifest {
        let earlier = old.origin.as_ref().and_then(|origin| origin.treatment);
        let lacks = old.origin.map(|origin| origin.lacks).unwrap_or_default();
        let mut manifest = RunManifest {
            id: self.request.id,
            samples: 0,
            endings: std::collections::BTreeMap::new(),
            started_at: self.request.clock.now(),
            completed_at: None,
            origin: Some(Origin {
                kind: OriginKind::Rescored,
                of: old.id.to_string(),
                digest: None,
                by: Some(self.request.program.clone()),
                treatment: self.request.treatment.or(earlier),
                lacks,
            }),
            roles: self.roles.no_use(),
            role_prices: self.roles.prices(),
            ..RunManifest { origin: None, ..old }
        };
        // Other scores do not make a run whole that broke off.
        if manifest.status == RunStatus::Started {
            manifest.status = RunStatus::Cancelled;
        }
        if self.request.scorers.is_empty() {
            return manifest;
        }
        manifest.task.scorer.clone_from(&self.request.scorers);
        let labels: Vec<&str> = self.scorers.labels().collect();
        let measures = &mut manifest.task.analysis.measures;
        measures.retain(|measure| labels.contains(&measure.score.as_str()));
        if measures.is_empty() {
            let made = labels.iter().enumerate().map(|(at, label)| ph_evallog::imported::measure(at, label));
            measures.extend(made.filter_map(|measure| serde_json::from_value::<MeasureSpec>(measure).ok()));
        }
        manifest
    }

    async fn sample(
        &self,
        stored: StoredSample,
        manifest: &RunManifest,
        packer: &mut Packer,
    ) -> Result<(SampleRecord, PackedEntry<'static>), RescoreError> {
        let (id, epoch) = (stored.record.sample.clone(), stored.record.epoch);
        let wrong = |problem: String| RescoreError::Sample { sample: id.clone(), epoch, problem };
        let document = stored.entry.clone().unpack(&ReadLimits::default()).map_err(|error| wrong(error.to_string()))?;
        let mut value: Value = lenient::parse(&document).map_err(|error| wrong(error.to_string()))?;
        let whole = whole_record(stored).map_err(wrong)?;
        let old_events = whole.events.len();
        let (record, events) = self.scored(whole, manifest).await;
        sample::rescored(&mut value, &record, &events[old_events..]).map_err(wrong)?;
        let entry = packer.pack(&numbers::written(&value).map_err(io::Error::from)?)?;
        Ok((record, entry))
    }

    /// The record with its new scores, without its transcript, and the transcript that has grown.
    async fn scored(&self, mut record: SampleRecord, manifest: &RunManifest) -> (SampleRecord, Vec<Event>) {
        record.run = manifest.id;
        record.id = SampleId::of(&manifest.id, &record.task, &record.sample, (record.epoch, record.attempt));
        let events = std::mem::take(&mut record.events);
        let solved = solved_ending(&record.ending, &events);
        if self.request.scorers.is_empty() {
            return (record, events);
        }
        record.scores.clear();
        if !is_to_be_scored(&record) {
            return (record, events);
        }
        let mut transcript = Transcript::going_on(self.request.clock.clone(), events);
        let mut calls = RoleCalls::new(self.roles.clone(), Arc::default(), (CancellationToken::new(), record.seed));
        let scores = self.scorers.score(&state(&record), &mut RoleAsker::new(&mut calls, &mut transcript)).await;
        record.roles = calls.used();
        record.scores = scores.given;
        record.ending = scores.failure.map_or(solved, Ending::GraderError);
        (record, transcript.into_events())
    }
}

/// How a sample had ended before a scorer failed on it: what its transcript says of a limit stands.
fn solved_ending(ending: &Ending, events: &[Event]) -> Ending {
    if !matches!(ending, Ending::GraderError(_)) {
        return ending.clone();
    }
    let limit = events.iter().rev().find_map(|event| match event.kind.known() {
        Some(KnownEvent::SampleLimit { kind, limit, .. }) => Some(Ending::Limit { limit: *kind, value: *limit }),
        _ => None,
    });
    limit.unwrap_or(Ending::Completed)
}

/// Whether a sample has a reply to be scored, and nothing but a scorer's failure ended it in an error.
fn is_to_be_scored(record: &SampleRecord) -> bool {
    let is_ended = match &record.ending {
        Ending::Completed | Ending::Limit { .. } => true,
        Ending::GraderError(error) => is_scorer_failure(error),
        _ => false,
    };
    is_ended && record.output.is_some()
}

/// What the scorers read, as it was after the last solver.
fn state(record: &SampleRecord) -> SampleState {
    SampleState {
        sample: record.sample.clone(),
        epoch: record.epoch,
        seed: record.seed,
        input: record.input.clone(),
        expected: record.expected.clone(),
        choices: record.choices.clone(),
        metadata: record.metadata.clone(),
        messages: record.messages.clone(),
        tools: Vec::new(),
        tool_choice: ToolChoice::Auto,
        output: record.output.clone(),
    }
}
