//! The data directory: where the program keeps its state.

use std::path::PathBuf;

use crate::env_vars::{HOME, PROOFHOUSE_DATA_DIR, XDG_DATA_HOME, read};
use crate::exit_code::Exit;
use crate::failure::Failure;

/// The data directory. It need not exist.
pub(crate) fn data_dir() -> Result<PathBuf, Failure> {
    let own = read(PROOFHOUSE_DATA_DIR).map(PathBuf::from);
    let shared = || Some(absolute(XDG_DATA_HOME)?.join("proofhouse"));
    let home = || Some(absolute(HOME)?.join(".local/share/proofhouse"));
    own.or_else(shared).or_else(home).ok_or_else(|| {
        Failure::new(Exit::Usage, "data_dir::unknown", "it is not known where the data directory is")
            .with_hint("set `PROOFHOUSE_DATA_DIR` to a directory of yours")
    })
}

/// The directory that a variable names; a relative one counts as none, as the specification of these variables says.
fn absolute(variable: &str) -> Option<PathBuf> {
    read(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The response cache in the data directory.
pub(crate) fn response_cache() -> Result<PathBuf, Failure> {
    Ok(data_dir()?.join("cache").join("responses"))
}
