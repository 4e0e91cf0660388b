//! `proofhouse key new`: a key in a new file.

use std::path::PathBuf;

use clap::Args;
use ph_proof::note::{KeyName, NoteSigner};

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::{clock, key_file};

const AFTER_HELP: &str = "\
Examples:
  proofhouse key new lab.example/proofhouse --out log.key
  proofhouse key new witness.example/w1 --out witness.key --witness

The file has the mode 0600 and one line, PRIVATE+KEY+…, as Go's `sumdb/note` writes it; a
file that is there is never written over. On stdout comes the verifier key, which others are
given: a log's unless `--witness` is said. One key is for one of the two only. NAME is what
the key is called in every signature: a URL without its scheme, of a place that is yours.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Name of the key
    #[arg(value_name = "NAME")]
    name: String,
    /// File for the secret key
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print the verifier key of a witness, not of a log
    #[arg(long)]
    witness: bool,
    /// Print `{log, name, witness}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let name = KeyName::new(&arguments.name).map_err(|error| {
        Failure::from_error(Exit::Usage, "key::name", error).with_hint("such as `lab.example/proofhouse`")
    })?;
    let seed = clock::secret_seed().map_err(|error| Failure::from_error(Exit::Resource, "key::randomness", error))?;
    let signer = NoteSigner::new(name, &seed);
    key_file::write_new(&arguments.out, &signer)?;
    super::print(&signer, arguments.witness, arguments.json)
}
