//! `proofhouse eval run`: one task on one target.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ph_analysis::{Run, RunResult, ScoreMetrics, accuracy_under, costs_of, run_result_under, task_cost};
use ph_assess::run_one::read_table;
use ph_assess::{House, RoleBinder, RunOne};
use ph_eval::Roles;
use ph_record::{RunKind, RunManifest, RunStatus, TargetRole, Treatment};

use super::super::work::{block_on, house_reaching, run_failure, target_failure, target_name};
use crate::cache_arguments::CacheArguments;
use crate::console::Console;
use crate::endpoint_arguments::EndpointArguments;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::ledger_arguments::LedgerArguments;
use crate::limit_arguments::LimitArguments;
use crate::output;
use crate::role_arguments::{RoleArguments, role_failure};
use crate::spending::{SpendingArguments, spending_failure};
use crate::task_argument::{asked, check_epochs, task};
use crate::treat_arguments::TreatArguments;

const AFTER_HELP: &str = "\
Examples:
  proofhouse eval run refusal --target reference/compliant
  proofhouse eval run ./my-task/task.toml --target local:./model --limit 20 --json";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// A suite's name (`proofhouse eval ls`) or the path of a `task.toml`
    #[arg(value_name = "SUITE|task.toml")]
    task: String,
    /// The target: `reference/NAME`, `local:DIR`, `openai/NAME`, `anthropic/NAME`, `google/NAME` or
    /// `openai-api/SERVICE/NAME`
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// Where the run's directory `runs/<run>` is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// The most items
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// How often each item is asked [default: as the task says]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: Option<u32>,
    /// Seed of items and sampling
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    endpoint: EndpointArguments,
    #[command(flatten)]
    roles: RoleArguments,
    #[command(flatten)]
    spending: SpendingArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    treat: TreatArguments,
    #[command(flatten)]
    ledger: LedgerArguments,
    /// The run confirms: its plan is locked, and cosigned where there are witnesses, before anything is sent
    #[arg(long)]
    confirmatory: bool,
    /// Print `{run, dir, samples, accuracy, metrics, endings, …}` on stdout
    #[arg(long)]
    json: bool,
}

/// Limits are printed at level 1 − this.
pub(super) const ALPHA: f64 = 0.05;

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut one = RunOne {
        task: task(&arguments.task)?,
        plan: None,
        seed: arguments.seed,
        limit: arguments.limit,
        epochs: arguments.epochs,
        limits: arguments.limits.limits(),
        asked: Some(asked(&arguments.task, arguments.endpoint.repeat(), arguments.roles.roles()?)),
        items_of: None,
        spending: arguments.spending.spending()?,
        roles: Roles::default(),
        kind: if arguments.confirmatory { RunKind::Confirmatory } else { RunKind::Exploratory },
        record: None,
    };
    check_epochs(one.task.as_ref(), one.epochs)?;
    let treatment = arguments.treat.over(Treatment::default())?;
    let (target, given) = (target_name(&arguments.target)?, arguments.roles.roles()?);
    one.spending.check(&target.to_string()).map_err(spending_failure)?;
    let mut house = house_reaching(Arc::new(Console::new()), Some(&target), &arguments.endpoint)?;
    let cache = arguments.cache.open(&mut house)?;
    house.keeper = Some(arguments.ledger.keeper()?);
    let model = house.targets.open(&target).map_err(target_failure)?;
    let mut binder = RoleBinder::new(house.targets.as_ref(), &one.spending, &given).with_open(model.clone());
    binder.check_given(std::slice::from_ref(&one.task)).map_err(role_failure)?;
    one.roles = binder.bind(one.task.as_ref()).map_err(role_failure)?;
    let runs = arguments.out.join("runs");
    let manifest = block_on(&house, run_in(&one, model, &runs, &house))??;
    cache.tell();
    if manifest.samples == 0 && manifest.status == RunStatus::Success {
        return Err(Failure::new(
            Exit::Malformed,
            "task::empty",
            format!("the task `{}` has no items", arguments.task),
        ));
    }
    let table = read_table(&runs, &manifest, |_| {})
        .map_err(|error| Failure::from_error(Exit::Malformed, "run::records", error))?;
    let run = Run { manifest, table };
    let dir = runs.join(run.manifest.id.to_string());
    let result = run_result_under(&run, TargetRole::Assessed, ALPHA, treatment);
    if arguments.json {
        let mut document = document(&run, &dir, treatment);
        document["cache"] = cache.document();
        output::json(&document)?;
    } else {
        print(&run, &dir, treatment)?;
    }
    Ok(exit(&run.manifest, &result))
}

async fn run_in(
    one: &RunOne,
    model: Arc<dyn ph_model::ModelApi>,
    runs: &Path,
    house: &House,
) -> Result<RunManifest, Failure> {
    one.run(model, runs, house).await.map_err(run_failure)
}

