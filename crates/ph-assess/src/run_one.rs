//! One task on one target, into its run directory: what `eval run` does and an assessment does many times.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_analysis::RunTable;
use ph_base::{Digest, PlanId, RunId};
use ph_eval::{
    Again, Disk, Earlier, JournalRecorder, LimitsFile, Reporter, Roles, RunDir, RunDirError, RunError, RunRequest,
    Spending, TornTail,
};
use ph_model::{ModelApi, TargetName};
use ph_record::{
    RecordError, Recorder, RunAsked, RunKind, RunManifest, RunStatus, SampleRecord, SourceOptions, TaskSource,
    TaskSourceError,
};

use crate::change::{Change, list};
use crate::earlier::{EarlierAssessment, EarlierError, check_plan_of};
use crate::house::House;
use crate::own_plan::{OwnPlanError, PLAN, own_plan};
use crate::record::{Record, RecordKeepError};
use crate::target_limits::TargetLimits;

/// What to run.
#[derive(Clone)]
pub struct RunOne {
    /// The task.
    pub task: Arc<dyn TaskSource>,
    /// The plan under which it runs, where there is one.
    pub plan: Option<PlanId>,
    /// Seed of items and sampling.
    pub seed: u64,
    /// The most items of the first round.
    pub limit: Option<u64>,
    /// Epochs per item, where not the task's own.
    pub epochs: Option<u32>,
    /// How hard the target may be pressed; the first run on it decides for all.
    pub limits: TargetLimits,
    /// How it was asked for, where somebody may go on with it later.
    pub asked: Option<RunAsked>,
    /// For the comparator on the later items of an assessed target: that target.
    pub items_of: Option<TargetName>,
    /// Prices, and the budget that it shares with other runs.
    pub spending: Spending,
    /// The models that the task's steps ask besides the target.
    pub roles: Roles,
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// The record of the assessment that it belongs to; without one it has a record of its own, where records are kept.
    pub record: Option<RunRecord>,
}

/// The record into which a run goes.
#[derive(Clone)]
pub struct RunRecord {
    /// The record.
    pub record: Arc<Record>,
    /// The digest of the plan under which it runs, where there is one.
    pub plan: Option<Digest>,
}

