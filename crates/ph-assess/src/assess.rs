//! The assessment: plan, runs, the comparator on later items, analysis, report.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream;
use futures::{StreamExt, TryStreamExt};
use ph_analysis::{AnalysisInput, Companion, Conformance, ReportData, Run, analyse};
use ph_base::{AssessmentId, RunId};
use ph_eval::{Again, RunDir, RunDirError, SpendingError};
use ph_model::{ModelApi, TargetName};
use ph_record::{AssessmentManifest, BudgetUse, Plan, RunEntry, RunKind, RunManifest, RunStatus, TaskSource};

use crate::conformance::{CheckSubject, check_conformance};
use crate::earlier::{EarlierAssessment, EarlierError};
use crate::house::House;
use crate::later_items::LaterItems;
use crate::output_dir::{OutputDir, OutputError};
use crate::plan::{AssessRequest, PlanError, TaskRoleModels, make};
use crate::record::{Attested, Record, RecordKeepError};
use crate::roles::{RoleBindError, RoleBinder};
use crate::run_one::{RunOne, RunOneError, RunRecord, read_table};
use crate::target::TargetError;

/// An assessment cannot be made, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// The budget cannot be kept; nothing was written or sent.
    #[error(transparent)]
    Spending(#[from] SpendingError),
    /// A target cannot be reached, or refuses the credential; nothing was written or run.
    #[error("target `{}` cannot be used: {}", conformance.target, reason(conformance))]
    Unreachable {
        /// What was seen of it.
        conformance: Box<Conformance>,
    },
    /// A role of a task cannot be given to a model; nothing was written or sent.
    #[error(transparent)]
    Roles(#[from] RoleBindError),
    /// The plan cannot be made; nothing was written.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The output directory cannot be used.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A target that could be opened for the plan cannot be opened any more.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A run failed as a whole.
    #[error(transparent)]
    Run(#[from] RunOneError),
    /// A run's records cannot be read back.
    #[error(transparent)]
    Records(#[from] RunDirError),
    /// The assessment that is to be gone on with is not there, or is another one; nothing was sent.
    #[error(transparent)]
    Earlier(#[from] EarlierError),
    /// The record cannot be kept, or the witnesses have not cosigned the plan.
    #[error(transparent)]
    Record(#[from] RecordKeepError),
    /// The report page cannot be made.
    #[error("cannot make the report page")]
    Report(#[from] ph_report::ReportError),
}

/// A finished assessment.
#[derive(Debug, Clone)]
pub struct Assessed {
    /// What the output directory holds.
    pub manifest: AssessmentManifest,
    /// The report's data.
    pub report: ReportData,
    /// Items that tasks left out because they cannot be read or asked.
    pub skipped: u64,
    /// The attested report and its bundle, where a record is kept.
    pub attested: Option<Attested>,
    /// The output directory.
    pub out: OutputDir,
}

/// Takes the targets through the whole assessment. Interrupted, it still writes a report of what was recorded.
///
/// # Errors
/// [`AssessError`]; what was recorded until then stays in the output directory.
pub async fn assess(request: &AssessRequest, house: &House) -> Result<Assessed, AssessError> {
    for target in request.all_targets() {
        request.spending.check(&target.to_string())?;
    }
    let mut assessment = if request.resume { go_on(request, house)? } else { begin(request, house).await? };
    let done = match assessment.lock_plan().await {
        Ok(()) => assessment.all_runs().await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        assessment.broke_off();
        return Err(error);
    }
    house.progress.analysing(assessment.is_cancelled());
    assessment.finish().await
}

/// A new assessment, its plan locked.
async fn begin<'a>(request: &'a AssessRequest, house: &'a House) -> Result<Assessment<'a>, AssessError> {
    OutputDir::check_free(&request.out)?;
    let roles = bind_roles(request, house)?;
    let conformance = check_endpoints(request, house).await?;
    let plan = make(request, &roles, house)?;
    let out = OutputDir::create(&request.out)?;
    if !conformance.is_empty() {
        out.write_json("conformance.json", &conformance)?;
    }
    let plan_digest = out.write_json("plan.json", &plan)?;
    house.progress.planned(&plan, &plan_digest);
    let manifest = AssessmentManifest {
        version: AssessmentManifest::VERSION,
        id: AssessmentId::new(house.clock.now(), (house.random)()),
        program: house.program.clone(),
        plan_digest,
        status: RunStatus::Started,
        runs: Vec::new(),
        budget: budget_use(request),
        resumed: Vec::new(),
        cosigned_by: Vec::new(),
        remarks: Vec::new(),
        repeat: request.repeat.clone(),
        interrupted: false,
        started_at: house.clock.now(),
        completed_at: None,
    };
    Assessment::new((request, house), (out, plan, manifest), (conformance, roles)).map_err(AssessError::Output)
}

/// An assessment that was broken off, where what is asked for is what was planned. Its endpoints are not checked again.
fn go_on<'a>(request: &'a AssessRequest, house: &'a House) -> Result<Assessment<'a>, AssessError> {
    let earlier = EarlierAssessment::read(&request.out)?;
    let roles = bind_roles(request, house)?;
    earlier.check(&make(request, &roles, house)?)?;
    let EarlierAssessment { mut manifest, plan, conformance } = earlier;
    let out = OutputDir::open(&request.out)?;
    house.progress.planned(&plan, &manifest.plan_digest);
    if let Some(budget) = &request.spending.budget {
        conformance.iter().for_each(|seen| budget.spent_before(seen.cost, seen.tokens));
    }
    manifest.status = RunStatus::Started;
    manifest.completed_at = None;
    manifest.resumed.push(house.clock.now());
    Assessment::new((request, house), (out, plan, manifest), (conformance, roles)).map_err(AssessError::Output)
}

/// The models of every task's roles.
fn bind_roles(request: &AssessRequest, house: &House) -> Result<TaskRoleModels, RoleBindError> {
    let mut binder = RoleBinder::new(house.targets.as_ref(), &request.spending, &request.roles);
    binder.check_given(&request.tasks)?;
    request.tasks.iter().map(|task| Ok((task.spec().name.clone(), binder.bind(task.as_ref())?))).collect()
}

/// Checks every target that is not in-process, one after another; the first that cannot be used ends the assessment.
async fn check_endpoints(request: &AssessRequest, house: &House) -> Result<Vec<Conformance>, AssessError> {
    let Some(options) = &request.conformance else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for name in request.all_targets().filter(|name| !name.is_in_process()) {
        house.progress.checking(name);
        let subject = CheckSubject { model: house.targets.open(name)?, stranger: house.targets.open_as_stranger(name) };
        let conformance = check_conformance(&subject, options, house, &request.spending).await;
        house.progress.checked(&conformance);
        if conformance.unreachable.is_some() {
            return Err(AssessError::Unreachable { conformance: Box::new(conformance) });
        }
        all.push(conformance);
    }
    Ok(all)
}

fn reason(conformance: &Conformance) -> String {
    conformance.unreachable.as_ref().map(|error| format!("{} ({})", error.message, error.code)).unwrap_or_default()
}

/// Tasks of one target behind an API that run at once: so that the last samples of one do not hold up the next.
const ENDPOINT_TASKS_AT_ONCE: usize = 4;

struct Assessment<'a> {
    request: &'a AssessRequest,
    house: &'a House,
    out: OutputDir,
    plan: Plan,
    /// What `assessment.json` says; several targets' runs note themselves there.
    manifest: Mutex<AssessmentManifest>,
    runs: Vec<RunManifest>,
    later: Vec<(TargetName, Arc<LaterItems>)>,
    input: Vec<Run>,
    companions: Vec<Companion>,
    conformance: Vec<Conformance>,
    roles: TaskRoleModels,
    /// Where a record is kept.
    record: Option<RunRecord>,
}

impl<'a> Assessment<'a> {
    fn new(
        (request, house): (&'a AssessRequest, &'a House),
        (out, plan, manifest): (OutputDir, Plan, AssessmentManifest),
        (conformance, roles): (Vec<Conformance>, TaskRoleModels),
    ) -> Result<Self, OutputError> {
        out.write_json("assessment.json", &manifest)?;
        let (runs, later, input, companions) = Default::default();
        let manifest = Mutex::new(manifest);
        let record = None;
        Ok(Self { request, house, out, plan, manifest, runs, later, input, companions, conformance, roles, record })
    }

    /// Locks the plan in the record; where it confirms and there are witnesses, they must have cosigned before anything is sent.
    async fn lock_plan(&mut self) -> Result<(), AssessError> {
        let Some(keeper) = &self.house.keeper else { return Ok(()) };
        let AssessmentManifest { id, plan_digest: digest, .. } = self.manifest().clone();
        let record = Record::open(self.out.root(), &id.to_string(), keeper, self.house)?;
        let mut cosigned = record.lock_plan(&self.plan, digest).await?;
        if self.plan.kind == RunKind::Confirmatory {
            cosigned = record.require(cosigned, self.house.progress.as_ref())?;
        }
        let mut manifest = self.manifest();
        // What is cosigned once runs have begun says nothing of what came before them.
        if manifest.runs.is_empty() && cosigned.is_satisfied {
            manifest.cosigned_by = cosigned.signed;
        }
        drop(manifest);
        self.record = Some(RunRecord { record: Arc::new(record), plan: Some(digest) });
        Ok(())
    }

    async fn all_runs(&mut self) -> Result<(), AssessError> {
        self.runs().await?;
        self.comparator_on_later_items().await
    }

    /// Every target runs every task; some targets at once. The tasks of a target behind an API share its door, those of
    /// one in this process go one after another.
    async fn runs(&mut self) -> Result<(), AssessError> {
        let targets: Vec<TargetName> = self.request.all_targets().cloned().collect();
        let jobs = targets.iter().map(|name| self.target_runs(name));
        // The first failure drops what is under way: nothing more is sent.
        let done: Vec<Vec<RunManifest>> =
            stream::iter(jobs).buffered(self.house.targets_at_once.max(1)).try_collect().await?;
        for run in done.into_iter().flatten() {
            self.keep(run)?;
        }
        Ok(())
    }

    async fn target_runs(&self, name: &TargetName) -> Result<Vec<RunManifest>, AssessError> {
        if self.starts_no_more() {
            return Ok(Vec::new());
        }
        let model = &self.house.targets.open(name)?;
        let jobs = self.request.tasks.iter().map(|task| async move {
            if self.starts_no_more() {
                return Ok(None);
            }
            self.run(task.clone(), model.clone(), None).await.map(Some)
        });
        let at_once = if name.is_in_process() { 1 } else { ENDPOINT_TASKS_AT_ONCE };
        let done: Vec<Option<RunManifest>> = stream::iter(jobs).buffered(at_once).try_collect().await?;
        Ok(done.into_iter().flatten().collect())
    }

    async fn run(
        &self,
        task: Arc<dyn TaskSource>,
        model: Arc<dyn ModelApi>,
        items_of: Option<TargetName>,
    ) -> Result<RunManifest, AssessError> {
        let earlier = self.earlier_run(&task.spec().name, model.target(), items_of.as_ref());
        // The items of a later round are all asked, however few the first was limited to.
        let limit = if items_of.is_some() { None } else { self.request.limit };
        let asked = self.request.asked.get(&task.spec().name).cloned();
        let roles = self.roles.get(&task.spec().name).cloned().unwrap_or_default();
        let one = RunOne {
            task,
            plan: Some(self.plan.id),
            seed: self.request.seed,
            limit,
            epochs: self.request.epochs,
            limits: self.request.limits,
            asked,
            items_of: items_of.clone(),
            spending: self.request.spending.clone(),
            roles,
            kind: self.plan.kind,
            record: self.record.clone(),
        };
        let run = match earlier {
            Some(dir) => self.go_on(&one, dir, model).await?,
            None => {
                let id = RunId::new(self.house.clock.now(), (self.house.random)());
                self.note(RunEntry {
                    run: id,
                    task: one.task.spec().name.clone(),
                    target: model.target().clone(),
                    items_of: items_of.clone(),
                    status: RunStatus::Started,
                    samples: 0,
                    errors: 0,
                })?;
                one.run_as(id, model, (&self.out.runs(), self.house)).await?
            }
        };
        self.note(RunEntry {
            run: run.id,
            task: run.task.name.clone(),
            target: run.target.clone(),
            items_of,
            status: run.status,
            samples: run.samples,
            errors: run.errors(),
        })?;
        Ok(run)
    }

    /// The run that was begun before the assessment was broken off. One that never wrote anything down is forgotten.
    fn earlier_run(&self, task: &str, target: &TargetName, items_of: Option<&TargetName>) -> Option<RunDir> {
        let mut manifest = self.manifest();
        let is_it =
            |entry: &RunEntry| entry.task == task && entry.target == *target && entry.items_of.as_ref() == items_of;
        let at = manifest.runs.iter().position(is_it)?;
        let dir = RunDir::open(self.out.runs().join(manifest.runs[at].run.to_string())).ok();
        let dir = dir.filter(|dir| dir.path().join("run.json").exists());
        if dir.is_none() {
            manifest.runs.remove(at);
        }
        dir
    }

    /// Goes on with a run; one that is whole stays as it is, and counts against the budget as it was.
    async fn go_on(&self, one: &RunOne, dir: RunDir, model: Arc<dyn ModelApi>) -> Result<RunManifest, AssessError> {
        let meter = self.request.spending.meter(&model.target().to_string());
        let gone_on = one.go_on((dir.clone(), Again::AccessCut), model, self.house).await?;
        if gone_on.was_whole {
            for record in dir.records_without_events()? {
                meter.spent_earlier(&record?);
            }
        }
        Ok(gone_on.manifest)
    }

    /// Reads a run back and remembers what the comparator must be asked too.
    fn keep(&mut self, run: RunManifest) -> Result<(), AssessError> {
        let task = self.request.tasks.iter().find(|task| task.spec().name == run.task.name);
        let mut later = LaterItems::of(&run.task).with_files(task.map(|task| task.files()));
        let table = read_table(&self.out.runs(), &run, |record| later.observe(record))?;
        if !later.is_empty() && self.request.comparator.as_ref().is_some_and(|comparator| *comparator != run.target) {
            self.later.push((run.target.clone(), Arc::new(later)));
        }
        self.input.push(Run { manifest: run.clone(), table });
        self.runs.push(run);
        Ok(())
    }

    async fn comparator_on_later_items(&mut self) -> Result<(), AssessError> {
        let Some(comparator) = self.request.comparator.clone() else { return Ok(()) };
        if self.later.is_empty() || self.starts_no_more() {
            return Ok(());
        }
        let model = self.house.targets.open(&comparator)?;
        for (assessed, items) in std::mem::take(&mut self.later) {
            if self.starts_no_more() {
                break;
            }
            let run = self.run(items, model.clone(), Some(assessed.clone())).await?;
            let table = read_table(&self.out.runs(), &run, |_| {})?;
            self.companions.push(Companion { assessed, run: Run { manifest: run, table } });
        }
        Ok(())
    }

    /// Writes down a run, or what became of it.
    fn note(&self, entry: RunEntry) -> Result<(), OutputError> {
        let mut manifest = self.manifest();
        match manifest.runs.iter_mut().find(|noted| noted.run == entry.run) {
            Some(noted) => *noted = entry,
            None => manifest.runs.push(entry),
        }
        self.out.write_json("assessment.json", &*manifest).map(|_| ())
    }

    /// Says in `assessment.json` that the assessment failed.
    fn broke_off(&self) {
        let mut manifest = self.manifest();
        manifest.status = RunStatus::Error;
        manifest.completed_at = Some(self.house.clock.now());
        // The failure that ended it is the one to be told; where the disk is full this one adds nothing.
        let _ = self.out.write_json("assessment.json", &*manifest);
    }

    fn manifest(&self) -> MutexGuard<'_, AssessmentManifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn finish(self) -> Result<Assessed, AssessError> {
        let mut manifest = self.manifest().clone();
        manifest.interrupted = self.is_cancelled();
        manifest.budget = budget_use(self.request);
        manifest.remarks = self.house.targets.says();
        let is_whole = !manifest.interrupted && !manifest.is_ended_by_budget();
        manifest.status = if is_whole { RunStatus::Success } else { RunStatus::Cancelled };
        manifest.completed_at = Some(self.house.clock.now());
        let (plan, runs, companions, conformance) = (self.plan, self.input, self.companions, self.conformance);
        let report = analyse(&AnalysisInput { manifest: manifest.clone(), plan, runs, companions, conformance });
        self.out.write_json("report/report.json", &report)?;
        self.out.write("report/report.html", ph_report::html(&report)?.as_bytes())?;
        self.out.write("report/report.md", ph_report::markdown(&report).as_bytes())?;
        self.out.write_json("assessment.json", &manifest)?;
        let attested = match &self.record {
            Some(RunRecord { record, .. }) => Some(record.attest(self.out.root(), manifest.id, &manifest.runs).await?),
            None => None,
        };
        if let Some(attested) = &attested {
            self.house.progress.cosigned(&attested.cosigned);
        }
        let skipped = self.runs.iter().filter_map(|run| run.skipped.as_ref()).map(|skipped| skipped.count).sum();
        Ok(Assessed { manifest, report, skipped, attested, out: self.out })
    }

    fn is_cancelled(&self) -> bool {
        self.house.cancellation.is_asked()
    }

    /// Whether nothing more is to be begun: somebody asked for it, or the budget is at its end.
    fn starts_no_more(&self) -> bool {
        self.is_cancelled() || self.request.spending.is_ended()
    }
}

fn budget_use(request: &AssessRequest) -> Option<BudgetUse> {
    let budget = request.spending.budget.as_ref()?;
    Some(BudgetUse { limit: budget.limit(), spent: budget.spent(), ended_run: budget.is_ended() })
}
