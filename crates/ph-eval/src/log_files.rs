//! The log files of a run, `log-000.eval`, …: made from its journal by copying, with at most 50,000 samples each. Every
//! file is a log of its own for whoever opens it: its results and reductions are those of the samples in it.

use std::fs;
use std::path::PathBuf;

use ph_evallog::{LogError, LogWriter, start_json};
use ph_record::RunManifest;
use serde_json::Value;

use crate::run_dir::{RunDir, RunDirError};

/// The most samples of one log file.
pub const LOG_SAMPLES_MAX: u64 = 50_000;

/// The program as logs name it.
const PROGRAM: &str = concat!("proofhouse ", env!("CARGO_PKG_VERSION"));

/// A run's log files cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LogFilesError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] RunDirError),
    /// A log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Makes the log files of a run anew from its journal. A file has its name only once it is whole.
///
/// # Errors
/// [`LogFilesError`] where the journal cannot be read or a file cannot be written.
pub fn write_logs(dir: &RunDir, manifest: &RunManifest) -> Result<(), LogFilesError> {
    let target = manifest.target.to_string();
    let imported = dir.imported_header()?.filter(Value::is_object);
    let start = match &imported {
        None => start_json(manifest, PROGRAM),
        Some(header) => imported_start(header, manifest),
    };
    let finish = |log: LogWriter| match &imported {
        None => log.finish(manifest),
        Some(header) => {
            let mut header = header.clone();
            header["eval"] = start["eval"].clone();
            log.finish_merged(header, &manifest.task.epochs.reducer)
        }
    };
    let mut number = 0;
    let mut log = LogWriter::create(&path(dir, number), start.clone())?;
    for stored in dir.stored()? {
        let stored = stored?;
        if log.samples() == LOG_SAMPLES_MAX {
            finish(log)?;
            number += 1;
            log = LogWriter::create(&path(dir, number), start.clone())?;
        }
        log.sample(&stored.name, &stored.entry, &stored.record, &target)?;
    }
    finish(log)?;
    // Files that an earlier making left behind, of a run that has become shorter.
    let later = (number + 1..).map(|number| path(dir, number)).take_while(|path| path.exists());
    later.for_each(|path| {
        let _ = fs::remove_file(path);
    });
    Ok(())
}

/// The start of an imported log as it was there, with our manifest beside.
fn imported_start(header: &Value, manifest: &RunManifest) -> Value {
    let ours = start_json(manifest, PROGRAM);
    let mut eval = header.get("eval").filter(|eval| eval.is_object()).unwrap_or(&ours["eval"]).clone();
    if !eval.get("metadata").is_some_and(Value::is_object) {
        eval["metadata"] = serde_json::json!({});
    }
    eval["metadata"][ph_evallog::core::KEY] = ours["eval"]["metadata"][ph_evallog::core::KEY].clone();
    let plan = header.get("plan").unwrap_or(&ours["plan"]).clone();
    serde_json::json!({ "version": header.get("version").unwrap_or(&ours["version"]), "eval": eval, "plan": plan })
}

fn path(dir: &RunDir, number: u32) -> PathBuf {
    dir.path().join(format!("log-{number:03}.eval"))
}
