//! The target of a replay: answers every call with what was recorded in its place. Reaches nobody.

use std::sync::Arc;

use async_trait::async_trait;
use ph_base::{Clock, Digest, Timestamp};
use ph_model::{
    EarlierAttempts, FailedAttempt, ModelApi, ModelError, ModelErrorKind, ModelReply, ModelRequest, Recalled,
    TargetName,
};
use ph_record::event::ModelEvent;

use super::script::NextCall;
use super::stage::Stage;
use crate::sample_scope::end_time;

/// Answers as the record says.
pub(super) struct ReplayModel {
    pub(super) target: TargetName,
    pub(super) fingerprint: Option<Digest>,
    /// The role whose calls these are; none for the target itself.
    pub(super) role: Option<String>,
    pub(super) stage: Arc<Stage>,
}

/// The clock of a replay: tells every sample the instants at which things happened to it then.
pub(super) struct ReplayClock(pub(super) Arc<Stage>);

impl Clock for ReplayClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl ReplayModel {
    async fn next(&self, request: &ModelRequest) -> Result<ModelEvent, ModelError> {
        match self.stage.next_call(self.role.as_deref(), request) {
            NextCall::Call(call, _) => Ok(*call),
            NextCall::TimeOver => {
                end_time();
                std::future::pending().await
            }
            NextCall::Missing(number) => {
                let message = format!("no reply to call {number} was recorded");
                Err(ModelError::new(ModelErrorKind::NotFound, message))
            }
        }
    }
}

#[async_trait]
impl ModelApi for ReplayModel {
    fn target(&self) -> &TargetName {
        &self.target
    }

    fn fingerprint(&self) -> Option<Digest> {
        self.fingerprint
    }

    async fn recall(&self, request: &ModelRequest) -> Option<Recalled> {
        if !self.stage.is_next_recalled(self.role.as_deref()) {
            return None;
        }
        let call = self.next(request).await.ok()?;
        let hit = call.cache.unwrap_or_default();
        Some(Recalled { output: call.output?, asked_at: hit.asked_at, took_ms: hit.took_ms })
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let mut earlier = EarlierAttempts::default();
        loop {
            let call = self.next(request).await?;
            if let Some(error) = &call.error
                && self.stage.is_tried_again(self.role.as_deref(), request)
            {
                // The door looked at the clock as an attempt failed, and as the next one began.
                let began = earlier.last_began.unwrap_or_else(|| self.stage.last_instant());
                let error = ModelError::new(error.kind, error.message.clone());
                earlier.failed.push(FailedAttempt { began, ended: self.stage.now(), error });
                earlier.last_began = Some(self.stage.now());
                continue;
            }
            earlier.waited_ms = self.stage.last_waited_ms();
            return match (call.output, call.error) {
                (_, Some(error)) => {
                    let error = ModelError::new(error.kind, error.message);
                    Err(ModelError { earlier: Box::new(earlier), ..error })
                }
                (Some(output), None) => Ok(ModelReply { earlier, ..ModelReply::new(output) }),
                (None, None) => {
                    Err(ModelError::new(ModelErrorKind::MalformedReply, "the record has no reply to this call"))
                }
            };
        }
    }
}
