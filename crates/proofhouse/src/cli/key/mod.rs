//! `proofhouse key …`: the keys by which logs sign and witnesses cosign.

mod new;
mod show;

use clap::Subcommand;
use ph_proof::note::NoteSigner;
use serde_json::json;

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key in a new file.
    New(new::Arguments),
    /// Print what a key's signatures are verified by.
    Show(show::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::New(arguments) => new::run(arguments),
        Command::Show(arguments) => show::run(arguments),
    }
}

/// Prints the public side of a key: as a witness's, or as a log's.
fn print(signer: &NoteSigner, is_witness: bool, is_json: bool) -> Result<Exit, Failure> {
    let (log, witness) = (signer.verifier().to_string(), signer.cosignature_verifier().to_string());
    if is_json {
        output::json(&json!({ "log": log, "name": signer.name().as_str(), "witness": witness }))?;
    } else {
        output::data(&format!("{}\n", if is_witness { witness } else { log }))?;
    }
    Ok(Exit::Done)
}
