//! From what was typed to a run's directory: a path, or an id inside an output directory.

use std::path::{Path, PathBuf};

use ph_eval::{RunDir, RunDirError};

use crate::exit_code::Exit;
use crate::failure::Failure;

/// The directory of the run that `argument` names; an id is looked for in `out/runs`.
pub(crate) fn open_run(argument: &str, out: &Path) -> Result<RunDir, Failure> {
    let by_path = PathBuf::from(argument);
    let is_id = argument.parse::<ph_base::RunId>().is_ok();
    let path = if is_id && !by_path.exists() { out.join("runs").join(argument) } else { by_path };
    // An argument that names nothing is the command line's fault, not a file's.
    let exit = if path.exists() { Exit::Malformed } else { Exit::Usage };
    RunDir::open(path).map_err(|error| {
        Failure::from_error(exit, "run::not_found", error)
            .with_hint("give a run's directory, or its id with `--out` naming the directory that holds `runs/`")
    })
}

/// How a run that cannot be read ends the program.
pub(crate) fn unreadable(error: RunDirError) -> Failure {
    Failure::from_error(Exit::Malformed, "run::malformed", error)
}
