//! A report of runs that are there already: imported logs, runs of different days, runs scored again.
//!
//! Nothing is run. The plan that such a report has was made after the fact, and the report says so.

use std::collections::BTreeSet;

use ph_analysis::{AnalysisInput, ReportData, Run, RunTable, analyse, own_treatment};
use ph_base::{AssessmentId, PlanId};
use ph_eval::{RunDir, RunDirError};
use ph_model::TargetName;
use ph_record::{
    AnalysisPlan, AnalysisSpec, AssessmentManifest, OriginKind, Plan, PlannedTarget, PlannedTask, RunKind, RunManifest,
    RunStatus, TargetRole, Treatment,
};
use std::path::PathBuf;

use crate::house::House;
use crate::output_dir::{OutputDir, OutputError};
use crate::plan::ALPHA;

/// What to report.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// The runs under assessment.
    pub runs: Vec<RunDir>,
    /// The run that they are compared with, where there is one.
    pub comparator: Option<RunDir>,
    /// The output directory; must not exist or be empty.
    pub out: PathBuf,
    /// A difference is a finding only beyond this (a proportion: 0.1 = 10 points).
    pub margin: f64,
    /// How cheated, refused, failed and limited samples count; where it is not said, as the runs were made to be counted
    /// if that is the same for all, else by default.
    pub treatment: Option<Treatment>,
    /// The command line that repeats the report.
    pub repeat: String,
}

