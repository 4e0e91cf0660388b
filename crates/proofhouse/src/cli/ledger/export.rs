//! `proofhouse ledger export`: a bundle, whole or without some parts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use ph_assess::Record;
use ph_assess::record::{attested_parts, write_edition};

use super::{failure, ledger_dir, open_to_read};
use crate::cli::work::house;
use crate::console::Console;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::ledger_arguments::LedgerArguments;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  proofhouse ledger export ./first-look --list
  proofhouse ledger export ./first-look --out whole.proof
  proofhouse ledger export ./first-look --out public.proof --withhold plan.json --withhold 'runs/*'

A withheld part stays covered by its commitment: `proofhouse ledger open` writes what opens
it later.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The output directory of an assessment
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Where the bundle is written
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// A part that is left out; `NAME*` for all whose names begin so; may be repeated
    #[arg(long, value_name = "PART")]
    withhold: Vec<String>,
    /// Only name the parts
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    ledger: LedgerArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let ledger = open_to_read(&arguments.dir)?;
    let place = ledger_dir(&arguments.dir);
    let root = place.parent().map(PathBuf::from).unwrap_or_default();
    let (_, parts) = attested_parts(&ledger, &root).map_err(failure)?.ok_or_else(|| {
        let text = format!("no report is attested in `{}`", arguments.dir.display());
        Failure::new(Exit::Malformed, "ledger::not_attested", text).with_hint("`proofhouse assess` attests its report")
    })?;
    let Some(out) = arguments.out.as_ref().filter(|_| !arguments.list) else {
        for part in parts {
            output::data(&format!("{}\n", output::visible(&part.name)))?;
        }
        return Ok(Exit::Done);
    };
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let withheld = arguments.withhold.iter().flat_map(|pattern| matching(pattern, &names)).collect();
    let subject = ledger.origin().rsplit('/').next().unwrap_or_default().to_owned();
    drop(ledger);
    let house = house(std::sync::Arc::new(Console::new()))?;
    let record = Record::open(&root, &subject, &arguments.ledger.keeper()?, &house).map_err(failure)?;
    record.with_ledger(|ledger| write_edition(ledger, &root, &withheld, out)).map_err(failure)?;
    output::say(&format!("bundle: {} ({} of {} parts withheld)", out.display(), withheld.len(), names.len()));
    Ok(Exit::Done)
}

/// The parts that are meant; a name that none has stays as it is, to be told.
fn matching(pattern: &str, names: &[&str]) -> BTreeSet<String> {
    match pattern.strip_suffix('*') {
        Some(prefix) => names.iter().filter(|name| name.starts_with(prefix)).map(|name| (*name).to_owned()).collect(),
        None => BTreeSet::from([pattern.to_owned()]),
    }
}
