//! Model roles: other models than the target that solvers and scorers ask, such as `grader`.
//!
//! A role is bound to a model before the run begins ([`Roles`]); a step that needs one that is not bound is refused
//! before anything is sent. Every call is a model event with its role, goes through the role's own meter (price, and the
//! budget that all share), and is counted by role. A role that fails is never the target's failure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ph_base::{Money, Timestamp};
use ph_model::{GenerateConfig, Message, ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelReply, ModelRequest};
use ph_record::event::CacheHit;
use ph_record::{BudgetUse, Price, RoleUse, TaskSource};
use tokio_util::sync::CancellationToken;

use crate::budget::Meter;
use crate::call_events::{Called, write_down};
use crate::generate::{Stop, attempt, sampling_seed};
use crate::parameters::{StepError, list};
use crate::scorer::ScorerSet;
use crate::solver::SolverChain;
use crate::step_context::StepContext;
use crate::transcript::Transcript;

/// The role that grades replies where a task names no other.
pub const GRADER: &str = "grader";

/// The model that has a role.
#[derive(Clone)]
pub struct RoleModel {
    /// The model.
    pub model: Arc<dyn ModelApi>,
    /// Through which its calls go.
    pub meter: Meter,
}

/// The models of a run's roles.
#[derive(Clone, Default)]
pub struct Roles(BTreeMap<String, RoleModel>);

/// The roles that are bound are not those that the task needs; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// A step asks a role that no model has.
    #[error("the task `{task}` asks a model in the role `{role}`, and no model has it")]
    Missing {
        /// The task.
        task: String,
        /// The role.
        role: String,
    },
    /// A model was given for a role that no step asks.
    #[error("the task `{task}` has no role `{role}`; {}", known_roles(known))]
    Unknown {
        /// The task.
        task: String,
        /// The role.
        role: String,
        /// The roles that it has.
        known: Vec<String>,
    },
}

fn known_roles(known: &[String]) -> String {
    match known {
        [] => "it has none".to_owned(),
        some => format!("it has {}", list(some.iter().map(String::as_str))),
    }
}

impl RoleError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            RoleError::Missing { role, .. } => format!(
                "give `--model-role {role}=TARGET`, or write `[roles.{role}]` with `target = \"TARGET\"` in `task.toml`"
            ),
            RoleError::Unknown { .. } => "leave that `--model-role` out".to_owned(),
        }
    }
}

/// The roles that a task's steps ask, and those that its `[roles]` name.
///
/// # Errors
/// [`StepError`] where a step cannot be made.
pub fn roles_of(task: &dyn TaskSource) -> Result<TaskRoles, StepError> {
    let spec = task.spec();
    let context = StepContext::of(task);
    let mut asked = SolverChain::build(&spec.solver, &context)?.roles();
    asked.extend(ScorerSet::build(&spec.scorer, &context)?.roles());
    let named = asked.iter().cloned().chain(spec.roles.keys().cloned()).collect();
    Ok(TaskRoles { asked, named })
}

/// The roles of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskRoles {
    /// Those that a step asks: each needs a model.
    pub asked: BTreeSet<String>,
    /// Those that may be given a model.
    pub named: BTreeSet<String>,
}

impl Roles {
    /// The same models, each as `way` reaches it.
    #[must_use]
    pub fn through(&self, way: impl Fn(Arc<dyn ModelApi>) -> Arc<dyn ModelApi>) -> Self {
        let one = |(role, bound): (&String, &RoleModel)| {
            let bound = RoleModel { model: way(bound.model.clone()), ..bound.clone() };
            (role.clone(), bound)
        };
        Self(self.0.iter().map(one).collect())
    }

    /// Gives `role` to a model.
    pub fn bind(&mut self, role: impl Into<String>, model: RoleModel) {
        self.0.insert(role.into(), model);
    }

    /// Whether every role that the steps of `task` ask has a model.
    ///
    /// # Errors
    /// [`RoleError::Missing`].
    pub fn check(&self, task: &str, asked: &BTreeSet<String>) -> Result<(), RoleError> {
        match asked.iter().find(|role| !self.0.contains_key(*role)) {
            None => Ok(()),
            Some(role) => Err(RoleError::Missing { task: task.to_owned(), role: role.clone() }),
        }
    }

    /// The targets that have the roles.
    #[must_use]
    pub fn targets(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(role, bound)| (role.clone(), bound.model.target().to_string())).collect()
    }

    /// The prices of their models' tokens, as far as they are known, by role.
    #[must_use]
    pub fn prices(&self) -> BTreeMap<String, Price> {
        self.0.iter().filter_map(|(role, bound)| Some((role.clone(), bound.meter.price()?.clone()))).collect()
    }

    /// How far their budget was used, where there is one; `ended_run` where it refused a call of one of them.
    pub(crate) fn budget_use(&self) -> Option<BudgetUse> {
        let uses = || self.0.values().filter_map(|bound| bound.meter.budget_use(false));
        uses().find(|used| used.ended_run).or_else(|| uses().next())
    }

    /// What no call has been made of yet, by role.
    #[must_use]
    pub fn no_use(&self) -> BTreeMap<String, RoleUse> {
        let none = |bound: &RoleModel| {
            let nothing = bound.meter.price().map(|price| Money::zero(price.currency));
            RoleUse::none(bound.model.target().to_string(), nothing)
        };
        self.0.iter().map(|(role, bound)| (role.clone(), none(bound))).collect()
    }
}

