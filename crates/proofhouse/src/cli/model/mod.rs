//! `proofhouse model …`.

mod check;
mod serve;

use clap::Subcommand;

use crate::exit_code::Exit;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check what a target's endpoint does, before anything is measured.
    Check(check::Arguments),
    /// Serve models over HTTP as OpenAI and Anthropic do.
    Serve(serve::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Check(arguments) => check::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
    }
}
