//! `--model-role ROLE=TARGET`: which models grade, criticise or attack.

use std::collections::BTreeMap;

use clap::Args;
use ph_assess::RoleBindError;
use ph_model::TargetName;

use crate::cli::work::target_failure;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::spending::spending_failure;

/// The models that have roles.
#[derive(Args, Default)]
pub(crate) struct RoleArguments {
    /// The model that has a role of the task, for instance `grader=openai/NAME`; may be repeated
    #[arg(long, value_name = "ROLE=TARGET", value_parser = role)]
    model_role: Vec<(String, TargetName)>,
}

fn role(text: &str) -> Result<(String, TargetName), String> {
    let (role, target) = text.split_once('=').ok_or("must be ROLE=TARGET, for instance `grader=openai/NAME`")?;
    if role.is_empty() {
        return Err("the role before `=` is empty".to_owned());
    }
    let target = target.parse().map_err(|error: ph_model::TargetNameError| error.to_string())?;
    Ok((role.to_owned(), target))
}

impl RoleArguments {
    /// The targets by role.
    ///
    /// # Errors
    /// Where a role is given twice.
    pub(crate) fn roles(&self) -> Result<BTreeMap<String, TargetName>, Failure> {
        let mut roles = BTreeMap::new();
        for (role, target) in &self.model_role {
            if roles.insert(role.clone(), target.clone()).is_some() {
                return Err(Failure::new(Exit::Usage, "role::twice", format!("the role `{role}` is given twice"))
                    .with_hint("give `--model-role` once for each role"));
            }
        }
        Ok(roles)
    }

    /// The flags again, for the command line that repeats the work.
    pub(crate) fn repeat(&self) -> impl Iterator<Item = String> + '_ {
        self.model_role.iter().map(|(role, target)| format!("--model-role '{role}={target}'"))
    }
}

/// How roles that cannot be given to models end the program: before anything is sent.
pub(crate) fn role_failure(error: RoleBindError) -> Failure {
    match error {
        RoleBindError::Target(error) => target_failure(error),
        RoleBindError::Spending(error) => spending_failure(error),
        RoleBindError::Role(error) => {
            let hint = error.hint();
            Failure::from_error(Exit::Usage, "role", error).with_hint(hint)
        }
        RoleBindError::Step(error) => Failure::from_error(Exit::Malformed, "task::malformed", error),
        RoleBindError::Name { .. } => Failure::from_error(Exit::Malformed, "task::malformed", error),
    }
}