/// A run cannot be made, or failed on the way.
#[derive(Debug, thiserror::Error)]
pub enum RunOneError {
    /// Its directory or journal cannot be written or read.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// Its journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] RecordError),
    /// The samples of the task of a run that is to be gone on with cannot be read.
    #[error("cannot read the task of run {run}")]
    Task {
        /// The run.
        run: RunId,
        /// Why.
        source: TaskSourceError,
    },
    /// A run cannot be gone on with: it would not be the same run.
    #[error("run {run} cannot be gone on with, because something has changed: {}", list(changes))]
    Changed {
        /// The run.
        run: RunId,
        /// What.
        changes: Vec<Change>,
    },
    /// The plan under which it was made is not there as it was locked.
    #[error(transparent)]
    Plan(#[from] EarlierError),
    /// Its own plan cannot be made or written.
    #[error("the plan of run {run} cannot be made")]
    OwnPlan {
        /// The run.
        run: PathBuf,
        /// Why.
        #[source]
        source: OwnPlanError,
    },
    /// Its record cannot be kept, or the witnesses have not cosigned; nothing was sent.
    #[error(transparent)]
    Record(#[from] RecordKeepError),
    /// It failed; its directory says how far it came.
    #[error("run {run} failed")]
    Run {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: Box<RunError>,
    },
}

/// A run that was gone on with.
#[derive(Debug, Clone)]
pub struct GoneOn {
    /// How it stands.
    pub manifest: RunManifest,
    /// What a power cut had left half written at the journal's end; it was cut away, and its sample asked again.
    pub torn: Option<TornTail>,
    /// Whether there was nothing to do.
    pub was_whole: bool,
}

/// Where a run is kept, and what is there of it already.
type Kept = (RunDir, JournalRecorder, Option<(RunManifest, Earlier)>, Option<RunRecord>);

/// How often a sample is tried again whose sandbox failed.
const SANDBOX_RETRIES: u32 = 2;

impl RunOne {
    /// Runs it in `runs/<run>/`.
    ///
    /// # Errors
    /// [`RunOneError`] where it cannot be recorded or its samples cannot be made.
    pub async fn run(&self, model: Arc<dyn ModelApi>, runs: &Path, house: &House) -> Result<RunManifest, RunOneError> {
        self.run_as(RunId::new(house.clock.now(), (house.random)()), model, (runs, house)).await
    }

    /// The same under an id that the caller has noted already.
    pub(crate) async fn run_as(
        &self,
        id: RunId,
        model: Arc<dyn ModelApi>,
        (runs, house): (&Path, &House),
    ) -> Result<RunManifest, RunOneError> {
        let dir = RunDir::create(runs, &id)?;
        let journal = JournalRecorder::new(dir.clone())?;
        let record = self.record_of((&dir, id), house)?;
        if self.kind == RunKind::Exploratory || self.record.is_some() || self.plan.is_some() {
            return self.run_in(id, model, (dir, journal, None, record), house).await;
        }
        let (plan, digest) = own_plan(self, (model.as_ref(), &dir), house)?;
        let record = record.map(|own| RunRecord { plan: Some(digest), ..own });
        if let Some(RunRecord { record, .. }) = &record {
            let cosigned = record.lock_plan(&plan, digest).await?;
            record.require(cosigned, house.progress.as_ref())?;
        }
        let one = Self { plan: Some(plan.id), ..self.clone() };
        one.run_in(id, model, (dir, journal, None, record), house).await
    }

    /// The record into which the run in `dir` goes: that of the assessment, or its own.
    fn record_of(&self, (dir, id): (&RunDir, RunId), house: &House) -> Result<Option<RunRecord>, RunOneError> {
        if self.record.is_some() {
            return Ok(self.record.clone());
        }
        let Some(keeper) = &house.keeper else { return Ok(None) };
        let root = dir.path().parent().and_then(Path::parent).unwrap_or(Path::new("."));
        if self.plan.is_some() && root.join("assessment.json").exists() {
            let earlier = EarlierAssessment::read(root)?;
            let record = Record::open(root, &earlier.manifest.id.to_string(), keeper, house)?;
            return Ok(Some(RunRecord { record: Arc::new(record), plan: Some(earlier.manifest.plan_digest) }));
        }
        let record = Arc::new(Record::open(dir.path(), &id.to_string(), keeper, house)?);
        let plan = std::fs::read(dir.path().join(PLAN)).ok().map(|bytes| Digest::of(&bytes));
        Ok(Some(RunRecord { record, plan }))
    }

    /// Goes on with a run that was cut off or interrupted. What it needs besides (task, plan, seed, target) must be what
    /// it was; nothing is sent where it is not. A run that came to its end is left as it is.
    ///
    /// # Errors
    /// [`RunOneError`] where something has changed, the journal is damaged, or the run fails again.
    pub async fn go_on(
        &self,
        (dir, again): (RunDir, Again),
        model: Arc<dyn ModelApi>,
        house: &House,
    ) -> Result<GoneOn, RunOneError> {
        let manifest = dir.manifest()?;
        if let Some(plan) = manifest.plan {
            check_plan_of(dir.path(), plan)?;
        }
        let changes = self.changes(&manifest, model.as_ref())?;
        if !changes.is_empty() {
            return Err(RunOneError::Changed { run: manifest.id, changes });
        }
        let (journal, torn) = JournalRecorder::going_on(dir.clone(), Arc::new(Disk))?;
        let record = self.record_of((&dir, manifest.id), house)?;
        if manifest.status == RunStatus::Success && again == Again::AccessCut && !has_cuts(&manifest) {
            // The power may have gone between the end of the journal and that of the record.
            if let Some(RunRecord { record, plan }) = &record {
                record.ensure_closed(dir.path(), &manifest, *plan)?;
            }
            return Ok(GoneOn { manifest, torn, was_whole: true });
        }
        let budget = manifest.budget.map(|used| used.limit);
        let earlier = Earlier { dir: dir.clone(), again, budget };
        let id = manifest.id;
        let manifest = self.run_in(id, model, (dir, journal, Some((manifest, earlier)), record), house).await?;
        Ok(GoneOn { manifest, torn, was_whole: false })
    }

    /// What is no longer as it was when the run began.
    fn changes(&self, old: &RunManifest, model: &dyn ModelApi) -> Result<Vec<Change>, RunOneError> {
        let options = SourceOptions { seed: self.seed, limit: self.limit };
        let digest = self.task.digest(&options).map_err(|source| RunOneError::Task { run: old.id, source })?;
        let epochs = self.epochs.unwrap_or(old.epochs);
        let plan = |plan: Option<PlanId>| plan.map_or_else(|| "none".to_owned(), |plan| plan.to_string());
        let print = |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        let pairs = [
            ("task", old.task.name.clone(), self.task.spec().name.clone()),
            ("task digest", old.task_digest.to_string(), digest.to_string()),
            ("target", old.target.to_string(), model.target().to_string()),
            ("target fingerprint", print(old.fingerprint), print(model.fingerprint())),
            ("plan", plan(old.plan), plan(self.plan)),
            ("seed", old.seed.to_string(), self.seed.to_string()),
            ("epochs", old.epochs.to_string(), epochs.to_string()),
        ];
        let roles = self.roles.targets();
        let roles = old.roles.iter().map(|(role, used)| {
            let is = roles.get(role).map_or("none", String::as_str);
            ("role", format!("{role}={}", used.target), format!("{role}={is}"))
        });
        let differs = pairs.into_iter().chain(roles).filter(|(_, was, is)| was != is);
        Ok(differs.map(|(what, was, is)| Change { what: what.to_owned(), was, is }).collect())
    }

    async fn run_in(
        &self,
        id: RunId,
        model: Arc<dyn ModelApi>,
        (dir, journal, earlier, record): Kept,
        house: &House,
    ) -> Result<RunManifest, RunOneError> {
        let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(journal)];
        if let Some(RunRecord { record, plan }) = &record {
            recorders.push(record.recorder(dir.path(), *plan));
        }
        let mut reporters: Vec<Box<dyn Reporter>> =
            vec![house.progress.run(model.target(), self.task.spec(), self.items_of.as_ref())];
        let meter = self.spending.meter(&model.target().to_string());
        let through = |model| house.doors.door(model, &self.limits, &house.clock).enter(id);
        let request = RunRequest {
            id,
            plan: self.plan,
            kind: self.kind,
            task: self.task.clone(),
            door: house.doors.door(model, &self.limits, &house.clock),
            clock: house.clock.clone(),
            seed: self.seed,
            limit: self.limit,
            epochs: self.epochs,
            asked: self.asked.clone(),
            earlier,
            sandbox_retries: SANDBOX_RETRIES,
            chain: None,
            context: None,
            tuning: Some(Box::new(LimitsFile::of(&dir))),
            meter,
            roles: self.roles.through(through),
            cancellation: house.cancellation.clone(),
        };
        let done = ph_eval::run(request, recorders, &mut reporters).await;
        let done = done.map_err(|source| RunOneError::Run { run: id, source: Box::new(source) })?;
        if let (None, Some(RunRecord { record, .. })) = (&self.record, &record) {
            house.progress.cosigned(&record.cosign().await?);
        }
        Ok(done)
    }
}

/// Whether samples are to be asked again although the run came to its end.
fn has_cuts(manifest: &RunManifest) -> bool {
    manifest.endings.get("access cut").is_some_and(|count| *count > 0)
}

/// Reads a run's records back from its directory into a table; `also` sees every record too.
///
/// # Errors
/// [`RunDirError`] where the journal cannot be read.
pub fn read_table(
    runs: &Path,
    manifest: &RunManifest,
    mut also: impl FnMut(&SampleRecord),
) -> Result<RunTable, RunDirError> {
    let dir = RunDir::open(runs.join(manifest.id.to_string()))?;
    let mut table = RunTable::new(&manifest.task);
    for record in dir.records_without_events()? {
        let record = record?;
        table.observe(&record);
        also(&record);
    }
    Ok(table)
}
