//! `proofhouse log import`: a run of every log.

use std::path::PathBuf;

use clap::Args;
use ph_eval::{ImportError, ImportRequest, import_log};
use ph_evallog::ReadLimits;
use ph_record::RunManifest;
use serde_json::json;

use super::{log_failure, log_files};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  proofhouse log import logs/*.eval --out review
  proofhouse report review/runs/run_* --out review/report";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Logs, or folders in which they are looked for
    #[arg(required = true, value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// The output directory; every log becomes `runs/<run>` in it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Refuse a log with an entry larger than this, in MiB
    #[arg(long, value_name = "N", default_value_t = 2048)]
    max_entry: u64,
    /// Print `{runs: [{file, run, dir, task, target, samples, lacks}], errors}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let limits = ReadLimits { entry_bytes_max: arguments.max_entry << 20, ..ReadLimits::default() };
    let runs = arguments.out.join("runs");
    let files = log_files(&arguments.logs)?;
    if files.is_empty() {
        return Err(Failure::new(Exit::Usage, "log::none", "there is no log in what was given")
            .with_hint("give `.eval` or `.json` logs, or a folder that holds some"));
    }
    let mut done = Vec::new();
    let mut failures = Vec::new();
    for file in &files {
        match import_log(&ImportRequest { log: file, runs: &runs, limits }) {
            Ok(manifest) => {
                say(file, &manifest);
                let dir = runs.join(manifest.id.to_string());
                done.push(json!({ "file": file, "run": manifest.id, "dir": dir, "task": manifest.task.name,
                    "target": manifest.target, "samples": manifest.samples, "endings": manifest.endings,
                    "lacks": manifest.origin.map(|origin| origin.lacks).unwrap_or_default() }));
            }
            // The other logs go on; a single one is the command's own failure.
            Err(error) if files.len() > 1 => {
                output::say(&format!("not imported: {}", words(&error)));
                failures.push(json!({ "file": file, "error": words(&error) }));
            }
            Err(error) => return Err(import_failure(error)),
        }
    }
    if arguments.json {
        output::json(&json!({ "runs": done, "errors": failures }))?;
    }
    Ok(if failures.is_empty() { Exit::Done } else { Exit::Malformed })
}

fn say(file: &std::path::Path, manifest: &RunManifest) {
    output::say(&format!(
        "{}: run {} · {} on {} · {} samples",
        file.display(),
        manifest.id,
        manifest.task.name,
        manifest.target,
        manifest.samples
    ));
    for lack in manifest.origin.iter().flat_map(|origin| &origin.lacks) {
        output::say(&format!("  lacks {lack}"));
    }
}

/// An error with what is behind it.
fn words(error: &ImportError) -> String {
    let mut words = error.to_string();
    let mut behind = std::error::Error::source(error);
    while let Some(source) = behind {
        words = format!("{words}: {source}");
        behind = source.source();
    }
    words
}

/// How a log that cannot be imported ends the program.
pub(in crate::cli) fn import_failure(error: ImportError) -> Failure {
    match error {
        ImportError::Log(error) => log_failure(error),
        ImportError::Dir(error) => Failure::from_error(Exit::Resource, "run::directory", error)
            .with_hint("the same log is the same run: it may have been imported there already"),
        other => Failure::from_error(Exit::Resource, "run::directory", other),
    }
}
