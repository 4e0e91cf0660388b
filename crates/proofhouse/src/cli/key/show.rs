//! `proofhouse key show`: the public side of a key.

use std::path::PathBuf;

use clap::Args;

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::key_file;

const AFTER_HELP: &str = "\
Examples:
  proofhouse key show log.key
  proofhouse key show witness.key --witness
  proofhouse key show witness.key --json

Nothing secret is printed.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// File of the secret key
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the verifier key of a witness, not of a log
    #[arg(long)]
    witness: bool,
    /// Print `{log, name, witness}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    super::print(&key_file::read(&arguments.file)?, arguments.witness, arguments.json)
}
