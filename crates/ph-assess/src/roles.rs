//! Gives the roles of a task to models, before anything is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use ph_eval::{RoleError, RoleModel, Roles, Spending, SpendingError, StepError, roles_of};
use ph_model::{ModelApi, TargetName};
use ph_record::TaskSource;

use crate::target::{TargetError, TargetOpener};

/// A role cannot be given to a model; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum RoleBindError {
    /// A step of the task cannot be made.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A role has no model, or there is no such role.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// What `task.toml` names is no target.
    #[error("role `{role}` of task `{task}`: {problem}")]
    Name {
        /// The role.
        role: String,
        /// The task.
        task: String,
        /// What is wrong.
        problem: String,
    },
    /// The target cannot be opened.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The budget cannot be kept for the target.
    #[error(transparent)]
    Spending(#[from] SpendingError),
}

/// Opens the models that have roles, each target once.
pub struct RoleBinder<'a> {
    targets: &'a dyn TargetOpener,
    spending: &'a Spending,
    given: &'a BTreeMap<String, TargetName>,
    open: BTreeMap<TargetName, Arc<dyn ModelApi>>,
}

impl<'a> RoleBinder<'a> {
    /// Gives roles to the targets `given` by the user, else to those that a task names.
    #[must_use]
    pub fn new(targets: &'a dyn TargetOpener, spending: &'a Spending, given: &'a BTreeMap<String, TargetName>) -> Self {
        Self { targets, spending, given, open: BTreeMap::new() }
    }

    /// The same where this target is open already.
    #[must_use]
    pub fn with_open(mut self, model: Arc<dyn ModelApi>) -> Self {
        self.open.insert(model.target().clone(), model);
        self
    }

    /// Whether every role that the user gave a target is one of these tasks.
    ///
    /// # Errors
    /// [`RoleBindError`].
    pub fn check_given(&self, tasks: &[Arc<dyn TaskSource>]) -> Result<(), RoleBindError> {
        let mut known = Vec::new();
        for task in tasks {
            known.extend(roles_of(task.as_ref())?.named);
        }
        let names: Vec<&str> = tasks.iter().map(|task| task.spec().name.as_str()).collect();
        match self.given.keys().find(|role| !known.contains(role)) {
            None => Ok(()),
            Some(role) => {
                Err(RoleError::Unknown { task: names.join("`, `"), role: role.clone(), known: known.clone() }.into())
            }
        }
    }

    /// The models of the roles that the steps of `task` ask.
    ///
    /// # Errors
    /// [`RoleBindError`] where a role has no target, or its target cannot be opened or paid.
    pub fn bind(&mut self, task: &dyn TaskSource) -> Result<Roles, RoleBindError> {
        let mut roles = Roles::default();
        for role in roles_of(task)?.asked {
            let name = self.target(task, &role)?;
            self.spending.check(&name.to_string())?;
            let model = match self.open.get(&name) {
                Some(model) => model.clone(),
                None => self.targets.open(&name)?,
            };
            self.open.insert(name.clone(), model.clone());
            roles.bind(role, RoleModel { model, meter: self.spending.meter(&name.to_string()) });
        }
        Ok(roles)
    }

    fn target(&self, task: &dyn TaskSource, role: &str) -> Result<TargetName, RoleBindError> {
        if let Some(given) = self.given.get(role) {
            return Ok(given.clone());
        }
        let spec = task.spec();
        let missing = || RoleError::Missing { task: spec.name.clone(), role: role.to_owned() };
        let named = spec.roles.get(role).and_then(|of| of.target.as_ref()).ok_or_else(missing)?;
        named.parse().map_err(|error: ph_model::TargetNameError| RoleBindError::Name {
            role: role.to_owned(),
            task: spec.name.clone(),
            problem: error.to_string(),
        })
    }
}
