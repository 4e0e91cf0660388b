//! The way from a solver to the model: makes one call, writes it down, and holds the sample to its limits.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use ph_base::{Money, Timestamp};
use ph_model::{GenerateConfig, ModelApi, ModelError, ModelErrorKind, ModelReply, ModelRequest, StopReason, Usage};
use ph_record::event::CacheHit;
use ph_record::{Ending, LimitKind, RecordedError, TaskLimits};
use tokio_util::sync::CancellationToken;

use crate::budget::Meter;
use crate::call_events::{Called, write_down};
use crate::role::{RoleAsker, RoleCalls};
use crate::sample_state::SampleState;
use crate::transcript::Transcript;

/// Why a sample goes no further.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Stop {
    /// A limit was reached.
    #[error("{message}")]
    Limit {
        /// Which limit.
        limit: LimitKind,
        /// Its value, where it has one.
        value: Option<f64>,
        /// What happened.
        message: String,
    },
    /// A call failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A solver failed: our side's failure, never the model's.
    #[error("{0}")]
    Failed(String),
    /// The sandbox failed: never the model's failure. What the model used up is a limit instead.
    #[error("the sandbox failed: {0}")]
    Sandbox(String),
    /// A solver panicked.
    #[error("panicked: {0}")]
    Panicked(String),
    /// The run is ending: nothing more may be sent, and the sample is not recorded.
    #[error("the run is ending")]
    Halted,
}

/// A sampling seed is a sample's seed without its highest bit: APIs take a signed 64-bit number, and a target must get
/// the same seed in this process and over HTTP.
pub(crate) fn sampling_seed(seed: u64) -> u64 {
    seed & i64::MAX as u64
}

/// How a sample ends whose call failed.
pub(crate) fn model_ending(error: &ModelError) -> Ending {
    let recorded = RecordedError::new(error.kind.to_string().replace(' ', "_"), &error.message);
    match error.kind {
        ModelErrorKind::ContextTooLong => Ending::Limit { limit: LimitKind::Context, value: None },
        ModelErrorKind::Model => Ending::ModelError(recorded),
        ModelErrorKind::AccessCut => Ending::AccessCut(recorded),
        ModelErrorKind::Unreachable
        | ModelErrorKind::Timeout
        | ModelErrorKind::RateLimited
        | ModelErrorKind::Overloaded
        | ModelErrorKind::Unauthorized
        | ModelErrorKind::NotFound
        | ModelErrorKind::InvalidRequest
        | ModelErrorKind::MalformedReply => Ending::ProviderError(recorded),
    }
}

/// Makes a sample's calls.
pub struct Generate {
    model: Arc<dyn ModelApi>,
    config: GenerateConfig,
    limits: TaskLimits,
    halted: CancellationToken,
    usage: Usage,
    meter: Meter,
    /// What all calls so far cost; none once one of them has a cost that is not known.
    cost: Option<Money>,
    /// Whether anything was asked of anybody yet.
    has_asked: bool,
    roles: RoleCalls,
    /// What has happened so far.
    pub transcript: Transcript,
}

impl Generate {
    /// Calls to `model` under the task's limits; none is made once `halted` is set.
    #[must_use]
    pub fn new(
        model: Arc<dyn ModelApi>,
        (config, limits): (GenerateConfig, TaskLimits),
        halted: CancellationToken,
        transcript: Transcript,
    ) -> Self {
        let (usage, meter, cost) = (Usage::default(), Meter::default(), None);
        let roles = RoleCalls::default();
        Self { model, config, limits, halted, usage, meter, cost, has_asked: false, roles, transcript }
    }

    /// The same with other models in these roles.
    #[must_use]
    pub fn with_roles(mut self, roles: RoleCalls) -> Self {
        self.roles = roles;
        self
    }

