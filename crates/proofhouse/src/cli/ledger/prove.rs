//! `proofhouse ledger prove`: that an entry is in the tree of the latest head.

use std::path::PathBuf;

use clap::Args;
use ph_proof::note::TreeHead;
use serde_json::json;

use super::open_to_read;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Without --json the proof is one of C2SP's tlog-proof: index, hashes, tree head with its
cosignatures. It proves that the leaf is in the tree; with --json the entry that the leaf
commits to is there too.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// An output directory, a run's directory, or a ledger
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The entry
    #[arg(value_name = "INDEX")]
    index: u64,
    /// Print `{entry, leaf_hash, size, proof, head}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let ledger = open_to_read(&arguments.dir)?;
    let failed = |error| Failure::from_error(Exit::Malformed, "ledger::prove", error);
    let head = ledger.latest_head().map_err(failed)?;
    let head = head.ok_or_else(|| {
        Failure::new(Exit::Malformed, "ledger::no_head", "there is no tree head yet")
            .with_hint("sign one with `proofhouse ledger head DIR --cosign`")
    })?;
    let size = TreeHead::parse(head.unverified_text()).map_or(0, |head| head.size());
    if arguments.index >= size {
        let text = format!("there is no entry {} in the tree of {size} entries", arguments.index);
        return Err(Failure::new(Exit::Usage, "ledger::no_entry", text).with_hint(
            "`proofhouse ledger entries DIR` lists them; `ledger head --cosign` brings new ones into the tree",
        ));
    }
    let hashes = ledger.inclusion(arguments.index, size).map_err(failed)?;
    let text = ph_proof::note::proof_text(arguments.index, &hashes, &head);
    if arguments.json {
        let entry = ledger.entry(arguments.index).map_err(failed)?;
        let salt = entry.as_ref().map(|entry| entry.salt);
        output::json(&json!({
            "index": arguments.index,
            "event": entry.as_ref().map(|entry| &entry.event),
            "salt": salt,
            "leaf_hash": ledger.leaf_hash(arguments.index).map_err(failed)?,
            "size": size,
            "hashes": hashes,
            "proof": text,
        }))?;
    } else {
        output::data(&text)?;
    }
    Ok(Exit::Done)
}
