//! Replay: a recorded run once more, its calls answered by what was recorded, its clock telling the recorded instants.
//!
//! Nobody is asked, no model is needed and no program is started: what an external grader said is taken from the record
//! too. Solvers, scorers, limits and the writing of logs are the engine's own, so what comes out is what this program makes
//! of those replies: the same bytes, or a divergence with its place. The samples run one after another in the order in which
//! they finished, so that how many ran at once then does not matter.

mod difference;
mod recorded_task;
mod replay_model;
mod script;
mod stage;
mod verdict;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::Digest;
use ph_record::{
    OriginKind, Price, RecordError, Recorder, RunEvent, RunManifest, RunStatus, SolverSpec, SourceOptions, TaskFiles,
    TaskSource, TaskSourceError, TaskSpec,
};

pub use self::difference::Difference;
pub use self::verdict::{Compared, Divergence, DivergenceKind, Replayed};

use self::recorded_task::{ItemMarks, MissingFiles, RecordedTask};
use self::replay_model::{ReplayClock, ReplayModel};
use self::stage::{ReplayBudget, Stage};
use crate::budget::Meter;
use crate::door::Door;
use crate::engine::{Cancellation, RunError, RunRequest, run};
use crate::journal::JournalRecorder;
use crate::parameters::StepError;
use crate::role::{RoleModel, Roles};
use crate::run_dir::{RunDir, RunDirError};
use crate::step_context::{Commands, StepContext};

/// What to replay.
pub struct ReplayRequest<'a> {
    /// The recorded run.
    pub source: &'a RunDir,
    /// The directory in which the replayed run's directory is made; it has the same id, so not the recorded run's own.
    pub runs: &'a Path,
    /// The task to replay it by, where that is another than the recorded one: the task as it stands now.
    pub task: Option<Arc<dyn TaskSource>>,
    /// The log from which the run was read, where it stands for the run's own log files.
    pub log: Option<&'a Path>,
}

