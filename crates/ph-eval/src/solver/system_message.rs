//! `system_message {text}`: adds a system message after those that are there.

use async_trait::async_trait;
use ph_model::{Message, Role};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Solver;
use crate::generate::{Generate, Stop};
use crate::sample_state::SampleState;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct SystemMessage {
    text: String,
}

#[async_trait]
impl Solver for SystemMessage {
    async fn solve(&self, state: &mut SampleState, _: &mut Generate) -> Result<(), Stop> {
        let place = state.messages.iter().rposition(|message| message.role == Role::System).map_or(0, |last| last + 1);
        state.messages.insert(place, Message::system(self.text.as_str()));
        Ok(())
    }
}
