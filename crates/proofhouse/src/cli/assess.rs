//! `proofhouse assess`: the main job.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ph_assess::{AssessRequest, Assessed, ConformanceOptions, REFERENCE_COMPARATOR, assess};
use ph_base::Clock;
use ph_model::TargetName;
use ph_record::{RunAsked, RunKind, RunStatus, Statement, TaskSource, Treatment};

use super::work::{assess_failure, block_on, house_reaching, target_name};
use crate::cache_arguments::CacheArguments;
use crate::clock::SystemClock;
use crate::console::Console;
use crate::endpoint_arguments::EndpointArguments;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::ledger_arguments::LedgerArguments;
use crate::limit_arguments::LimitArguments;
use crate::output;
use crate::role_arguments::RoleArguments;
use crate::shell_word::{quoted, quoted_path};
use crate::spending::SpendingArguments;
use crate::statement::statement;
use crate::task_argument::{asked, check_epochs, task};
use crate::treat_arguments::TreatArguments;

const AFTER_HELP: &str = "\
Without TARGET the reference models that ship with the program are assessed, in-process: the faulty ones against
`reference/sound`. An external target without --comparator gets absolute bounds only.

Examples:
  proofhouse assess
  proofhouse assess reference/backdoored --suite trigger-search
  proofhouse assess local:./model --comparator reference/sound --out ./first-look
  proofhouse assess local:./model --comparator reference/sound --out ./first-look --resume";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The target: `reference` (all of them), `reference/NAME`, `local:DIR`, `openai/NAME`, `anthropic/NAME`,
    /// `google/NAME` or `openai-api/SERVICE/NAME`
    #[arg(default_value = "reference")]
    target: String,
    /// A suite's name or a task file; may be repeated [default: all suites]
    #[arg(long, value_name = "SUITE")]
    suite: Vec<String>,
    /// The target that runs the same items for comparison [default: for reference models `reference/sound`]
    #[arg(long, value_name = "TARGET")]
    comparator: Option<String>,
    /// The output directory; must be new or empty, unless --resume goes on with what is in it [default: assessment-TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the assessment in --out that was interrupted or broken off: the same command line, and this
    #[arg(long, requires = "out")]
    resume: bool,
    /// The most items per task
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
    /// A difference is a finding only if its adjusted interval lies beyond this many points
    #[arg(long, value_name = "POINTS", default_value_t = 10.0, value_parser = margin)]
    margin: f64,
    /// Do not check endpoints first (`proofhouse model check`)
    #[arg(long)]
    no_check: bool,
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
    /// A TOML file: who runs and pays for the assessment, who has influence, which access was given; printed in the report
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    #[command(flatten)]
    ledger: LedgerArguments,
    /// The assessment looks around and confirms nothing: its plan need not be cosigned
    #[arg(long)]
    exploratory: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn margin(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(points) if (0.0..100.0).contains(&points) => Ok(points),
        _ => Err("must be a number from 0 to below 100".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let request = request(arguments)?;
    let target = request.targets.first().filter(|_| request.targets.len() == 1);
    let mut house = house_reaching(Arc::new(Console::new()), target, &arguments.endpoint)?;
    let cache = arguments.cache.open(&mut house)?;
    house.keeper = Some(arguments.ledger.keeper()?);
    let assessed = block_on(&house, assess(&request, &house))?.map_err(assess_failure)?;
    cache.tell();
    if arguments.json {
        let mut document = summary(&assessed);
        document["cache"] = cache.document();
        output::json(&document)?;
    } else {
        output::data(&format!("{}\n", ph_report::text_table(&assessed.report)))?;
    }
    output::say(&format!("report: {}", assessed.out.report().join("report.html").display()));
    if let Some(attested) = &assessed.attested {
        output::say(&format!("bundle: {}", attested.bundle.display()));
    }
    Ok(exit(&assessed))
}

fn request(arguments: &Arguments) -> Result<AssessRequest, Failure> {
    let targets = targets(&arguments.target)?;
    let comparator = comparator(arguments, &targets)?;
    if targets.iter().all(|target| Some(target) == comparator.as_ref()) {
        let message = format!("`{}` is compared with itself: nothing would be assessed", arguments.target);
        return Err(Failure::new(Exit::Usage, "target::own_comparator", message)
            .with_hint("give another TARGET or another `--comparator`"));
    }
    let names: Vec<String> = match arguments.suite.is_empty() {
        true => ph_suites::suites().into_iter().map(|suite| suite.name).collect(),
        false => arguments.suite.clone(),
    };
    Ok(AssessRequest {
        tasks: tasks(&names, arguments.epochs)?,
        out: arguments.out.clone().unwrap_or_else(default_out),
        resume: arguments.resume,
        kind: if arguments.exploratory { RunKind::Exploratory } else { RunKind::Confirmatory },
        limit: arguments.limit,
        epochs: arguments.epochs,
        seed: arguments.seed,
        limits: arguments.limits.limits(),
        asked: all_asked(&names, arguments)?,
        roles: arguments.roles.roles()?,
        spending: arguments.spending.spending()?,
        conformance: (!arguments.no_check).then(|| ConformanceOptions {
            call_timeout: arguments.endpoint.call_timeout(),
            ..ConformanceOptions::full(arguments.seed)
        }),
        margin: arguments.margin / 100.0,
        treatment: arguments.treat.over(Treatment::default())?,
        repeat: repeat(arguments),
        statement: statement_of(arguments, &targets, comparator.as_ref())?,
        targets,
        comparator,
    })
}

fn tasks(names: &[String], epochs: Option<u32>) -> Result<Vec<Arc<dyn TaskSource>>, Failure> {
    let mut tasks: Vec<Arc<dyn TaskSource>> = Vec::with_capacity(names.len());
    for name in names {
        let task = task(name)?;
        check_epochs(task.as_ref(), epochs)?;
        if tasks.iter().any(|earlier| earlier.spec().name == task.spec().name) {
            let message = format!("two tasks are called `{}`, the second is `{name}`", task.spec().name);
            return Err(Failure::new(Exit::Usage, "task::twice", message)
                .with_hint("give each `--suite` once; a task file of your own needs a `name` of its own"));
        }
        tasks.push(task);
    }
    Ok(tasks)
}

/// How each task was asked for, by its name.
fn all_asked(names: &[String], arguments: &Arguments) -> Result<BTreeMap<String, RunAsked>, Failure> {
    let roles = arguments.roles.roles()?;
    let one = |name: &String| {
        let asked = asked(name, arguments.endpoint.repeat(), roles.clone());
        Ok((task(name)?.spec().name.clone(), asked))
    };
    names.iter().map(one).collect()
}

fn statement_of(
    arguments: &Arguments,
    targets: &[TargetName],
    comparator: Option<&TargetName>,
) -> Result<Option<Statement>, Failure> {
    let all: Vec<&TargetName> = targets.iter().chain(comparator).collect();
    arguments.statement.as_deref().map(|path| statement(path, &all)).transpose()
}

fn targets(name: &str) -> Result<Vec<TargetName>, Failure> {
    if name == "reference" {
        return Ok(ph_assess::reference::targets().collect());
    }
    Ok(vec![target_name(name)?])
}

fn comparator(arguments: &Arguments, targets: &[TargetName]) -> Result<Option<TargetName>, Failure> {
    if let Some(name) = &arguments.comparator {
        return target_name(name).map(Some);
    }
    let sound = TargetName::Reference(REFERENCE_COMPARATOR.to_owned());
    let is_compared = |target: &TargetName| matches!(target, TargetName::Reference(_)) && *target != sound;
    Ok(targets.iter().any(is_compared).then_some(sound))
}

fn default_out() -> PathBuf {
    let now: String = SystemClock.now().to_string().chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect();
    PathBuf::from(format!("assessment-{now}"))
}

/// The command line that gives the same samples again.
fn repeat(arguments: &Arguments) -> String {
    let mut line = vec!["proofhouse assess".to_owned(), quoted(&arguments.target)];
    line.extend(arguments.suite.iter().map(|suite| format!("--suite {}", quoted(suite))));
    line.extend(arguments.comparator.iter().map(|name| format!("--comparator {}", quoted(name))));
    line.extend(arguments.limit.map(|limit| format!("--limit {limit}")));
    line.extend(arguments.epochs.map(|epochs| format!("--epochs {epochs}")));
    line.extend(arguments.endpoint.repeat().map(|url| format!("--base-url {}", quoted(url))));
    line.extend(arguments.roles.repeat());
    line.extend(arguments.spending.repeat());
    line.extend(arguments.treat.repeat());
    line.extend(arguments.statement.iter().map(|path| format!("--statement {}", quoted_path(path))));
    line.extend(arguments.limits.repeat());
    line.extend(arguments.cache.repeat());
    line.extend(arguments.exploratory.then(|| "--exploratory".to_owned()));
    line.extend(arguments.no_check.then(|| "--no-check".to_owned()));
    line.push(format!("--seed {} --margin {}", arguments.seed, arguments.margin));
    line.join(" ")
}

fn summary(assessed: &Assessed) -> serde_json::Value {
    serde_json::json!({
        "assessment": assessed.manifest.id,
        "out": assessed.out.root(),
        "plan_digest": assessed.manifest.plan_digest,
        "status": assessed.manifest.status,
        "errors": assessed.manifest.errors(),
        "runs": assessed.manifest.runs,
        "report": assessed.report,
    })
}

fn exit(assessed: &Assessed) -> Exit {
    match assessed.manifest.status {
        RunStatus::Cancelled if assessed.report.interrupted => Exit::Interrupted,
        // Cancelled by the budget: not every part ran, and nobody interrupted it.
        RunStatus::Cancelled | RunStatus::Error => Exit::SampleErrors,
        _ if assessed.skipped > 0 => Exit::SampleErrors,
        _ if assessed.manifest.errors() > 0 || !assessed.report.problems.is_empty() => Exit::SampleErrors,
        _ => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_line_that_repeats_it_has_what_changes_what_is_asked() {
        let given =
            "assess openai/m --suite refusal --cache rw --no-check --retries 0 --retry-time 9 --call-timeout 30";
        let line = Line::parse_from(given.split(' '));
        let repeated = repeat(&line.arguments);
        assert_eq!(
            repeated,
            "proofhouse assess openai/m --suite refusal --retries 0 --retry-time 9 --cache rw --no-check --seed 1 --margin 10"
        );
        let request = request(&line.arguments).unwrap();
        assert!(request.conformance.is_none());
        let checked = Line::parse_from(["assess", "openai/m", "--suite", "refusal", "--call-timeout", "30"]);
        let options = super::request(&checked.arguments).unwrap().conformance.unwrap();
        assert_eq!(options.call_timeout, std::time::Duration::from_secs(30));
    }
}
