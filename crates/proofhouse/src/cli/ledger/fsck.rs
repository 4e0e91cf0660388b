//! `proofhouse ledger fsck`: everything that a ledger holds, checked against everything else.

use std::path::PathBuf;

use clap::Args;
use ph_evidence::fsck::fsck_dir;

use super::ledger_dir;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// An output directory, a run's directory, or a ledger
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print `{entries, findings}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let report = fsck_dir(&ledger_dir(&arguments.dir)).map_err(|error| {
        Failure::from_error(Exit::Malformed, "ledger::unreadable", error)
            .with_hint("name an output directory of `assess`, a run's directory, or the folder `ledger` in one of them")
    })?;
    let findings: Vec<String> =
        report.findings.iter().map(|finding| format!("{}: {}", finding.part, finding.problem)).collect();
    if arguments.json {
        output::json(&serde_json::json!({ "entries": report.counts.entries, "findings": findings }))?;
    } else {
        for finding in &findings {
            output::data(&format!("{}\n", output::visible(finding)))?;
        }
        output::data(&format!("{} entries, {} findings\n", report.counts.entries, findings.len()))?;
    }
    Ok(if findings.is_empty() { Exit::Done } else { Exit::VerificationFailed })
}
