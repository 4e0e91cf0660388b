//! What solvers and scorers may be made with besides their parameters.

use std::sync::Arc;

use ph_record::{NoFiles, TaskFiles, TaskSource};

use crate::scorer::command_host::{CommandHost, LocalCommands};

/// What the steps of a task are made with.
#[derive(Clone)]
pub struct StepContext {
    /// The files beside the task.
    pub files: Arc<dyn TaskFiles>,
    /// Where external commands run.
    pub commands: Arc<dyn CommandHost>,
}

impl StepContext {
    /// That of this task; commands run as processes of this machine.
    #[must_use]
    pub fn of(task: &dyn TaskSource) -> Self {
        Self { files: task.files(), commands: Arc::new(LocalCommands) }
    }

    /// That of steps which no task's folder belongs to.
    #[must_use]
    pub fn without_files() -> Self {
        Self { files: Arc::new(NoFiles), commands: Arc::new(LocalCommands) }
    }
}
