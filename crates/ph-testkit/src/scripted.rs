//! A model made to order: answers by a function of the request. A mock, and named so: it stands where a test needs
//! a failure or an answer that no real model gives on demand.

use async_trait::async_trait;
use ph_model::{Message, ModelApi, ModelError, ModelOutput, ModelReply, ModelRequest, StopReason, TargetName, Usage};

type Script = dyn Fn(&ModelRequest) -> Result<String, ModelError> + Send + Sync;

/// Answers as its script says.
pub struct ScriptedModel {
    target: TargetName,
    script: Box<Script>,
}

impl ScriptedModel {
    /// A model whose every reply is `script(request)`.
    pub fn new(script: impl Fn(&ModelRequest) -> Result<String, ModelError> + Send + Sync + 'static) -> Self {
        Self { target: TargetName::Reference("scripted".to_owned()), script: Box::new(script) }
    }

    /// A model that always says the same.
    pub fn saying(text: &str) -> Self {
        let text = text.to_owned();
        Self::new(move |_| Ok(text.clone()))
    }
}

#[async_trait]
impl ModelApi for ScriptedModel {
    fn target(&self) -> &TargetName {
        &self.target
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let text = (self.script)(request)?;
        let words = |text: &str| text.split_whitespace().count() as u64;
        let input_tokens = request.messages.iter().map(|message| words(&message.text())).sum();
        let output = ModelOutput {
            model: self.target.to_string(),
            usage: Some(Usage { input_tokens, output_tokens: words(&text), ..Usage::default() }),
            message: Message::assistant(text),
            stop_reason: StopReason::Stop,
            logprobs: None,
        };
        Ok(ModelReply::new(output))
    }
}
