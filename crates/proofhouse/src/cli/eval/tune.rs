//! `proofhouse eval tune`: other limits for a run that is under way in another terminal.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use ph_eval::{RunDir, ask_for_limits};
use ph_record::{LimitChange, RunLimits, RunManifest, RunStatus};

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;
use crate::run_argument::{open_run, unreadable};

/// How long the run is waited for.
const WAIT: Duration = Duration::from_secs(10);

const AFTER_HELP: &str = "\
What is not named stays as it is. The change is recorded in the run.

Examples:
  proofhouse eval tune runs/run_0198… --max-connections 4
  proofhouse eval tune runs/run_0198… --requests-per-minute 0     as many as they come";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run: the path of its directory, or its id
    run: String,
    /// Where the run is looked for by id: an output directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// The most calls under way at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_connections: Option<u32>,
    /// The most samples under way at once; 0 for as many as connections
    #[arg(long, value_name = "N")]
    max_samples: Option<u32>,
    /// Whether fewer connections are used as long as the target does not show that it takes more
    #[arg(long, value_name = "BOOL")]
    adaptive: Option<bool>,
    /// The most requests a minute; 0 for no limit
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u64>,
    /// The most tokens a minute; 0 for no limit
    #[arg(long, value_name = "N")]
    tokens_per_minute: Option<u64>,
    /// Print `{run, limits, in_effect}` on stdout
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn limits(&self, now: RunLimits) -> RunLimits {
        let none_at_zero = |asked: Option<u64>, now: Option<u64>| match asked {
            None => now,
            Some(0) => None,
            some => some,
        };
        RunLimits {
            connections: self.max_connections.unwrap_or(now.connections),
            adaptive: self.adaptive.unwrap_or(now.adaptive),
            requests_per_minute: none_at_zero(self.requests_per_minute, now.requests_per_minute),
            tokens_per_minute: none_at_zero(self.tokens_per_minute, now.tokens_per_minute),
            samples: self.max_samples.map_or(now.samples, |samples| (samples > 0).then_some(samples)),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let dir = open_run(&arguments.run, &arguments.out)?;
    let manifest = dir.manifest().map_err(unreadable)?;
    if manifest.status != RunStatus::Started {
        let message = format!("run {} is not under way", manifest.id);
        return Err(Failure::new(Exit::Resource, "run::not_under_way", message)
            .with_hint("go on with it by `proofhouse eval resume`, which takes the same options"));
    }
    let now = manifest.limits.unwrap_or(RunLimits::connections(1));
    let wanted = arguments.limits(now);
    if wanted == now {
        return Err(Failure::new(Exit::Usage, "limits::same", "these are the limits that the run has")
            .with_hint("name at least one limit with another value"));
    }
    ask_for_limits(&dir, &wanted).map_err(|error| Failure::from_error(Exit::Resource, "limits::write", error))?;
    let change = answer(&dir, &manifest, &wanted)?;
    if arguments.json {
        let document = serde_json::json!({ "run": manifest.id, "limits": wanted, "in_effect": change.at });
        output::json(&document)?;
    } else {
        output::data(&format!("in effect since {}: {}\n", change.at, text(&wanted)))?;
    }
    Ok(Exit::Done)
}

/// Waits until the run says that the limits are in effect.
#[expect(clippy::disallowed_methods, reason = "waits for another process; nothing else is under way here")]
fn answer(dir: &RunDir, before: &RunManifest, wanted: &RunLimits) -> Result<LimitChange, Failure> {
    let begun = Instant::now();
    while begun.elapsed() < WAIT {
        let manifest = dir.manifest().map_err(unreadable)?;
        let new = manifest.limit_changes.iter().skip(before.limit_changes.len());
        if let Some(change) = new.rev().find(|change| change.limits == *wanted) {
            return Ok(*change);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let message = format!("run {} did not answer within {} s", before.id, WAIT.as_secs());
    Err(Failure::new(Exit::Resource, "run::no_answer", message)
        .with_hint("its process may have been killed: go on with it by `proofhouse eval resume`"))
}

fn text(limits: &RunLimits) -> String {
    let per_minute = |limit: Option<u64>, what: &str| limit.map(|limit| format!(", {limit} {what} a minute"));
    let samples = limits.samples.map(|samples| format!(", {samples} samples at once"));
    let kind = if limits.adaptive { "at most " } else { "" };
    let more =
        [per_minute(limits.requests_per_minute, "requests"), per_minute(limits.tokens_per_minute, "tokens"), samples];
    format!("{kind}{} connections{}", limits.connections, more.into_iter().flatten().collect::<String>())
}
