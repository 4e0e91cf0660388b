//! What solvers work on: one item at one epoch, with the conversation so far.

use ph_model::{Message, ModelOutput, Role, ToolChoice, ToolDefinition};
use ph_record::{Expected, Sample, SampleInput};
use serde_json::{Map, Value};

/// One item at one epoch, changed by the solvers in turn and read by the scorers.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleState {
    /// The item's id.
    pub sample: String,
    /// The epoch, from 1.
    pub epoch: u32,
    /// The seed of everything random in it.
    pub seed: u64,
    /// The item's input as it came.
    pub input: SampleInput,
    /// The gold answer; for shuffled choices the letter as asked.
    pub expected: Expected,
    /// The options as asked.
    pub choices: Vec<String>,
    /// The item's metadata.
    pub metadata: Map<String, Value>,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    pub tools: Vec<ToolDefinition>,
    /// Which of them it must call.
    pub tool_choice: ToolChoice,
    /// The last reply.
    pub output: Option<ModelOutput>,
}

impl SampleState {
    /// The state before any solver.
    #[must_use]
    pub fn new(sample: Sample, epoch: u32, seed: u64) -> Self {
        let messages = match &sample.input {
            SampleInput::Text(text) => vec![Message::user(text.as_str())],
            SampleInput::Messages(messages) => messages.clone(),
        };
        Self {
            sample: sample.id,
            epoch,
            seed,
            input: sample.input,
            expected: sample.expected,
            choices: sample.choices,
            metadata: sample.metadata,
            messages,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            output: None,
        }
    }

    /// The text of the last reply; empty where none came.
    #[must_use]
    pub fn reply(&self) -> String {
        self.output.as_ref().map(|output| output.message.text()).unwrap_or_default()
    }

    /// The last user message, which holds the prompt; added where the conversation has none.
    pub fn prompt(&mut self) -> &mut Message {
        let place = self.messages.iter().rposition(|message| message.role == Role::User).unwrap_or_else(|| {
            self.messages.push(Message::user(""));
            self.messages.len() - 1
        });
        &mut self.messages[place]
    }
}
