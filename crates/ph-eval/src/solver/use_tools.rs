//! `use_tools {tools}`: the tools that the model may call: those given, and those in the item's own `metadata.tools`.
//! It only offers them; nothing here runs a tool.

use async_trait::async_trait;
use ph_model::ToolDefinition;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Solver;
use crate::generate::{Generate, Stop};
use crate::sample_state::SampleState;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct UseTools {
    #[serde(default)]
    tools: Vec<ToolDefinition>,
}

#[async_trait]
impl Solver for UseTools {
    async fn solve(&self, state: &mut SampleState, _: &mut Generate) -> Result<(), Stop> {
        state.tools.extend(self.tools.iter().cloned());
        if let Some(own) = state.metadata.get("tools") {
            let own = Vec::<ToolDefinition>::deserialize(own).map_err(|error| {
                Stop::Failed(format!("the item's `metadata.tools` is not a list of tools: {error}"))
            })?;
            state.tools.extend(own);
        }
        Ok(())
    }
}
