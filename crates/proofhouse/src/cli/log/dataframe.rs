//! `proofhouse log dataframe`: logs as a table for analysts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::exit_code::Exit;
use crate::failure::Failure;

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rows {
    /// One log.
    Evals,
    /// One sample at one epoch.
    Samples,
    /// One message of a sample's last conversation.
    Messages,
    /// One event of a sample's transcript.
    Events,
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// Logs, or folders in which they are looked for
    #[arg(required = true, value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// The Parquet file to write
    #[arg(long, value_name = "X.parquet")]
    out: PathBuf,
    /// What a row is
    #[arg(long, value_enum, default_value = "samples")]
    rows: Rows,
}

#[cfg(not(feature = "parquet"))]
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let _ = (&arguments.logs, &arguments.out, arguments.rows);
    Err(Failure::new(Exit::Resource, "log::not_built", "this program was built without the feature `parquet`")
        .with_hint("build it with `--features parquet` (or `full`), or use `log show --json`"))
}

#[cfg(feature = "parquet")]
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    use ph_evallog::dataframe::{Kind, write};
    let kind = match arguments.rows {
        Rows::Evals => Kind::Evals,
        Rows::Samples => Kind::Samples,
        Rows::Messages => Kind::Messages,
        Rows::Events => Kind::Events,
    };
    super::refuse_existing(&arguments.out)?;
    let logs = super::log_files(&arguments.logs)?;
    let rows = write(&logs, kind, &arguments.out).map_err(super::log_failure)?;
    crate::output::say(&format!("{}: {rows} rows", arguments.out.display()));
    Ok(Exit::Done)
}
