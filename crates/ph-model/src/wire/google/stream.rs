//! The stream: replies that each bring more parts; the last has a `finishReason`. Nothing announces the end, so a
//! stream that closes without a reason was cut.

use serde_json::{Value, json};

use super::super::fields::{Object, Take, append, holds_error, merge_delta, object, parse};
use super::super::{WireError, error_reply};
use super::SIGNATURE;
use crate::api::OutputChunk;
use crate::output::ModelOutput;

const END: &str = "finishReason";

/// What has come so far, in the whole reply's shape.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    reply: Object,
    candidate: Object,
    parts: Vec<Value>,
    has_candidate: bool,
}

impl StreamState {
    pub(crate) fn event(&mut self, data: &str, chunks: &mut Vec<OutputChunk>) -> Result<(), WireError> {
        if data.is_empty() {
            return Ok(());
        }
        let mut event = object(parse(data.as_bytes())?, "event")?;
        if holds_error(&event) {
            return Err(WireError::Reported(error_reply::from_value(None, &Value::Object(event))));
        }
        let candidates = event.take_array("candidates").unwrap_or_default();
        if let Some(candidate) = candidates.into_iter().next() {
            self.candidate(object(candidate, "candidates[0]")?, chunks);
        }
        self.reply.extend(event.into_iter().filter(|(_, value)| !value.is_null()));
        Ok(())
    }

    fn candidate(&mut self, mut candidate: Object, chunks: &mut Vec<OutputChunk>) {
        self.has_candidate = true;
        let parts = candidate.take_object("content").and_then(|mut content| content.take_array("parts"));
        for part in parts.unwrap_or_default() {
            chunks.extend(chunk(&part));
            self.part(part);
        }
        if let Some(logprobs) = candidate.take_object("logprobsResult") {
            let so_far = self.candidate.entry("logprobsResult").or_insert_with(|| json!({}));
            if let Value::Object(so_far) = so_far {
                merge_delta(so_far, logprobs);
            }
        }
        self.candidate.extend(candidate.into_iter().filter(|(_, value)| !value.is_null()));
    }

    /// Adds a part; text that goes on where the last part stopped is the same part.
    fn part(&mut self, mut part: Value) {
        if let (Some(Value::Object(last)), Value::Object(more)) = (self.parts.last_mut(), &mut part)
            && goes_on(last, more)
        {
            append(last, "text", &more.take_string("text").unwrap_or_default());
            last.extend(std::mem::take(more));
            return;
        }
        self.parts.push(part);
    }

    pub(crate) fn finish(mut self) -> Result<ModelOutput, WireError> {
        let is_blocked = self.reply.get("promptFeedback").is_some_and(|feedback| feedback.get("blockReason").is_some());
        if !self.candidate.contains_key("finishReason") && !is_blocked {
            return Err(WireError::Truncated { end: END });
        }
        if self.has_candidate {
            self.candidate.insert("content".to_owned(), json!({ "parts": self.parts }));
            self.reply.insert("candidates".to_owned(), Value::Array(vec![Value::Object(self.candidate)]));
        }
        super::decode(self.reply)
    }
}

/// Whether `more` is text of the same kind; a signature closes a part.
fn goes_on(last: &Object, more: &Object) -> bool {
    let is_text = |part: &Object| part.get("text").is_some_and(Value::is_string);
    let is_thought = |part: &Object| part.get("thought") == Some(&Value::Bool(true));
    is_text(last) && is_text(more) && is_thought(last) == is_thought(more) && !last.contains_key(SIGNATURE)
}

fn chunk(part: &Value) -> Option<OutputChunk> {
    let text = part.get("text")?.as_str().filter(|text| !text.is_empty())?.to_owned();
    Some(match part.get("thought") {
        Some(Value::Bool(true)) => OutputChunk::Reasoning(text),
        _ => OutputChunk::Text(text),
    })
}
