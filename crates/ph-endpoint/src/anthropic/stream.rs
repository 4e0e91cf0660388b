//! A message as a stream: `message_start`, for each block its start, deltas and stop, `message_delta`, `message_stop`.

use std::convert::Infallible;

use axum::response::sse::Event;
use futures::Stream;
use ph_model::{ModelOutput, Usage};
use serde_json::{Value, json};

use super::reply::{Heading, arguments, stop, tool_use, usage};
use crate::failure::Dialect;
use crate::generation::{Running, Step, rest_of};
use crate::sse::{self, named};

/// The events of a call; `input_tokens` is 0 where it is not known beforehand.
pub(super) fn events(
    running: Running<ModelOutput>,
    heading: &Heading,
    input_tokens: u64,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + use<> {
    let message = heading.empty(Usage { input_tokens, ..Usage::default() });
    let first = vec![named("message_start", &json!({ "type": "message_start", "message": message }))];
    let mut blocks = Blocks::default();
    sse::events(running, first, move |step| match step {
        Ok(Step::Text(text)) => blocks.text(&text),
        Ok(Step::StopText(text)) => {
            blocks.stop_text = Some(text);
            Vec::new()
        }
        Ok(Step::End(output)) => blocks.end(&output),
        Err(failure) => vec![named("error", &failure.body(Dialect::Anthropic))],
    })
}

/// The blocks so far.
#[derive(Default)]
struct Blocks {
    /// The text so far; its block is open once there is some.
    sent: String,
    stop_text: Option<String>,
}

impl Blocks {
    fn text(&mut self, text: &str) -> Vec<Event> {
        let mut events = Vec::new();
        if self.sent.is_empty() {
            events.push(start(0, json!({ "type": "text", "text": "" })));
        }
        self.sent.push_str(text);
        events.push(delta(0, json!({ "type": "text_delta", "text": text })));
        events
    }

    fn end(&mut self, output: &ModelOutput) -> Vec<Event> {
        let mut events = Vec::new();
        let rest = rest_of(&output.message.text(), &self.sent);
        if !rest.is_empty() {
            events.extend(self.text(&rest));
        }
        let mut index = 0;
        if !self.sent.is_empty() {
            events.push(block_stop(index));
            index += 1;
        }
        for call in &output.message.tool_calls {
            events.push(start(index, tool_use(call, json!({}))));
            let input = arguments(call).to_string();
            events.push(delta(index, json!({ "type": "input_json_delta", "partial_json": input })));
            events.push(block_stop(index));
            index += 1;
        }
        let (reason, sequence) = stop(output.stop_reason, self.stop_text.as_deref());
        let change = json!({
            "type": "message_delta",
            "delta": { "stop_reason": reason, "stop_sequence": sequence },
            "usage": usage(output.usage.unwrap_or_default()),
        });
        events.push(named("message_delta", &change));
        events.push(named("message_stop", &json!({ "type": "message_stop" })));
        events
    }
}

fn start(index: usize, block: Value) -> Event {
    named("content_block_start", &json!({ "type": "content_block_start", "index": index, "content_block": block }))
}

fn delta(index: usize, delta: Value) -> Event {
    named("content_block_delta", &json!({ "type": "content_block_delta", "index": index, "delta": delta }))
}

fn block_stop(index: usize) -> Event {
    named("content_block_stop", &json!({ "type": "content_block_stop", "index": index }))
}
