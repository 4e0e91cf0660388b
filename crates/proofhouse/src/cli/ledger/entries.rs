//! `proofhouse ledger entries`: what is recorded.

use std::path::PathBuf;

use clap::Args;
use ph_proof::entry::OpenEntry;
use ph_proof::event::EventBody;

use super::open_to_read;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// An output directory, a run's directory, or a ledger
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print one JSON document: `[{index, leaf_hash, entry}]`
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let ledger = open_to_read(&arguments.dir)?;
    let unreadable = |error| Failure::from_error(Exit::Malformed, "ledger::damaged", error);
    let mut all = Vec::new();
    for entry in ledger.entries() {
        let (index, entry) = entry.map_err(unreadable)?;
        if arguments.json {
            let hash = ledger.leaf_hash(index).map_err(unreadable)?;
            let event = entry.as_ref().map(|entry| &entry.event);
            all.push(serde_json::json!({ "index": index, "leaf_hash": hash, "event": event }));
        } else {
            output::data(&format!("{}\n", output::visible(&line(index, entry.as_ref()))))?;
        }
    }
    if arguments.json {
        output::json(&all)?;
    }
    Ok(Exit::Done)
}

fn line(index: u64, entry: Option<&OpenEntry>) -> String {
    let Some(entry) = entry else { return format!("{index:>6}  destroyed") };
    let about = match &entry.event.body {
        EventBody::LedgerOpened { origin, .. } => origin.clone(),
        EventBody::RunOpened { run, resumed, .. } => format!("{run}{}", if *resumed { " (gone on with)" } else { "" }),
        EventBody::KeyRotated { new, .. } => new.clone(),
        EventBody::BodyDestroyed { entry, reason, .. } => format!("of entry {entry}: {reason}"),
        EventBody::PlanLocked { .. } | EventBody::RunClosed { .. } | EventBody::ReportAttested { .. } => String::new(),
    };
    format!("{index:>6}  {}  {:<15} {about}", entry.event.at, entry.event.kind()).trim_end().to_owned()
}