/// A report of runs cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A run cannot be read.
    #[error(transparent)]
    Run(#[from] RunDirError),
    /// The output directory cannot be used.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The page cannot be made.
    #[error("cannot make the report page")]
    Page(#[from] ph_report::ReportError),
}

/// Analyses the runs, pairs them with the comparator's on item and epoch, and writes `report/` and `plan.json`.
///
/// # Errors
/// [`ReportError`].
pub fn report_runs(request: &ReportRequest, house: &House) -> Result<(ReportData, OutputDir), ReportError> {
    OutputDir::check_free(&request.out)?;
    let manifests = manifests(request)?;
    let mut runs = Vec::new();
    for (dir, role, manifest) in &manifests {
        runs.push((*role, Run { table: table(dir, manifest, &manifests)?, manifest: manifest.clone() }));
    }
    let out = OutputDir::create(&request.out)?;
    let plan = plan(&runs, request, house);
    let plan_digest = out.write_json("plan.json", &plan)?;
    let started_at = runs.iter().map(|(_, run)| run.manifest.started_at).min().unwrap_or(plan.created_at);
    let completed_at = runs.iter().filter_map(|(_, run)| run.manifest.completed_at).max();
    let manifest = AssessmentManifest {
        version: AssessmentManifest::VERSION,
        id: AssessmentId::new(house.clock.now(), (house.random)()),
        program: house.program.clone(),
        plan_digest,
        status: RunStatus::Success,
        runs: Vec::new(),
        budget: None,
        resumed: Vec::new(),
        cosigned_by: Vec::new(),
        remarks: lacks(&runs),
        repeat: request.repeat.clone(),
        interrupted: false,
        started_at,
        completed_at: completed_at.or(Some(started_at)),
    };
    let runs = runs.into_iter().map(|(_, run)| run).collect();
    let (companions, conformance) = (Vec::new(), Vec::new());
    let report = analyse(&AnalysisInput { manifest, plan, runs, companions, conformance });
    out.write_json("report/report.json", &report)?;
    out.write("report/report.html", ph_report::html(&report)?.as_bytes())?;
    out.write("report/report.md", ph_report::markdown(&report).as_bytes())?;
    Ok((report, out))
}

/// The manifests with their roles, targets named apart where two runs of a task have the same.
fn manifests(request: &ReportRequest) -> Result<Vec<(&RunDir, TargetRole, RunManifest)>, ReportError> {
    let comparator = request.comparator.iter().map(|dir| (dir, TargetRole::Comparator));
    let mut all: Vec<(&RunDir, TargetRole, RunManifest)> = Vec::new();
    for (dir, role) in comparator.chain(request.runs.iter().map(|dir| (dir, TargetRole::Assessed))) {
        let mut manifest = dir.manifest()?;
        let is_taken = |(_, other, one): &(&RunDir, TargetRole, RunManifest)| {
            one.target == manifest.target && (*other != role || one.task.name == manifest.task.name)
        };
        if all.iter().any(is_taken) {
            let id = manifest.id.to_string();
            let name = format!("{} (run {})", manifest.target, &id[id.len().saturating_sub(8)..]);
            manifest.target = TargetName::Imported(name);
        }
        all.push((dir, role, manifest));
    }
    Ok(all)
}

/// The table of a run, read as the first assessed run of the same task is: so that measures stand for the same.
fn table(
    dir: &RunDir,
    manifest: &RunManifest,
    all: &[(&RunDir, TargetRole, RunManifest)],
) -> Result<RunTable, RunDirError> {
    let mut same =
        all.iter().filter(|(_, role, other)| *role == TargetRole::Assessed && other.task.name == manifest.task.name);
    let analysis: AnalysisSpec =
        same.next().map_or_else(|| manifest.task.analysis.clone(), |one| one.2.task.analysis.clone());
    let mut task = manifest.task.clone();
    task.analysis = analysis;
    let mut table = RunTable::new(&task);
    for record in dir.records_without_events()? {
        table.observe(&record?);
    }
    Ok(table)
}

fn plan(runs: &[(TargetRole, Run)], request: &ReportRequest, house: &House) -> Plan {
    let now = house.clock.now();
    let comparison = match runs.iter().find(|(role, _)| *role == TargetRole::Comparator) {
        Some((_, run)) => format!(
            "every compared measure of every run, paired with `{}` on the same items and epochs; one family",
            run.manifest.target
        ),
        None => "no comparator: absolute estimates with one-sided bounds, no findings".to_owned(),
    };
    Plan {
        version: Plan::VERSION,
        id: PlanId::new(now, (house.random)()),
        created_at: now,
        program: house.program.clone(),
        kind: RunKind::Exploratory,
        seed: runs.first().map_or(0, |(_, run)| run.manifest.seed),
        limit: None,
        statement: None,
        targets: targets(runs),
        tasks: tasks(runs),
        analysis: AnalysisPlan {
            alpha: ALPHA,
            margin: request.margin,
            correction: "holm".to_owned(),
            comparison,
            treatment: request.treatment.unwrap_or_else(|| common_treatment(runs)),
        },
    }
}

/// The treatment for which all runs were made; the default where they differ.
fn common_treatment(runs: &[(TargetRole, Run)]) -> Treatment {
    let mut treatments = runs.iter().map(|(_, run)| own_treatment(run));
    let first = treatments.next().unwrap_or_default();
    if treatments.all(|other| other == first) { first } else { Treatment::default() }
}

fn targets(runs: &[(TargetRole, Run)]) -> Vec<PlannedTarget> {
    let mut seen = BTreeSet::new();
    let first = runs.iter().filter(|(_, run)| seen.insert(run.manifest.target.clone()));
    first
        .map(|(role, run)| PlannedTarget {
            name: run.manifest.target.clone(),
            role: *role,
            fingerprint: run.manifest.fingerprint,
        })
        .collect()
}

/// The tasks of the assessed runs.
fn tasks(runs: &[(TargetRole, Run)]) -> Vec<PlannedTask> {
    let mut seen = BTreeSet::new();
    let assessed = runs.iter().filter(|(role, _)| *role == TargetRole::Assessed);
    let first = assessed.filter(|(_, run)| seen.insert(run.manifest.task.name.clone()));
    first
        .map(|(_, run)| PlannedTask {
            name: run.manifest.task.name.clone(),
            version: run.manifest.task.version.clone(),
            digest: run.manifest.task_digest,
            samples: (run.table.len() as u64).div_ceil(u64::from(run.manifest.epochs.max(1))),
            epochs: run.manifest.epochs,
            roles: run.manifest.roles.iter().map(|(role, used)| (role.clone(), used.target.clone())).collect(),
        })
        .collect()
}

/// What the report must say of where its runs come from and what they lack.
fn lacks(runs: &[(TargetRole, Run)]) -> Vec<String> {
    let mut all = vec![
        "The plan was made after the runs, for this report: it shows what is compared, not that it was meant before."
            .to_owned(),
    ];
    for (_, run) in runs {
        let Some(origin) = &run.manifest.origin else { continue };
        let by = origin.by.as_deref().unwrap_or("an unnamed program");
        let (task, target) = (&run.manifest.task.name, &run.manifest.target);
        let from = match origin.kind {
            OriginKind::Imported => format!("was read from the log `{}` of {by}", origin.of),
            OriginKind::Rescored => {
                let treated = origin.treatment.map(|treatment| format!(" and made to be counted with {treatment}"));
                let digest = origin.digest.map(|digest| format!(" (samples {digest})"));
                let (treated, digest) = (treated.unwrap_or_default(), digest.unwrap_or_default());
                format!("holds the replies of run `{}`{digest}, scored again by {by}{treated}", origin.of)
            }
        };
        let lacks =
            if origin.lacks.is_empty() { String::new() } else { format!(" It lacks: {}.", origin.lacks.join("; ")) };
        all.push(format!("Task `{task}` on `{target}` {from}.{lacks}"));
    }
    all
}
