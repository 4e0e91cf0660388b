//! `proofhouse log …`: evaluation logs, made here or by Inspect.

mod dataframe;
mod diff;
mod import;
mod ls;
mod merge;
mod show;

pub(super) use self::import::import_failure;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ph_evallog::LogError;

use crate::exit_code::Exit;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List logs with task, model, status and scores.
    Ls(ls::Arguments),
    /// Show a log, or one of its samples.
    Show(show::Arguments),
    /// Make a run of every log, to be shown, scored again, compared and reported like any other.
    Import(import::Arguments),
    /// Join logs of the same task and model into one.
    Merge(merge::Arguments),
    /// Compare two logs sample by sample.
    Diff(diff::Arguments),
    /// Write a table of evaluations, samples, messages or events as Parquet.
    Dataframe(dataframe::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Ls(arguments) => ls::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Merge(arguments) => merge::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Dataframe(arguments) => dataframe::run(arguments),
    }
}

/// How a log that cannot be read or written ends the program.
pub(super) fn log_failure(error: LogError) -> Failure {
    let hint = error.hint();
    let (exit, code) = match &error {
        LogError::File { .. } => (Exit::Malformed, "log::file"),
        LogError::Write { .. } => (Exit::Resource, "log::write"),
        LogError::Archive { .. } => (Exit::Malformed, "log::malformed"),
        LogError::Entry { .. } => (Exit::Malformed, "log::entry"),
        LogError::NoSample { .. } => (Exit::Usage, "log::no_sample"),
    };
    Failure::from_error(exit, code, error).with_hint(hint)
}

/// Nothing is written over: what is there may be one of the logs.
fn refuse_existing(out: &Path) -> Result<(), Failure> {
    if !out.exists() {
        return Ok(());
    }
    let message = format!("`{}` exists already", out.display());
    Err(Failure::new(Exit::Usage, "log::exists", message).with_hint("give another name with `--out`"))
}

/// The logs that `paths` name: files as they are, and of folders every `.eval` and `.json` file in them, at any depth.
fn log_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            add_folder(path, &mut files, 0)?;
            files[before..].sort();
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

const DEPTH_MAX: u32 = 16;

fn add_folder(folder: &Path, files: &mut Vec<PathBuf>, depth: u32) -> Result<(), Failure> {
    let failed = |source| log_failure(LogError::File { path: folder.to_owned(), source });
    for entry in folder.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let extension = path.extension().and_then(|extension| extension.to_str());
        if kind.is_dir() && depth < DEPTH_MAX {
            add_folder(&path, files, depth + 1)?;
        } else if extension == Some("eval") || extension == Some("json") && is_json_log(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a `.json` file of a folder has the name that Inspect gives its logs; other files are no logs of anybody.
fn is_json_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_digit()) && name.contains('T') && name.contains('_')
}
