//! `proofhouse eval rescore`: other scorers, or another treatment, on the replies that a run has already.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ph_analysis::{Run, RunTable, own_treatment};
use ph_assess::{TargetOpener, target_limits::Doors};
use ph_base::{Clock, RunId};
use ph_eval::{RescoreError, RescoreRequest, RoleModel, Roles, RunDir};
use ph_record::{ScorerSpec, Treatment};

use super::run::{document, print};
use crate::cli::work::{PROGRAM, render_host, target_failure};
use crate::clock::{SystemClock, random_bytes};
use crate::endpoint_arguments::TimeoutArguments;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::limit_arguments::LimitArguments;
use crate::output;
use crate::role_arguments::RoleArguments;
use crate::run_argument::{open_run, unreadable};
use crate::spending::{SpendingArguments, spending_failure};
use crate::treat_arguments::TreatArguments;

const AFTER_HELP: &str = "\
Examples:
  proofhouse eval rescore runs/run_0198… --scorer includes
  proofhouse eval rescore runs/run_0198… --treat limit=exclude
  proofhouse eval rescore runs/run_0198… --scorer '{\"name\": \"pattern\", \"regex\": \"ANSWER: (.*)\"}'";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run: the path of its directory, or its id
    run: String,
    /// A scorer's name, or a JSON object with `name` and parameters; may be given several times [default: scores stay]
    #[arg(long, value_name = "SCORER", required_unless_present = "treat")]
    scorer: Vec<String>,
    #[command(flatten)]
    treat: TreatArguments,
    #[command(flatten)]
    roles: RoleArguments,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    spending: SpendingArguments,
    #[command(flatten)]
    timeouts: TimeoutArguments,
    /// Where the run is looked for by id: an output directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Print `{run, dir, samples, accuracy, metrics, …}` of the new run on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let source = open_run(&arguments.run, &arguments.out)?;
    let runs = source.path().parent().map(PathBuf::from).unwrap_or_default();
    let targets = arguments.timeouts.targets(render_host());
    let id = RunId::new(SystemClock.now(), random_bytes());
    let request = RescoreRequest {
        roles: roles(arguments, &targets, id)?,
        source: &source,
        scorers: arguments.scorer.iter().map(|scorer| spec(scorer)).collect::<Result<_, _>>()?,
        treatment: treatment(arguments, &source)?,
        runs: &runs,
        id,
        clock: Arc::new(SystemClock),
        program: PROGRAM.to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error(Exit::Resource, "runtime", error))?;
    let manifest = runtime.block_on(ph_eval::rescore(&request)).map_err(failure)?;
    let dir = RunDir::open(runs.join(manifest.id.to_string())).map_err(unreadable)?;
    let mut table = RunTable::new(&manifest.task);
    for record in dir.records_without_events().map_err(unreadable)? {
        table.observe(&record.map_err(unreadable)?);
    }
    let run = Run { manifest, table };
    let treatment = own_treatment(&run);
    if arguments.json {
        output::json(&document(&run, dir.path(), treatment))?;
    } else {
        print(&run, dir.path(), treatment)?;
    }
    Ok(if run.manifest.errors() > 0 { Exit::SampleErrors } else { Exit::Done })
}

/// The models of the roles, each through its target's door and under the budget, as in a run.
fn roles(arguments: &Arguments, targets: &dyn TargetOpener, id: RunId) -> Result<Roles, Failure> {
    let spending = arguments.spending.spending()?;
    let mut roles = Roles::default();
    for (role, target) in arguments.roles.roles()? {
        let name = target.to_string();
        spending.check(&name).map_err(spending_failure)?;
        let model = targets.open(&target).map_err(target_failure)?;
        roles.bind(role, RoleModel { model, meter: spending.meter(&name) });
    }
    let (doors, limits, clock) = (Doors::default(), arguments.limits.limits(), Arc::new(SystemClock) as Arc<dyn Clock>);
    Ok(roles.through(|model| doors.door(model, &limits, &clock).enter(id)))
}

/// What is asked for, over the treatment of the old run; none where nothing is.
fn treatment(arguments: &Arguments, source: &RunDir) -> Result<Option<Treatment>, Failure> {
    if !arguments.treat.is_given() {
        return Ok(None);
    }
    let origin = source.manifest().map_err(unreadable)?.origin;
    let base = origin.and_then(|origin| origin.treatment).unwrap_or_default();
    arguments.treat.over(base).map(Some)
}

fn spec(text: &str) -> Result<ScorerSpec, Failure> {
    if !text.trim_start().starts_with('{') {
        return Ok(ScorerSpec::Name(text.to_owned()));
    }
    serde_json::from_str(text).map_err(|error| {
        Failure::from_error(Exit::Usage, "scorer::json", error)
            .with_hint("a scorer is a name, or a JSON object with `name` and its parameters")
    })
}

fn failure(error: RescoreError) -> Failure {
    let (exit, code) = match &error {
        RescoreError::Scorer(_) => (Exit::Usage, "scorer"),
        RescoreError::Role(_) => (Exit::Usage, "role"),
        RescoreError::Dir(_) | RescoreError::Sample { .. } => (Exit::Malformed, "run::malformed"),
        RescoreError::Write(_) | RescoreError::Files(_) => (Exit::Resource, "run::directory"),
    };
    Failure::from_error(exit, code, error)
}
