//! What solvers and scorers may be made with besides their parameters.

use std::sync::Arc;

use ph_record::{NoFiles, TaskFiles, TaskSource};

use crate::scorer::command_host::{CommandHost, LocalCommands};
use crate::scorer::recorded::RecordedGrades;

/// What the steps of a task are made with.
#[derive(Clone)]
pub struct StepContext {
    /// The files beside the task.
    pub files: Arc<dyn TaskFiles>,
    /// Who grades where a task has an external command.
    pub commands: Commands,
}

/// Who grades where a task has an external command.
#[derive(Clone)]
pub enum Commands {
    /// The command itself, started here.
    Host(Arc<dyn CommandHost>),
    /// Nobody: what it said is taken from a record, and nothing is started.
    Recorded(Arc<dyn RecordedGrades>),
}

impl StepContext {
    /// That of this task; commands run as processes of this machine.
    #[must_use]
    pub fn of(task: &dyn TaskSource) -> Self {
        Self { files: task.files(), ..Self::without_files() }
    }

    /// That of steps which no task's folder belongs to.
    #[must_use]
    pub fn without_files() -> Self {
        Self { files: Arc::new(NoFiles), commands: Commands::Host(Arc::new(LocalCommands)) }
    }
}
