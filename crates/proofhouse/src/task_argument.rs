//! From what was typed to a task: a suite's name, its path, or a `task.toml` on disk.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use ph_eval::{TaskFileError, TaskPlace, load_task};
use ph_record::TaskSource;

use crate::exit_code::Exit;
use crate::failure::Failure;

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
            let message = format!("there is no suite and no task file `{}`", crate::output::visible(argument));
            Err(Failure::new(Exit::Usage, "task::unknown", message)
                .with_hint(format!("the suites are: {}; or give the path of a `task.toml`", names.join(", "))))
        }
    }
}

fn malformed(error: TaskFileError) -> Failure {
    Failure::located(Exit::Malformed, "task::malformed", Located::from(error))
}

/// A task file's error with the place in the file, as the printer wants it.
#[derive(Debug)]
struct Located {
    error: TaskFileError,
    source: NamedSource<String>,
}

impl From<TaskFileError> for Located {
    fn from(error: TaskFileError) -> Self {
        let source = NamedSource::new(&error.file, error.text.clone());
        Self { error, source }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl Error for Located {}

impl Diagnostic for Located {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.error.text.is_empty()).then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = LabeledSpan::new(Some("here".to_owned()), self.error.offset, self.error.length);
        (!self.error.text.is_empty()).then(|| Box::new(std::iter::once(span)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}
