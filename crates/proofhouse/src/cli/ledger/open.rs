//! `proofhouse ledger open`: what opens a part that an edition withholds.

use std::path::PathBuf;

use clap::Args;
use ph_assess::RecordKeepError;
use ph_assess::record::attested_parts;
use ph_evidence::edition::{BundleError, write_opening};

use super::{failure, ledger_dir, open_to_read};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Example:
  proofhouse ledger open ./first-look plan.json --out plan.opening
  proofhouse verify public.proof --key lab.pub --opening plan.opening";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The output directory of an assessment
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The part
    #[arg(value_name = "PART")]
    part: String,
    /// Where the opening is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let ledger = open_to_read(&arguments.dir)?;
    let root = ledger_dir(&arguments.dir).parent().map(PathBuf::from).unwrap_or_default();
    let no_part = || failure(RecordKeepError::Bundle(BundleError::NoPart(arguments.part.clone())));
    let (attested, parts) = attested_parts(&ledger, &root).map_err(failure)?.ok_or_else(no_part)?;
    let part = parts.iter().find(|part| part.name == arguments.part).ok_or_else(no_part)?;
    write_opening(&ledger, attested.statement.predicate.number, part, &arguments.out)
        .map_err(|error| failure(error.into()))?;
    output::say(&format!("opening: {}", arguments.out.display()));
    Ok(Exit::Done)
}