    /// The way to the models that have a role.
    pub fn roles(&mut self) -> RoleAsker<'_> {
        RoleAsker::new(&mut self.roles, &mut self.transcript)
    }

    /// What other models were used for so far, by role.
    #[must_use]
    pub fn role_use(&self) -> std::collections::BTreeMap<String, ph_record::RoleUse> {
        self.roles.used()
    }

    /// The same with every call through this meter.
    #[must_use]
    pub fn with_meter(mut self, meter: Meter) -> Self {
        self.cost = meter.price().map(|price| Money::zero(price.currency));
        self.meter = meter;
        self
    }

    /// What all calls so far cost; none where that is not known.
    #[must_use]
    pub fn cost(&self) -> Option<Money> {
        self.cost
    }

    /// Tokens of all calls so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Sends the conversation, adds the reply to it and writes the call down.
    ///
    /// # Errors
    /// [`Stop`] where a limit is reached, the call fails or the run is ending.
    pub async fn call(&mut self, state: &mut SampleState) -> Result<(), Stop> {
        if self.halted.is_cancelled() {
            return Err(Stop::Halted);
        }
        self.check_messages(state)?;
        let request = ModelRequest {
            messages: state.messages.clone(),
            tools: state.tools.clone(),
            tool_choice: state.tool_choice.clone(),
            config: self.config.clone(),
        };
        let (began, result, cache) = match self.model.recall(&request).await {
            Some(recalled) => {
                let hit = CacheHit { asked_at: recalled.asked_at, took_ms: recalled.took_ms };
                (self.transcript.now(), Ok(ModelReply::new(recalled.output)), Some(hit))
            }
            None => {
                let (began, result) = self.ask(&request).await?;
                (began, result, None)
            }
        };
        self.has_asked = true;
        let target = self.model.target().to_string();
        let called = Called { model: &target, role: None, began, cache };
        write_down(&mut self.transcript, &called, request, &result);
        let output = result?.output;
        if let Some(usage) = &output.usage {
            self.usage.add(usage);
        }
        state.messages.push(output.message.clone());
        let stop_reason = output.stop_reason;
        state.output = Some(output);
        self.check_reply(stop_reason)
    }

    /// Asks the target under the budget, and adds what it cost; also when that began. A sample whose very first call the
    /// budget does not have was never asked: it is not recorded, and whoever goes on with the run asks it.
    async fn ask(&mut self, request: &ModelRequest) -> Result<(Timestamp, Result<ModelReply, ModelError>), Stop> {
        let reservation = self.meter.reserve(request).await.map_err(|stop| {
            let is_first = !self.has_asked && self.roles.used().is_empty();
            if is_first && !self.meter.is_replay() { Stop::Halted } else { stop }
        })?;
        let began = self.transcript.now();
        let result = attempt(self.model.as_ref(), request).await?;
        let cost = self.meter.settle(reservation, &result);
        self.cost = self.cost.zip(cost).and_then(|(sum, cost)| sum.checked_add(cost).ok());
        Ok((began, result))
    }

    fn check_messages(&self, state: &SampleState) -> Result<(), Stop> {
        match self.limits.messages {
            Some(most) if state.messages.len() >= most as usize => Err(Stop::Limit {
                limit: LimitKind::Message,
                value: Some(f64::from(most)),
                message: format!("the conversation has {} messages; the limit is {most}", state.messages.len()),
            }),
            _ => Ok(()),
        }
    }

    fn check_reply(&self, stop_reason: StopReason) -> Result<(), Stop> {
        if stop_reason == StopReason::ModelLength {
            let message = "the model's context is full".to_owned();
            return Err(Stop::Limit { limit: LimitKind::Context, value: None, message });
        }
        match self.limits.tokens {
            Some(most) if self.usage.total_tokens() > most => Err(Stop::Limit {
                limit: LimitKind::Token,
                value: Some(most as f64),
                message: format!("{} tokens used; the limit is {most}", self.usage.total_tokens()),
            }),
            _ => Ok(()),
        }
    }
}

/// One call. A panic inside a model of this process is the model's failure; of what stands between us and an endpoint it
/// is ours.
///
/// # Errors
/// [`Stop::Panicked`] for the latter; the call's own result is in the value.
pub(crate) async fn attempt(
    model: &dyn ModelApi,
    request: &ModelRequest,
) -> Result<Result<ModelReply, ModelError>, Stop> {
    let panic = match AssertUnwindSafe(model.generate(request)).catch_unwind().await {
        Ok(result) => return Ok(result),
        Err(panic) => panic_text(panic.as_ref()).to_owned(),
    };
    if model.target().is_in_process() {
        Ok(Err(ModelError::new(ModelErrorKind::Model, format!("the model panicked: {panic}"))))
    } else {
        Err(Stop::Panicked(panic))
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
