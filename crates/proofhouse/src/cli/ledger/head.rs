//! `proofhouse ledger head`: the latest tree head.

use std::path::PathBuf;

use clap::Args;
use ph_assess::Record;

use super::{failure, ledger_dir, open_to_read};
use crate::cli::work::{block_on, house};
use crate::console::Console;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::ledger_arguments::LedgerArguments;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  proofhouse ledger head ./first-look
  proofhouse ledger head ./first-look --cosign --witness-policy witnesses.policy

With --cosign everything that is recorded gets a tree head, the witnesses are asked for it,
and it is kept. A bundle that was made before does not have it: make it again with
`proofhouse ledger export`.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// An output directory, a run's directory, or a ledger
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Sign a head of everything that is recorded, and ask the witnesses for it
    #[arg(long)]
    cosign: bool,
    #[command(flatten)]
    ledger: LedgerArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let unreadable = |error| Failure::from_error(Exit::Malformed, "ledger::damaged", error);
    let ledger = open_to_read(&arguments.dir)?;
    let mut exit = Exit::Done;
    let note = if arguments.cosign {
        let subject = ledger.origin().rsplit('/').next().unwrap_or_default().to_owned();
        drop(ledger);
        let keeper = arguments.ledger.keeper()?;
        let house = house(std::sync::Arc::new(Console::new()))?;
        let place = ledger_dir(&arguments.dir);
        let root = place.parent().map(PathBuf::from).unwrap_or_default();
        let record = Record::open(&root, &subject, &keeper, &house).map_err(failure)?;
        let cosigned = block_on(&house, record.cosign())?.map_err(failure)?;
        house.progress.cosigned(&cosigned);
        if record.has_witnesses() && !cosigned.is_satisfied {
            exit = Exit::VerificationIncomplete;
        }
        record.latest_head().map_err(failure)?
    } else {
        ledger.latest_head().map_err(unreadable)?
    };
    let note = note.ok_or_else(|| unreadable_head(&arguments.dir))?;
    output::data(&note.to_string())?;
    Ok(exit)
}

fn unreadable_head(dir: &std::path::Path) -> Failure {
    Failure::new(Exit::Malformed, "ledger::no_head", format!("`{}` has no tree head yet", dir.display()))
        .with_hint("sign one with `--cosign`")
}