/// The document of `--json`.
pub(super) fn document(run: &Run, dir: &Path, treatment: Treatment) -> serde_json::Value {
    let result = run_result_under(run, TargetRole::Assessed, ALPHA, treatment);
    serde_json::json!({
        "run": run.manifest.id,
        "dir": dir,
        "task": run.manifest.task.name,
        "target": run.manifest.target,
        "status": run.manifest.status,
        "error": run.manifest.error,
        "samples": run.manifest.samples,
        "accuracy": accuracy_under(run, treatment),
        "metrics": result.estimates,
        "scores": ph_analysis::metrics(run),
        "treatment": result.treatment,
        "origin": run.manifest.origin,
        "endings": run.manifest.endings,
        "failures": failures(run),
        "responses": result.responses,
        "usage": run.manifest.usage,
        "roles": run.manifest.roles,
        "skipped": run.manifest.skipped,
        "cost": task_cost(run),
        "budget": run.manifest.budget,
        "seed": run.manifest.seed,
        "epochs": run.manifest.epochs,
        "task_digest": run.manifest.task_digest,
        "fingerprint": run.manifest.fingerprint,
    })
}

/// What went wrong, with the message of the first of each kind.
fn failures(run: &Run) -> Vec<serde_json::Value> {
    let one = |(ending, code, count, message)| serde_json::json!({ "ending": ending, "code": code, "count": count, "message": message });
    run.table.failures().map(one).collect()
}

/// Prints a run for a person.
pub(super) fn print(run: &Run, dir: &Path, treatment: Treatment) -> Result<(), Failure> {
    let result = run_result_under(run, TargetRole::Assessed, ALPHA, treatment);
    output::data(&format!("{}\n", ph_report::run_table(&result)))?;
    if let Some(accuracy) = accuracy_under(run, treatment) {
        output::data(&format!("mean score {:.1} %\n", accuracy * 100.0))?;
    }
    for score in &result.metrics {
        output::data(&output::visible(&format!("{}\n", metrics_text(score))))?;
    }
    for (ending, code, count, message) in run.table.failures() {
        output::data(&output::visible(&format!("{count} × {ending} ({code}): {message}\n")))?;
    }
    if let Some(skipped) = run.manifest.skipped.as_ref().filter(|skipped| skipped.count > 0) {
        let first = skipped.first.first().map(String::as_str).unwrap_or_default();
        output::data(&output::visible(&format!("{} items left out as bad; the first: {first}\n", skipped.count)))?;
    }
    for (role, used) in &run.manifest.roles {
        let cost = used.cost.map(|cost| format!(", {cost}")).unwrap_or_default();
        let tokens = used.usage.total_tokens();
        output::data(&output::visible(&format!(
            "{role} {}: {} calls, {tokens} tokens{cost}\n",
            used.target, used.calls
        )))?;
    }
    if let Some(status) = unfinished(&run.manifest) {
        output::data(&output::visible(&format!("{status}\n")))?;
    }
    if let Some(costs) = costs_of(&[run]) {
        output::data(&ph_report::costs_text(&costs))?;
    }
    output::data(&format!("{}  {}\n", run.manifest.id, output::visible(&dir.display().to_string())))
}

/// The metrics of a score on a line each for groups.
fn metrics_text(score: &ScoreMetrics) -> String {
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    let mut text = format!("{} ({}, {} items):", score.score, score.reducer, score.items);
    for metric in &score.metrics {
        let name = metric.name;
        text.push_str(&format!(" {name} {}", number(metric.value)));
        for group in &metric.groups {
            text.push_str(&format!("\n  {name} {} {} ({} items)", group.group, number(group.value), group.items));
        }
    }
    text
}

/// What a reader must know of a run that did not come to its end.
fn unfinished(manifest: &RunManifest) -> Option<String> {
    let why = manifest.error.as_ref().map(|error| format!(": {} ({})", error.message, error.code)).unwrap_or_default();
    match manifest.status {
        RunStatus::Success => None,
        RunStatus::Started => Some("not finished: the run is under way, or broke off without a word".to_owned()),
        RunStatus::Cancelled if manifest.is_ended_by_budget() => {
            Some("not finished: the budget ended the run".to_owned())
        }
        RunStatus::Cancelled => Some("not finished: the run was interrupted".to_owned()),
        RunStatus::Error => Some(format!("not finished: the run failed{why}")),
    }
}

pub(super) fn exit(manifest: &RunManifest, result: &RunResult) -> Exit {
    let has_skipped = manifest.skipped.as_ref().is_some_and(|skipped| skipped.count > 0);
    let has_unscored = result.estimates.iter().any(|estimate| estimate.unscored > 0);
    match manifest.status {
        RunStatus::Cancelled if manifest.is_ended_by_budget() => Exit::SampleErrors,
        RunStatus::Cancelled => Exit::Interrupted,
        RunStatus::Error => Exit::SampleErrors,
        _ if manifest.errors() > 0 || has_unscored || has_skipped => Exit::SampleErrors,
        _ => Exit::Done,
    }
}
