//! `proofhouse eval …`.

mod ls;
mod rescore;
mod run;
pub(in crate::cli) mod show;

use clap::Subcommand;

use crate::exit_code::Exit;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a suite or a task file on a target.
    Run(run::Arguments),
    /// List the suites that ship with the program.
    Ls(ls::Arguments),
    /// Show a run, or one of its samples.
    Show(show::Arguments),
    /// Score a run's replies again; no model is asked, the old run stays.
    Rescore(rescore::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Ls(arguments) => ls::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Rescore(arguments) => rescore::run(arguments),
    }
}