/// A run cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The run cannot be read, or the replay's directory cannot be made.
    #[error(transparent)]
    Dir(#[from] RunDirError),
    /// The journal of the replay cannot be written.
    #[error(transparent)]
    Journal(#[from] RecordError),
    /// A solver or scorer of the run is none of this program's.
    #[error("the run cannot be replayed here")]
    Step(#[source] StepError),
    /// A step reads a file beside the task, and the record of a run holds none.
    #[error("the run cannot be replayed without its task, beside which lies a file that a step reads")]
    Files(#[source] StepError),
    /// The task to replay it by cannot be read.
    #[error(transparent)]
    Task(TaskSourceError),
    /// A log cannot be read for comparison.
    #[error("cannot read `{}`", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The replay broke off.
    #[error("the replay broke off")]
    Run(#[source] Box<RunError>),
}

/// Replays a run and compares it with its record.
///
/// # Errors
/// [`ReplayError`]; a replay that differs is none, the verdict says so.
pub async fn replay(request: &ReplayRequest<'_>) -> Result<Replayed, ReplayError> {
    let recorded = recorded(request)?;
    let is_foreign = request.source.imported_header()?.is_some();
    let is_rescored = recorded.origin.as_ref().is_some_and(|origin| origin.kind == OriginKind::Rescored);
    let stage = Arc::new(Stage::new(&recorded, (is_foreign, is_foreign || is_rescored)));
    let dir = RunDir::create(request.runs, &recorded.id)?;
    let done = played(request, &recorded, (&stage, &dir)).await;
    if done.is_err() {
        // What broke off is no replay of anything.
        let _ = std::fs::remove_dir_all(dir.path());
    }
    done
}

async fn played(
    request: &ReplayRequest<'_>,
    recorded: &RunManifest,
    (stage, dir): (&Arc<Stage>, &RunDir),
) -> Result<Replayed, ReplayError> {
    let task = recorded_task(request, recorded, stage)?;
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(ReplayRecorder {
        journal: JournalRecorder::new(dir.clone())?,
        stage: stage.clone(),
        recorded: recorded.clone(),
    })];
    let missing = Arc::new(MissingFiles::default());
    let files = request.task.as_ref().map_or_else(|| missing.clone() as Arc<dyn TaskFiles>, |task| task.files());
    match run(run_request(recorded, (task, files), stage), recorders, &mut []).await {
        Ok(_) => {}
        Err(RunError::Step(error)) if missing.was_asked() => return Err(ReplayError::Files(error)),
        Err(RunError::Step(error)) => return Err(ReplayError::Step(error)),
        Err(RunError::Source { source, .. }) => return Err(ReplayError::Task(source)),
        Err(error) => return Err(ReplayError::Run(Box::new(error))),
    }
    stage.end();
    let compared = compared(recorded, stage);
    if compared == Compared::Bytes && stage.seen().divergences_total == 0 {
        compare_files(request, dir, stage)?;
    }
    Ok(verdict(recorded, stage, (compared, dir.path())))
}

/// The manifest of the recorded run; that of a log that stands for itself without having been imported.
fn recorded(request: &ReplayRequest<'_>) -> Result<RunManifest, ReplayError> {
    let mut recorded = request.source.manifest()?;
    if request.log.is_some() {
        recorded.origin = None;
    }
    Ok(recorded)
}

fn recorded_task(
    request: &ReplayRequest<'_>,
    recorded: &RunManifest,
    stage: &Arc<Stage>,
) -> Result<RecordedTask, ReplayError> {
    let mut spec = recorded.task.clone();
    let mut items = None;
    if let Some(task) = &request.task {
        let options = SourceOptions { seed: recorded.seed, limit: recorded.limit };
        let digest = task.digest(&options).map_err(ReplayError::Task)?;
        if digest != recorded.task_digest {
            let what =
                format!("the task is not the recorded one: its digest is {digest}, not {}", recorded.task_digest);
            stage.diverged(Divergence::of_run(DivergenceKind::Task, what));
        }
        spec = task.spec().clone();
        items = Some(ItemMarks::of(task.as_ref(), &options).map_err(ReplayError::Task)?);
    }
    if stage.is_foreign {
        as_ours(&mut spec);
    }
    Ok(RecordedTask {
        spec,
        digest: recorded.task_digest,
        source: request.source.clone(),
        stage: stage.clone(),
        status: recorded.status,
        cancellation: Cancellation::default(),
        items,
    })
}

/// Another program's `generate` has parameters of its own, none of which ours has.
fn as_ours(spec: &mut TaskSpec) {
    for step in spec.solver.iter_mut().filter(|step| step.name() == "generate") {
        *step = SolverSpec::Name("generate".to_owned());
    }
}

fn run_request(
    recorded: &RunManifest,
    (task, files): (RecordedTask, Arc<dyn TaskFiles>),
    stage: &Arc<Stage>,
) -> RunRequest {
    let model = ReplayModel {
        target: recorded.target.clone(),
        fingerprint: recorded.fingerprint,
        role: None,
        stage: stage.clone(),
    };
    let clock = Arc::new(ReplayClock(stage.clone()));
    RunRequest {
        id: recorded.id,
        plan: recorded.plan,
        kind: recorded.kind,
        cancellation: task.cancellation.clone(),
        task: Arc::new(task),
        // One at a time, in the order in which they finished.
        door: Door::plain(Arc::new(model), 1, clock.clone()),
        clock,
        seed: recorded.seed,
        limit: recorded.limit,
        epochs: Some(recorded.epochs),
        asked: None,
        earlier: None,
        sandbox_retries: 0,
        chain: None,
        // A run's record may come from anywhere: none of its commands is started.
        context: Some(StepContext { files, commands: Commands::Recorded(stage.clone()) }),
        tuning: None,
        meter: meter(recorded.price.clone(), None, stage),
        roles: roles(recorded, stage),
    }
}

fn meter(price: Option<Price>, role: Option<&String>, stage: &Arc<Stage>) -> Meter {
    Meter::of_replay(price, Arc::new(ReplayBudget { role: role.cloned(), stage: stage.clone() }))
}

/// Every role's calls, answered by what was recorded.
fn roles(recorded: &RunManifest, stage: &Arc<Stage>) -> Roles {
    let mut roles = Roles::default();
    for (role, used) in &recorded.roles {
        let Ok(target) = used.target.parse() else { continue };
        let model = ReplayModel { target, fingerprint: None, role: Some(role.clone()), stage: stage.clone() };
        let price = recorded.role_prices.get(role).cloned();
        let meter = meter(price, Some(role), stage);
        roles.bind(role.clone(), RoleModel { model: Arc::new(model), meter });
    }
    roles
}

/// Compares every finished sample with its record and writes it into the replay's own journal.
struct ReplayRecorder {
    journal: JournalRecorder,
    stage: Arc<Stage>,
    recorded: RunManifest,
}

impl ReplayRecorder {
    /// The manifest of the replay: what a run gives is the replay's, how it was asked for is the record's.
    fn manifest(&self, replayed: &RunManifest) -> Arc<RunManifest> {
        Arc::new(RunManifest {
            task: replayed.task.clone(),
            status: replayed.status,
            samples: replayed.samples,
            endings: replayed.endings.clone(),
            usage: replayed.usage,
            roles: replayed.roles.clone(),
            budget: replayed.budget,
            error: replayed.error.clone(),
            started_at: replayed.started_at,
            completed_at: replayed.completed_at,
            ..self.recorded.clone()
        })
    }
}

impl Recorder for ReplayRecorder {
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        match event {
            RunEvent::RunStarted(manifest) => self.journal.record(&RunEvent::RunStarted(self.manifest(manifest))),
            RunEvent::RunFinished(manifest) => self.journal.record(&RunEvent::RunFinished(self.manifest(manifest))),
            RunEvent::SampleFinished(record) => {
                self.stage.finished(record);
                self.journal.record(event)
            }
            RunEvent::RoundStarted { .. } | RunEvent::LimitsChanged(_) => self.journal.record(event),
        }
    }

    fn commit(&mut self) -> Result<(), RecordError> {
        self.journal.commit()
    }
}

fn compared(recorded: &RunManifest, stage: &Stage) -> Compared {
    let has_ended = matches!(recorded.status, RunStatus::Success | RunStatus::Cancelled);
    match (stage.results_only, has_ended) {
        (true, _) => Compared::Results,
        (false, true) => Compared::Bytes,
        (false, false) => Compared::Records,
    }
}

/// Compares `run.json` and the log files byte by byte.
fn compare_files(request: &ReplayRequest<'_>, dir: &RunDir, stage: &Stage) -> Result<(), ReplayError> {
    let source = request.source.path();
    if let Some(log) = request.log {
        compare_file((log, &dir.path().join("log-000.eval")), DivergenceKind::Log, stage)?;
        return Ok(());
    }
    let name = "run.json";
    compare_file((&source.join(name), &dir.path().join(name)), DivergenceKind::Run, stage)?;
    for number in 0.. {
        let name = format!("log-{number:03}.eval");
        let (recorded, replayed) = (source.join(&name), dir.path().join(&name));
        if !recorded.exists() && !replayed.exists() {
            break;
        }
        compare_file((&recorded, &replayed), DivergenceKind::Log, stage)?;
    }
    Ok(())
}

fn compare_file((recorded, replayed): (&Path, &Path), kind: DivergenceKind, stage: &Stage) -> Result<(), ReplayError> {
    let open = |path: &Path| File::open(path).map_err(failed(path));
    let name = recorded.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_missing = |path: &Path| !path.exists();
    if is_missing(recorded) || is_missing(replayed) {
        let side = if is_missing(recorded) { "the run" } else { "the replay" };
        stage.diverged(Divergence::of_run(kind, format!("{side} has no `{name}`")));
        return Ok(());
    }
    let at = first_difference(open(recorded)?, open(replayed)?).map_err(failed(recorded))?;
    if let Some(at) = at {
        let what = format!("`{name}` differs from byte {at} on, though every record is equal");
        stage.diverged(Divergence::of_run(kind, what));
    }
    Ok(())
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ReplayError + use<> {
    let path = path.to_owned();
    move |source| ReplayError::Log { path: path.clone(), source }
}

/// Where two files differ first; none where they are the same.
fn first_difference(one: File, two: File) -> io::Result<Option<u64>> {
    let (mut one, mut two) = (BufReader::new(one).bytes(), BufReader::new(two).bytes());
    for at in 0.. {
        match (one.next().transpose()?, two.next().transpose()?) {
            (None, None) => break,
            (a, b) if a != b => return Ok(Some(at)),
            _ => {}
        }
    }
    Ok(None)
}

fn verdict(recorded: &RunManifest, stage: &Stage, (compared, dir): (Compared, &Path)) -> Replayed {
    let seen = stage.seen();
    let task_digest: Digest = recorded.task_digest;
    Replayed {
        equal: seen.divergences_total == 0,
        run: recorded.id,
        samples: seen.samples,
        calls: seen.calls,
        compared,
        task_digest,
        divergences: seen.divergences,
        divergences_total: seen.divergences_total,
        graders_recorded: seen.graders.into_iter().collect(),
        dir: Some(dir.to_owned()),
    }
}
