//! `proofhouse cache …`: the response cache in the data directory.

mod ls;
mod prune;

use clap::Subcommand;

use crate::exit_code::Exit;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Say what the response cache holds, by target.
    Ls(ls::Arguments),
    /// Take replies out of it, by age, size or all.
    Prune(prune::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Ls(arguments) => ls::run(arguments),
        Command::Prune(arguments) => prune::run(arguments),
    }
}
