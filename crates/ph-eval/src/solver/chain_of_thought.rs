//! `chain_of_thought {template}`: asks the model to think step by step and to end with `ANSWER: …`, which the scorers
//! `choice`, `numeric` and `math` look for.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Solver;
use super::template::Template;
use crate::generate::{Generate, Stop};
use crate::parameters::ParameterError;
use crate::sample_state::SampleState;

const TEMPLATE: &str = "{prompt}\n\nThink about it step by step before you answer. End your reply with a line of the \
                        form `ANSWER: $ANSWER`, without quotes, where $ANSWER is the answer alone.";

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ChainOfThoughtParameters {
    /// The prompt, with `{prompt}` for the prompt so far.
    #[serde(default)]
    template: Option<String>,
}

pub(super) struct ChainOfThought(Template);

impl ChainOfThought {
    pub(super) fn new(parameters: &ChainOfThoughtParameters) -> Result<Self, ParameterError> {
        Template::with_places(
            parameters.template.as_deref().unwrap_or(TEMPLATE),
            ("template", &["prompt"]),
            &["prompt"],
        )
        .map(Self)
    }
}

#[async_trait]
impl Solver for ChainOfThought {
    async fn solve(&self, state: &mut SampleState, _: &mut Generate) -> Result<(), Stop> {
        let prompt = state.prompt().text();
        let text = self.0.fill(|_| Some(prompt.clone()));
        state.prompt().content = text.map_err(|name| Stop::Failed(format!("no value for `{name}`")))?.into();
        Ok(())
    }
}
