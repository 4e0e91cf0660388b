//! `proofhouse ledger …`: the record of an assessment or run.

mod entries;
mod export;
mod fsck;
mod head;
mod open;
mod prove;
mod serve;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ph_assess::RecordKeepError;
use ph_evidence::FileLedger;
use ph_evidence::edition::BundleError;

use crate::exit_code::Exit;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List what is recorded.
    Entries(entries::Arguments),
    /// Prove that an entry is in the tree.
    Prove(prove::Arguments),
    /// Print the latest tree head, or sign one and have it cosigned.
    Head(head::Arguments),
    /// Serve the tree over HTTP to those who have its credential.
    Serve(serve::Arguments),
    /// Check everything that a ledger holds against everything else.
    Fsck(fsck::Arguments),
    /// Write a bundle of the attested report, whole or without some parts.
    Export(export::Arguments),
    /// Write what opens a part that an edition withholds.
    Open(open::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Entries(arguments) => entries::run(arguments),
        Command::Prove(arguments) => prove::run(arguments),
        Command::Head(arguments) => head::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Fsck(arguments) => fsck::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Open(arguments) => open::run(arguments),
    }
}

/// The directory of the ledger that is meant: that of an output directory, of a run, or the ledger's own.
fn ledger_dir(given: &Path) -> PathBuf {
    let below = given.join(ph_assess::record::LEDGER);
    if below.join("ledger.json").exists() { below } else { given.to_owned() }
}

/// Opens a ledger to be read.
fn open_to_read(given: &Path) -> Result<FileLedger, Failure> {
    FileLedger::open_read_only(&ledger_dir(given)).map_err(|error| {
        Failure::from_error(Exit::Malformed, "ledger::unreadable", error)
            .with_hint("name an output directory of `assess`, a run's directory, or the folder `ledger` in one of them")
    })
}

/// How a ledger that cannot be read or written ends the program.
fn failure(error: RecordKeepError) -> Failure {
    match &error {
        RecordKeepError::Bundle(BundleError::NoPart(_)) => Failure::from_error(Exit::Usage, "ledger::no_part", error)
            .with_hint("the parts are those of the attested report; `proofhouse ledger export --list DIR` names them"),
        _ => crate::cli::work::record_failure(error),
    }
}
