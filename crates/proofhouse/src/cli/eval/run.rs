//! `proofhouse eval run`: one task on one target.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ph_analysis::{Costs, Run, RunResult, accuracy, run_result, task_cost};
use ph_assess::run_one::read_table;
use ph_assess::{House, RunOne};
use ph_record::{RunManifest, RunStatus, TargetRole};

use super::super::work::{block_on, house_reaching, run_failure, target_failure, target_name};
use crate::console::Console;
use crate::endpoint_arguments::EndpointArguments;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;
use crate::spending::{SpendingArguments, spending_failure};
use crate::task_argument::task;

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
    /// The most samples in flight
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
    #[command(flatten)]
    endpoint: EndpointArguments,
    #[command(flatten)]
    spending: SpendingArguments,
    /// Print `{run, dir, samples, accuracy, metrics, endings, …}` on stdout
    #[arg(long)]
    json: bool,
}

/// Limits are printed at level 1 − this.
pub(super) const ALPHA: f64 = 0.05;

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let one = RunOne {
        task: task(&arguments.task)?,
        plan: None,
        seed: arguments.seed,
        limit: arguments.limit,
        epochs: arguments.epochs,
        connections_max: usize::from(arguments.max_connections),
        items_of: None,
        spending: arguments.spending.spending()?,
    };
    let target = target_name(&arguments.target)?;
    one.spending.check(&target.to_string()).map_err(spending_failure)?;
    let house = house_reaching(Arc::new(Console::new()), Some(&target), &arguments.endpoint)?;
    let model = house.targets.open(&target).map_err(target_failure)?;
    let runs = arguments.out.join("runs");
    let manifest = block_on(&house, run_in(&one, model, &runs, &house))??;
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
    let result = run_result(&run, TargetRole::Assessed, ALPHA);
    if arguments.json {
        output::json(&document(&run, &dir))?;
    } else {
        print(&result, &run, &dir)?;
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
pub(super) fn document(run: &Run, dir: &Path) -> serde_json::Value {
    let result = run_result(run, TargetRole::Assessed, ALPHA);
    serde_json::json!({
        "run": run.manifest.id,
        "dir": dir,
        "task": run.manifest.task.name,
        "target": run.manifest.target,
        "status": run.manifest.status,
        "error": run.manifest.error,
        "samples": run.manifest.samples,
        "accuracy": accuracy(run),
        "metrics": result.estimates,
        "endings": run.manifest.endings,
        "failures": failures(run),
        "responses": result.responses,
        "usage": run.manifest.usage,
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
pub(super) fn print(result: &RunResult, run: &Run, dir: &Path) -> Result<(), Failure> {
    output::data(&format!("{}\n", ph_report::run_table(result)))?;
    if let Some(accuracy) = accuracy(run) {
        output::data(&format!("mean score {:.1} %\n", accuracy * 100.0))?;
    }
    for (ending, code, count, message) in run.table.failures() {
        output::data(&output::visible(&format!("{count} × {ending} ({code}): {message}\n")))?;
    }
    if let Some(status) = unfinished(&run.manifest) {
        output::data(&output::visible(&format!("{status}\n")))?;
    }
    let cost = task_cost(run);
    if cost.total.is_some() || run.manifest.budget.is_some() || !run.manifest.target.is_in_process() {
        let (total, samples_unknown) = (cost.total.into_iter().collect(), cost.samples_unknown);
        let costs = Costs { tasks: vec![cost], total, samples_unknown, budget: run.manifest.budget };
        output::data(&ph_report::costs_text(&costs))?;
    }
    output::data(&format!("{}  {}\n", run.manifest.id, output::visible(&dir.display().to_string())))
}

/// What a reader must know of a run that did not come to its end.
fn unfinished(manifest: &RunManifest) -> Option<String> {
    let why = manifest.error.as_ref().map(|error| format!(": {} ({})", error.message, error.code)).unwrap_or_default();
    match manifest.status {
        RunStatus::Success => None,
        RunStatus::Started => Some("not finished: the run is under way, or broke off without a word".to_owned()),
        RunStatus::Cancelled => Some("not finished: the run was interrupted".to_owned()),
        RunStatus::Error => Some(format!("not finished: the run failed{why}")),
    }
}

fn exit(manifest: &RunManifest, result: &RunResult) -> Exit {
    let has_unscored = result.estimates.iter().any(|estimate| estimate.unscored > 0);
    match manifest.status {
        RunStatus::Cancelled if manifest.is_ended_by_budget() => Exit::SampleErrors,
        RunStatus::Cancelled => Exit::Interrupted,
        RunStatus::Error => Exit::SampleErrors,
        _ if manifest.errors() > 0 || has_unscored => Exit::SampleErrors,
        _ => Exit::Done,
    }
}
