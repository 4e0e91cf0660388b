//! From what was typed to a task: a suite's name, its path, or a `task.toml` on disk.

use std::path::Path;
use std::sync::Arc;

use ph_eval::{TaskFileError, TaskPlace, load_task};
use ph_record::TaskSource;

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

fn malformed(error: TaskFileError) -> Failure {
    let hint = error.hint.clone().unwrap_or_default();
    let place = Place { file: &error.file, text: &error.text, offset: error.offset, length: error.length };
    let failure = Failure::from_error(Exit::Malformed, "task::malformed", &error).with_hint(hint);
    if error.text.is_empty() { failure } else { failure.at(&place) }
}
