//! `self_critique {role, critique, revision}`: has the last reply criticised, then asks the target to answer again.
//!
//! The critique comes from the target itself or from the model that has `role`; it sees the question and the reply as
//! data and never the gold answer. A role that fails is our side's failure, not the target's.

use async_trait::async_trait;
use ph_model::Message;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Solver;
use super::template::Template;
use crate::generate::{Generate, Stop};
use crate::parameters::ParameterError;
use crate::sample_state::SampleState;

const CRITIQUE: &str = "Here are a question and an answer to it. Criticise the answer: say what is wrong or missing, \
                        and if it is right say that it is.\n\nQuestion:\n{question}\n\nAnswer:\n{answer}\n\nCritique:";
const REVISION: &str = "Here is a critique of your answer:\n{critique}\n\nAnswer the original question once more, in \
                        the form that it asks for. Keep your answer where the critique is wrong.\n\nQuestion:\n{question}";

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct SelfCritiqueParameters {
    /// The role of the model that criticises; without one the target criticises itself.
    #[serde(default)]
    role: Option<String>,
    /// What the critic is asked, with `{question}` and `{answer}`.
    #[serde(default)]
    critique: Option<String>,
    /// What the target is asked then, with `{critique}` and, if wanted, `{question}` and `{answer}`.
    #[serde(default)]
    revision: Option<String>,
}

pub(super) struct SelfCritique {
    role: Option<String>,
    critique: Template,
    revision: Template,
}

impl SelfCritique {
    pub(super) fn new(parameters: SelfCritiqueParameters) -> Result<Self, ParameterError> {
        if parameters.role.as_deref() == Some("") {
            return Err(ParameterError::of("role", "a role is not empty"));
        }
        let critique = parameters.critique.as_deref().unwrap_or(CRITIQUE);
        let revision = parameters.revision.as_deref().unwrap_or(REVISION);
        Ok(Self {
            critique: Template::with_places(critique, ("critique", &["question", "answer"]), &["question", "answer"])?,
            revision: Template::with_places(
                revision,
                ("revision", &["critique"]),
                &["question", "answer", "critique"],
            )?,
            role: parameters.role,
        })
    }

    /// What the critic says; the target is asked apart from the conversation, so that it judges the answer alone.
    async fn criticise(&self, text: String, state: &SampleState, generate: &mut Generate) -> Result<String, Stop> {
        let messages = vec![Message::user(text)];
        match &self.role {
            Some(role) => {
                let reply = generate.roles().ask(role, messages).await;
                reply.map(|reply| reply.message.text()).map_err(|failure| Stop::Failed(failure.to_string()))
            }
            None => {
                // On a state of its own: whatever ends it, the time too, the sample's conversation stays as it is.
                let mut apart = SampleState { messages, tools: Vec::new(), ..state.clone() };
                generate.call(&mut apart).await?;
                Ok(apart.reply())
            }
        }
    }
}

#[async_trait]
impl Solver for SelfCritique {
    async fn solve(&self, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop> {
        if state.output.is_none() {
            return Err(Stop::Failed(
                "there is no reply to criticise: put `generate` before `self_critique`".to_owned(),
            ));
        }
        let (question, answer) = (state.prompt().text(), state.reply());
        let missing = |name: String| Stop::Failed(format!("no value for `{name}`"));
        let value = |critique: Option<&str>, name: &str| match name {
            "question" => Some(question.clone()),
            "answer" => Some(answer.clone()),
            _ => critique.map(str::to_owned),
        };
        let text = self.critique.fill(|name| value(None, name)).map_err(missing)?;
        let critique = self.criticise(text, state, generate).await?;
        let text = self.revision.fill(|name| value(Some(&critique), name)).map_err(missing)?;
        state.messages.push(Message::user(text));
        generate.call(state).await
    }

    fn roles(&self) -> Vec<String> {
        self.role.iter().cloned().collect()
    }
}