/// Why a role gave no reply.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RoleFailure {
    /// No model has the role.
    #[error("no model has the role `{0}`")]
    Unbound(String),
    /// The run is ending: nothing more may be sent.
    #[error("the run is ending")]
    Halted,
    /// The budget does not have the call.
    #[error("role `{role}`: {stop}")]
    Budget {
        /// The role.
        role: String,
        /// Why.
        stop: Stop,
    },
    /// The call failed.
    #[error("role `{role}`: {} ({})", error.message, error.kind)]
    Model {
        /// The role.
        role: String,
        /// Why.
        error: ModelError,
    },
}

/// The calls of one sample to its roles.
#[derive(Default)]
pub struct RoleCalls {
    bound: Arc<Roles>,
    configs: Arc<BTreeMap<String, GenerateConfig>>,
    halted: CancellationToken,
    seed: u64,
    used: BTreeMap<String, RoleUse>,
}

impl RoleCalls {
    /// Calls to these models with these settings, of a sample with this seed; none is made once `halted` is set.
    #[must_use]
    pub fn new(
        bound: Arc<Roles>,
        configs: Arc<BTreeMap<String, GenerateConfig>>,
        (halted, seed): (CancellationToken, u64),
    ) -> Self {
        Self { bound, configs, halted, seed, used: BTreeMap::new() }
    }

    /// What was used so far, by role.
    #[must_use]
    pub fn used(&self) -> BTreeMap<String, RoleUse> {
        self.used.clone()
    }
}

/// A call that was answered, by the model or from a cache.
struct Asked {
    began: Timestamp,
    result: Result<ModelReply, ModelError>,
    /// What it cost, where that is known.
    cost: Option<Money>,
    cache: Option<CacheHit>,
}

/// Asks models in their roles and writes the calls down.
pub struct RoleAsker<'a> {
    calls: &'a mut RoleCalls,
    transcript: &'a mut Transcript,
}

impl<'a> RoleAsker<'a> {
    /// Asks on behalf of a sample and writes into its transcript.
    pub fn new(calls: &'a mut RoleCalls, transcript: &'a mut Transcript) -> Self {
        Self { calls, transcript }
    }

    /// The sample's transcript.
    pub fn transcript(&mut self) -> &mut Transcript {
        self.transcript
    }

    /// Sends these messages to the model in this role, or has its reply of a cache before it, which costs nothing. Every
    /// call of a sample has a sampling seed of its own, unless the role's settings fix one.
    ///
    /// # Errors
    /// [`RoleFailure`].
    pub async fn ask(&mut self, role: &str, messages: Vec<Message>) -> Result<ModelOutput, RoleFailure> {
        if self.calls.halted.is_cancelled() {
            return Err(RoleFailure::Halted);
        }
        let bound = self.calls.bound.0.get(role).cloned().ok_or_else(|| RoleFailure::Unbound(role.to_owned()))?;
        let request = self.request(role, messages);
        let nothing = bound.meter.price().map(|price| Money::zero(price.currency));
        let Asked { began, result, cost, cache } = match bound.model.recall(&request).await {
            Some(recalled) => Asked {
                cache: Some(CacheHit { asked_at: recalled.asked_at, took_ms: recalled.took_ms }),
                began: self.transcript.now(),
                result: Ok(ModelReply::new(recalled.output)),
                cost: nothing,
            },
            None => {
                self.sent(&bound, &request).await.map_err(|stop| RoleFailure::Budget { role: role.to_owned(), stop })?
            }
        };
        let usage = result.as_ref().ok().and_then(|reply| reply.output.usage).unwrap_or_default();
        let target = bound.model.target().to_string();
        let one = RoleUse { target: target.clone(), calls: 1, usage, cost };
        self.calls.used.entry(role.to_owned()).or_insert_with(|| RoleUse::none(target.clone(), nothing)).add(&one);
        let called = Called { model: &target, role: Some(role), began, cache };
        write_down(self.transcript, &called, request, &result);
        result.map(|reply| reply.output).map_err(|error| RoleFailure::Model { role: role.to_owned(), error })
    }

    /// Asks the model under the budget.
    async fn sent(&mut self, bound: &RoleModel, request: &ModelRequest) -> Result<Asked, Stop> {
        let reservation = bound.meter.reserve(request).await?;
        let began = self.transcript.now();
        // A role that fails is never the target's failure, so whose panic it was makes no difference here.
        let result = attempt(bound.model.as_ref(), request).await;
        let result = result.unwrap_or_else(|stop| Err(ModelError::new(ModelErrorKind::Model, stop.to_string())));
        let cost = bound.meter.settle(reservation, &result);
        Ok(Asked { began, result, cost, cache: None })
    }

    fn request(&self, role: &str, messages: Vec<Message>) -> ModelRequest {
        let mut config = self.calls.configs.get(role).cloned().unwrap_or_default();
        let earlier: u64 = self.calls.used.values().map(|used| used.calls).sum();
        config.seed = config.seed.or(Some(sampling_seed(self.calls.seed.wrapping_add(earlier))));
        ModelRequest { messages, config, ..ModelRequest::default() }
    }
}
