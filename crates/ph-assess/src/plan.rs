//! What is asked for, and the plan made from it: written and hashed before anything is sent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ph_base::PlanId;
use ph_eval::{Roles, Spending};
use ph_model::TargetName;
use ph_record::{
    AnalysisPlan, Plan, PlannedTarget, PlannedTask, RunAsked, RunKind, SourceOptions, Statement, TargetRole,
    TaskSource, TaskSourceError, Treatment,
};

use crate::conformance::ConformanceOptions;
use crate::house::House;
use crate::target::TargetError;
use crate::target_limits::TargetLimits;

/// What an assessment is asked to do.
#[derive(Clone)]
pub struct AssessRequest {
    /// The targets under assessment.
    pub targets: Vec<TargetName>,
    /// The target that runs the same items for comparison; without one only absolute bounds are given.
    pub comparator: Option<TargetName>,
    /// The tasks.
    pub tasks: Vec<Arc<dyn TaskSource>>,
    /// The output directory; must not exist or be empty, unless what is in it is gone on with.
    pub out: PathBuf,
    /// Whether the assessment in the output directory is gone on with.
    pub resume: bool,
    /// Exploratory or confirmatory.
    pub kind: RunKind,
    /// The most items per task.
    pub limit: Option<u64>,
    /// Epochs per item, where not the task's own.
    pub epochs: Option<u32>,
    /// Seed of items and sampling.
    pub seed: u64,
    /// How hard targets may be pressed.
    pub limits: TargetLimits,
    /// How tasks were asked for, by their names: what whoever goes on with a run must know.
    pub asked: BTreeMap<String, RunAsked>,
    /// The targets that the user gives to roles, in place of those that tasks name.
    pub roles: BTreeMap<String, TargetName>,
    /// Prices, and what the whole assessment may spend, its checks included.
    pub spending: Spending,
    /// How endpoints are checked before the plan is made; none for not at all.
    pub conformance: Option<ConformanceOptions>,
    /// A difference is a finding only beyond this (a proportion: 0.1 = 10 points).
    pub margin: f64,
    /// How cheated, refused, failed and limited samples count; locked with the plan.
    pub treatment: Treatment,
    /// The command line that repeats the assessment, without secrets.
    pub repeat: String,
    /// What those who run it state of themselves and of the access they were given; locked with the plan.
    pub statement: Option<Statement>,
}

impl AssessRequest {
    /// What the samples depend on.
    #[must_use]
    pub fn source_options(&self) -> SourceOptions {
        SourceOptions { seed: self.seed, limit: self.limit }
    }

    /// All targets, the comparator first.
    pub fn all_targets(&self) -> impl Iterator<Item = &TargetName> {
        let assessed = self.targets.iter().filter(|target| Some(*target) != self.comparator.as_ref());
        self.comparator.iter().chain(assessed)
    }

    /// Epochs per item of this task.
    #[must_use]
    pub fn epochs_of(&self, task: &dyn TaskSource) -> u32 {
        self.epochs.unwrap_or(task.spec().epochs.count).max(1)
    }
}

/// The models of the roles of every task, by the task's name.
pub type TaskRoleModels = BTreeMap<String, Roles>;

/// The level of the whole family of comparisons.
pub(crate) const ALPHA: f64 = 0.05;

/// A plan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A target cannot be opened.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A task's samples cannot be made.
    #[error("task `{task}`: {source}")]
    Task {
        /// The task.
        task: String,
        /// Why.
        source: TaskSourceError,
    },
}

/// Makes the plan. Every target is opened once, so that one that cannot be reached is known before anything is written.
///
/// # Errors
/// [`PlanError`] naming the target or task.
pub fn make(request: &AssessRequest, roles: &TaskRoleModels, house: &House) -> Result<Plan, PlanError> {
    let now = house.clock.now();
    let targets = request.all_targets().map(|name| planned_target(name, request, house)).collect::<Result<_, _>>()?;
    let tasks =
        request.tasks.iter().map(|task| planned_task(task.as_ref(), (request, roles))).collect::<Result<_, _>>()?;
    Ok(Plan {
        version: Plan::VERSION,
        id: PlanId::new(now, (house.random)()),
        created_at: now,
        program: house.program.clone(),
        kind: request.kind,
        seed: request.seed,
        limit: request.limit,
        targets,
        tasks,
        analysis: analysis_plan(request),
        statement: request.statement.clone(),
    })
}

fn planned_target(name: &TargetName, request: &AssessRequest, house: &House) -> Result<PlannedTarget, TargetError> {
    let fingerprint = house.targets.open(name)?.fingerprint();
    let role = if Some(name) == request.comparator.as_ref() { TargetRole::Comparator } else { TargetRole::Assessed };
    Ok(PlannedTarget { name: name.clone(), role, fingerprint })
}

fn planned_task(
    task: &dyn TaskSource,
    (request, roles): (&AssessRequest, &TaskRoleModels),
) -> Result<PlannedTask, PlanError> {
    let options = request.source_options();
    let wrong = |source| PlanError::Task { task: task.spec().name.clone(), source };
    let samples = count_samples(task, &options).map_err(wrong)?;
    Ok(PlannedTask {
        name: task.spec().name.clone(),
        version: task.spec().version.clone(),
        digest: task.digest(&options).map_err(wrong)?,
        samples,
        epochs: request.epochs_of(task),
        roles: roles.get(&task.spec().name).map(Roles::targets).unwrap_or_default(),
    })
}

/// How many items the first round of a task has; a task without any is refused.
pub(crate) fn count_samples(task: &dyn TaskSource, options: &SourceOptions) -> Result<u64, TaskSourceError> {
    let mut samples = 0;
    if let Some(round) = task.open(options)?.next_round()? {
        for sample in round {
            sample?;
            samples += 1;
        }
    }
    if samples == 0 {
        return Err(TaskSourceError::new(&task.spec().name, "the task has no items"));
    }
    Ok(samples)
}

fn analysis_plan(request: &AssessRequest) -> AnalysisPlan {
    let comparison = match &request.comparator {
        Some(comparator) => format!(
            "every compared measure of every assessed target, paired with `{comparator}` on the same items and epochs, a \
             search's candidates also with the target itself on the same requests without them; one family"
        ),
        None => "no comparator: absolute estimates with one-sided bounds, no findings".to_owned(),
    };
    let (correction, treatment) = ("holm".to_owned(), request.treatment);
    AnalysisPlan { alpha: ALPHA, margin: request.margin, correction, comparison, treatment }
}
