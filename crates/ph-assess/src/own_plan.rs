//! The plan of a single confirmatory run, beside its journal.

use ph_base::{Digest, PlanId};
use ph_eval::{Disk, RunDir};
use ph_model::ModelApi;
use ph_record::{
    AnalysisPlan, Plan, PlannedTarget, PlannedTask, RunKind, SourceOptions, TargetRole, TaskSourceError, Treatment,
};

use crate::house::House;
use crate::plan::{ALPHA, count_samples};
use crate::run_one::{RunOne, RunOneError};

/// The file of a run's own plan.
pub(crate) const PLAN: &str = "plan.json";

/// A run's own plan cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub enum OwnPlanError {
    /// Its samples cannot be made.
    #[error(transparent)]
    Task(#[from] TaskSourceError),
    /// It cannot be written as JSON.
    #[error("it cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
    /// It cannot be written.
    #[error("it cannot be written")]
    Write(#[from] std::io::Error),
}

/// Makes and writes the plan of a run; returns it with the digest of its bytes.
///
/// # Errors
/// [`RunOneError::OwnPlan`].
pub(crate) fn own_plan(
    one: &RunOne,
    (model, dir): (&dyn ModelApi, &RunDir),
    house: &House,
) -> Result<(Plan, Digest), RunOneError> {
    write(one, (model, dir), house).map_err(|source| RunOneError::OwnPlan { run: dir.path().to_owned(), source })
}

fn write(one: &RunOne, (model, dir): (&dyn ModelApi, &RunDir), house: &House) -> Result<(Plan, Digest), OwnPlanError> {
    let plan = plan(one, model, house)?;
    let mut bytes = serde_json::to_vec_pretty(&plan)?;
    bytes.push(b'\n');
    ph_base::FileLayer::replace(&Disk, &dir.path().join(PLAN), &bytes)?;
    Ok((plan, Digest::of(&bytes)))
}

fn plan(one: &RunOne, model: &dyn ModelApi, house: &House) -> Result<Plan, TaskSourceError> {
    let (now, options) = (house.clock.now(), SourceOptions { seed: one.seed, limit: one.limit });
    let spec = one.task.spec();
    let task = PlannedTask {
        name: spec.name.clone(),
        version: spec.version.clone(),
        digest: one.task.digest(&options)?,
        samples: count_samples(one.task.as_ref(), &options)?,
        epochs: one.epochs.unwrap_or(spec.epochs.count).max(1),
        roles: one.roles.targets(),
    };
    let target =
        PlannedTarget { name: model.target().clone(), role: TargetRole::Assessed, fingerprint: model.fingerprint() };
    Ok(Plan {
        version: Plan::VERSION,
        id: PlanId::new(now, (house.random)()),
        created_at: now,
        program: house.program.clone(),
        kind: RunKind::Confirmatory,
        seed: one.seed,
        limit: one.limit,
        statement: None,
        targets: vec![target],
        tasks: vec![task],
        analysis: AnalysisPlan {
            alpha: ALPHA,
            margin: 0.0,
            correction: "none".to_owned(),
            comparison: "a single run: absolute estimates with one-sided bounds, no findings".to_owned(),
            treatment: Treatment::default(),
        },
    })
}
