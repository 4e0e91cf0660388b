//! `proofhouse eval resume`: goes on with a run that was cut off or interrupted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ph_analysis::{Run, own_treatment, run_result_under};
use ph_assess::run_one::read_table;
use ph_assess::{GoneOn, RoleBinder, RunOne};
use ph_eval::{Again, Roles, RunDir};
use ph_record::{RunAsked, RunManifest, TargetRole};

use super::run::{ALPHA, document, exit, print};
use crate::cache_arguments::CacheArguments;
use crate::cli::work::{block_on, house_reaching, run_failure, target_failure};
use crate::console::Console;
use crate::endpoint_arguments::EndpointArguments;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::ledger_arguments::LedgerArguments;
use crate::limit_arguments::LimitArguments;
use crate::output;
use crate::role_arguments::{RoleArguments, role_failure};
use crate::run_argument::{open_run, unreadable};
use crate::spending::{SpendingArguments, spending_failure};
use crate::task_argument::task;

const AFTER_HELP: &str = "\
Finished samples are not asked again, except those whose access was cut. Task, items, seed, target and plan must be what
they were; where one is not, nothing is sent and the difference is shown.

Examples:
  proofhouse eval resume runs/run_0198…
  proofhouse eval resume run_0198… --out ./first-look --errors";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run: the path of its directory, or its id
    run: String,
    /// Where the run is looked for by id: an output directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Ask again too what a provider, a sandbox or a grader failed; the earlier attempt is kept in the record
    #[arg(long)]
    errors: bool,
    /// The suite or task file, where it is not to be found as it was named [default: as the run was asked for]
    #[arg(long, value_name = "SUITE|task.toml")]
    task: Option<String>,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    roles: RoleArguments,
    #[command(flatten)]
    endpoint: EndpointArguments,
    #[command(flatten)]
    spending: SpendingArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    ledger: LedgerArguments,
    /// Print `{run, dir, samples, accuracy, metrics, endings, …}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let dir = open_run(&arguments.run, &arguments.out)?;
    let manifest = dir.manifest().map_err(unreadable)?;
    let mut one = request(arguments, &manifest)?;
    one.spending.check(&manifest.target.to_string()).map_err(spending_failure)?;
    let endpoint = arguments.endpoint.or_base_url(manifest.asked.as_ref().and_then(|asked| asked.base_url.clone()));
    let mut house = house_reaching(Arc::new(Console::new()), Some(&manifest.target), &endpoint)?;
    let cache = arguments.cache.open(&mut house)?;
    house.keeper = Some(arguments.ledger.keeper()?);
    let model = house.targets.open(&manifest.target).map_err(target_failure)?;
    let mut given = one.asked.as_ref().map(|asked| asked.roles.clone()).unwrap_or_default();
    given.extend(arguments.roles.roles()?);
    let mut binder = RoleBinder::new(house.targets.as_ref(), &one.spending, &given).with_open(model.clone());
    let roles = binder.bind(one.task.as_ref()).map_err(role_failure)?;
    one.roles = roles;
    let again = if arguments.errors { Again::Errors } else { Again::AccessCut };
    let gone_on = block_on(&house, one.go_on((dir.clone(), again), model, &house))?.map_err(run_failure)?;
    cache.tell();
    say(&gone_on);
    show(arguments, gone_on.manifest, &dir)
}

fn request(arguments: &Arguments, manifest: &RunManifest) -> Result<RunOne, Failure> {
    let asked = match (&arguments.task, &manifest.asked) {
        (Some(task), Some(asked)) => RunAsked { task: task.clone(), ..asked.clone() },
        (Some(task), None) => RunAsked { task: task.clone(), base_url: None, roles: BTreeMap::new() },
        (None, Some(asked)) => asked.clone(),
        (None, None) => {
            let message = format!("run {} does not say how its task was asked for", manifest.id);
            return Err(Failure::new(Exit::Usage, "run::not_asked", message)
                .with_hint("name the suite or task file with `--task`; an imported run cannot be gone on with"));
        }
    };
    Ok(RunOne {
        task: task(&asked.task)?,
        plan: manifest.plan,
        seed: manifest.seed,
        limit: manifest.limit,
        epochs: Some(manifest.epochs),
        limits: arguments.limits.limits(),
        asked: Some(asked),
        items_of: None,
        spending: arguments.spending.spending()?,
        roles: Roles::default(),
        kind: manifest.kind,
        record: None,
    })
}

fn say(gone_on: &GoneOn) {
    if let Some(torn) = &gone_on.torn {
        let place = output::visible(&torn.path.display().to_string());
        output::say(&format!(
            "cut away {} bytes of an entry that was half written at the end of `{place}`",
            torn.bytes
        ));
    }
    if gone_on.was_whole {
        output::say("the run had come to its end: nothing was sent");
    }
}

fn show(arguments: &Arguments, manifest: RunManifest, dir: &RunDir) -> Result<Exit, Failure> {
    let runs = dir.path().parent().map(PathBuf::from).unwrap_or_default();
    let table = read_table(&runs, &manifest, |_| {}).map_err(unreadable)?;
    let run = Run { manifest, table };
    let treatment = own_treatment(&run);
    let result = run_result_under(&run, TargetRole::Assessed, ALPHA, treatment);
    if arguments.json {
        output::json(&document(&run, dir.path(), treatment))?;
    } else {
        print(&run, dir.path(), treatment)?;
    }
    Ok(exit(&run.manifest, &result))
}
