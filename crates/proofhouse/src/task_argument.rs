//! From what was typed to a task: a suite's name, its path, or a `task.toml` on disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ph_eval::{TaskFileError, TaskPlace, load_task};
use ph_model::TargetName;
use ph_record::{RunAsked, TaskSource};

use crate::exit_code::Exit;
use crate::failure::{Failure, Place};

/// The suite or task file that `argument` names.
pub(crate) fn task(argument: &str) -> Result<Arc<dyn TaskSource>, Failure> {
    let path = Path::new(argument);
    if path.exists() {
        return load_task(&TaskPlace::Disk(path.to_owned()), &ph_suites::BuiltInGenerators).map_err(malformed);
    }
    let suites = ph_suites::suites();
    match suites.iter().find(|suite| suite.name == argument || suite.path == argument) {
        Some(suite) => {
            ph_suites::load(&suite.name).map_err(|error| Failure::from_error(Exit::Unexpected, "suite", error))
        }
        None => {
            let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
            let message = format!("there is no suite and no task file `{argument}`");
            Err(Failure::new(Exit::Usage, "task::unknown", message)
                .with_hint(format!("the suites are: {}; or give the path of a `task.toml`", names.join(", "))))
        }
    }
}

/// How a task was asked for, so that somebody can ask for it again from another folder.
pub(crate) fn asked(argument: &str, base_url: Option<&str>, roles: BTreeMap<String, TargetName>) -> RunAsked {
    let path = Path::new(argument);
    let absolute = if path.exists() { std::path::absolute(path).ok() } else { None };
    let task = absolute.map_or_else(|| argument.to_owned(), |path| path.display().to_string());
    RunAsked { task, base_url: base_url.map(str::to_owned), roles }
}

/// Whether so many epochs are enough for the task's reducers.
pub(crate) fn check_epochs(task: &dyn TaskSource, epochs: Option<u32>) -> Result<(), Failure> {
    let reducers = &task.spec().epochs.reducer;
    match epochs.filter(|epochs| *epochs < reducers.epochs_needed()) {
        None => Ok(()),
        Some(epochs) => {
            let (name, needed) = (&task.spec().name, reducers.epochs_needed());
            let message = format!("the task `{name}` needs {needed} epochs for its reducers, not {epochs}");
            Err(Failure::new(Exit::Usage, "task::epochs", message)
                .with_hint(format!("give `--epochs {needed}` or more, or leave it out")))
        }
    }
}

fn malformed(error: TaskFileError) -> Failure {
    let hint = error.hint.clone().unwrap_or_default();
    let place = Place { file: &error.file, text: &error.text, offset: error.offset, length: error.length };
    let failure = Failure::from_error(Exit::Malformed, "task::malformed", &error).with_hint(hint);
    if error.text.is_empty() { failure } else { failure.at(&place) }
}
