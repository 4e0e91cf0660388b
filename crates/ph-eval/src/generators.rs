//! Where generated items come from: handed in from above, so that the engine knows no suite.

use std::sync::Arc;

use ph_record::{TaskSource, TaskSourceError, TaskSpec};
use serde_json::{Map, Value};

/// The item generators that ship with the program.
pub trait Generators: Send + Sync {
    /// Makes the task whose items `generator` makes from `parameters`. `spec` is the whole task as read.
    ///
    /// # Errors
    /// [`TaskSourceError`] where the parameters do not fit; its `place` is the parameter's name, if one is to blame.
    fn make(
        &self,
        spec: &TaskSpec,
        generator: &str,
        parameters: &Map<String, Value>,
    ) -> Result<Arc<dyn TaskSource>, TaskSourceError>;

    /// The generators' names.
    fn names(&self) -> Vec<String>;
}

/// No generators: only tasks whose items are in a file can be loaded.
pub struct NoGenerators;

impl Generators for NoGenerators {
    fn make(
        &self,
        _: &TaskSpec,
        generator: &str,
        _: &Map<String, Value>,
    ) -> Result<Arc<dyn TaskSource>, TaskSourceError> {
        Err(TaskSourceError::new(generator, "there are no generators here"))
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
