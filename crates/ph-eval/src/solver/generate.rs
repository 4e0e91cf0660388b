//! `generate`: asks the model for a reply to the conversation.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Solver;
use crate::generate::{Generate, Stop};
use crate::sample_state::SampleState;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct GenerateReply {}

#[async_trait]
impl Solver for GenerateReply {
    async fn solve(&self, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop> {
        generate.call(state).await
    }
}
