//! The stream: typed events, of which the last carries the whole response.

use serde_json::{Value, json};

use super::super::fields::{Object, Take, holds_error, object, parse};
use super::super::{WireError, error_reply};
use crate::api::OutputChunk;
use crate::output::ModelOutput;

const END: &str = "response.completed";

/// The items that are done, and the response once it is.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    items: Vec<Value>,
    response: Option<Object>,
}

impl StreamState {
    pub(crate) fn is_done(&self) -> bool {
        self.response.is_some()
    }

    pub(crate) fn event(&mut self, data: &str, chunks: &mut Vec<OutputChunk>) -> Result<(), WireError> {
        if self.is_done() || data.is_empty() || data.trim() == "[DONE]" {
            return Ok(());
        }
        let mut event = object(parse(data.as_bytes())?, "event")?;
        let kind = event.take_string("type").unwrap_or_default();
        match kind.as_str() {
            "response.output_text.delta" | "response.refusal.delta" => {
                chunks.extend(event.take_string("delta").map(OutputChunk::Text));
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                chunks.extend(event.take_string("delta").map(OutputChunk::Reasoning));
            }
            "response.output_item.done" => self.items.extend(event.take_value("item")),
            "response.completed" | "response.incomplete" | "response.failed" => self.end(event)?,
            "error" => return Err(WireError::Reported(error_reply::from_value(None, &Value::Object(event)))),
            _ if holds_error(&event) => {
                return Err(WireError::Reported(error_reply::from_value(None, &Value::Object(event))));
            }
            _ => {}
        }
        Ok(())
    }

    /// Some servers leave the output out of the last event; then the items that came before are it.
    fn end(&mut self, mut event: Object) -> Result<(), WireError> {
        let mut response = event.take_object("response").ok_or(WireError::Missing { field: "response" })?;
        let is_empty = response.get("output").and_then(Value::as_array).is_none_or(Vec::is_empty);
        if is_empty {
            response.insert("output".to_owned(), json!(std::mem::take(&mut self.items)));
        }
        self.response = Some(response);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<ModelOutput, WireError> {
        super::decode(self.response.ok_or(WireError::Truncated { end: END })?)
    }
}
