//! `proofhouse witness …`.

mod serve;

use clap::Subcommand;

use crate::exit_code::Exit;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve a witness over HTTP (C2SP `tlog-witness`).
    Serve(serve::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(arguments) => serve::run(arguments),
    }
}
