//! `proofhouse model check`: what an endpoint does with the simplest requests.

use std::sync::Arc;

use clap::Args;
use ph_analysis::{CheckStatus, Conformance};
use ph_assess::{CheckSubject, ConformanceOptions, check_conformance};

use super::super::work::{block_on, house_reaching, target_failure, target_name};
use crate::console::Console;
use crate::endpoint_arguments::EndpointArguments;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;
use crate::spending::{SpendingArguments, spending_failure};

const AFTER_HELP: &str = "\
At most 60 calls (40 with --quick), the longest of some 33,000 tokens. A check that fails says what it means for an
assessment and blocks nothing; a weak model fails some of the canaries.

Examples:
  proofhouse model check openai/gpt-4o-mini --budget 0.50USD
  proofhouse model check openai-api/acme/preview --quick --json
  proofhouse model check reference/sound

Exit codes: 0 every check passed or could not be made · 4 target unreachable, or refuses the credential ·
5 some check failed";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The target
    #[arg(value_name = "TARGET")]
    target: String,
    #[command(flatten)]
    endpoint: EndpointArguments,
    /// Fewer calls
    #[arg(long)]
    quick: bool,
    /// Seed of the sampling and of the random words
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    spending: SpendingArguments,
    /// Print one JSON document on stdout: `{target, checks: [{id, status, asked, came, meaning, …}], …}`
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let target = target_name(&arguments.target)?;
    let spending = arguments.spending.spending()?;
    spending.check(&target.to_string()).map_err(spending_failure)?;
    let house = house_reaching(Arc::new(Console::new()), Some(&target), &arguments.endpoint)?;
    let model = house.targets.open(&target).map_err(target_failure)?;
    let subject = CheckSubject { model, stranger: house.targets.open_as_stranger(&target) };
    let options = if arguments.quick { ConformanceOptions::quick } else { ConformanceOptions::full };
    let options = ConformanceOptions { call_timeout: arguments.endpoint.call_timeout(), ..options(arguments.seed) };
    let work = check_conformance(&subject, &options, &house, &spending);
    let conformance = block_on(&house, work)?;
    if arguments.json {
        output::json(&conformance)?;
    } else {
        output::data(&ph_report::conformance_text(&conformance))?;
    }
    Ok(exit(&conformance, house.cancellation.is_asked()))
}

fn exit(conformance: &Conformance, is_interrupted: bool) -> Exit {
    if conformance.unreachable.is_some() {
        Exit::Target
    } else if is_interrupted {
        Exit::Interrupted
    } else if conformance.count(CheckStatus::Failed) > 0 {
        Exit::SampleErrors
    } else {
        Exit::Done
    }
}
