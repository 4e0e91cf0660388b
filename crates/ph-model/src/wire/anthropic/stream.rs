//! The stream: `message_start`, blocks with their deltas, `message_delta`, closed by `message_stop`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::fields::{Object, Take, append, holds_error, merge_delta, object, parse};
use super::super::{WireError, error_reply};
use crate::api::OutputChunk;
use crate::output::ModelOutput;

const END: &str = "message_stop";
/// Where the text of a tool's input grows until the block ends; no field of the API.
const PARTIAL: &str = "\0partial_json";

/// What has come so far, in the whole reply's shape.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    message: Option<Object>,
    blocks: BTreeMap<u64, Object>,
    is_done: bool,
}

impl StreamState {
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(crate) fn event(&mut self, data: &str, chunks: &mut Vec<OutputChunk>) -> Result<(), WireError> {
        if self.is_done || data.is_empty() {
            return Ok(());
        }
        let mut event = object(parse(data.as_bytes())?, "event")?;
        let kind = event.take_string("type").unwrap_or_default();
        let index = event.take_count("index").unwrap_or(0);
        match kind.as_str() {
            "message_start" => {
                self.message = Some(event.take_object("message").ok_or(WireError::Missing { field: "message" })?);
            }
            "content_block_start" => {
                let block = event.take_object("content_block").ok_or(WireError::Missing { field: "content_block" })?;
                self.blocks.insert(index, block);
            }
            "content_block_delta" => self.delta(index, event.take_object("delta").unwrap_or_default(), chunks),
            "message_delta" => self.message_delta(event),
            "message_stop" => self.is_done = true,
            "error" => return Err(WireError::Reported(error_reply::from_value(None, &Value::Object(event)))),
            _ if holds_error(&event) => {
                return Err(WireError::Reported(error_reply::from_value(None, &Value::Object(event))));
            }
            _ => {}
        }
        Ok(())
    }

    fn delta(&mut self, index: u64, mut delta: Object, chunks: &mut Vec<OutputChunk>) {
        let block = self.blocks.entry(index).or_default();
        let kind = delta.take_string("type").unwrap_or_default();
        match kind.as_str() {
            "text_delta" => chunks.extend(text(&delta, "text").map(OutputChunk::Text)),
            "thinking_delta" => chunks.extend(text(&delta, "thinking").map(OutputChunk::Reasoning)),
            "input_json_delta" => {
                append(block, PARTIAL, &delta.take_string("partial_json").unwrap_or_default());
                return;
            }
            "citations_delta" => {
                let citation = delta.take_value("citation");
                delta.insert("citations".to_owned(), citation.into_iter().collect());
            }
            _ => {}
        }
        merge_delta(block, delta);
    }

    fn message_delta(&mut self, mut event: Object) {
        let message = self.message.get_or_insert_default();
        let usage = event.take_object("usage").unwrap_or_default();
        if let Some(so_far) = message.get_mut("usage").and_then(Value::as_object_mut) {
            // Counts here are totals, not additions.
            so_far.extend(usage.into_iter().filter(|(_, value)| !value.is_null()));
        } else if !usage.is_empty() {
            message.insert("usage".to_owned(), Value::Object(usage));
        }
        let delta = event.take_object("delta").unwrap_or_default();
        message.extend(delta.into_iter().filter(|(_, value)| !value.is_null()));
    }

    pub(crate) fn finish(self) -> Result<ModelOutput, WireError> {
        if !self.is_done {
            return Err(WireError::Truncated { end: END });
        }
        let mut message = self.message.ok_or(WireError::Missing { field: "message_start" })?;
        if !self.blocks.is_empty() {
            message.insert("content".to_owned(), self.blocks.into_values().map(whole_block).collect());
        }
        super::decode(message)
    }
}

fn text(delta: &Object, key: &str) -> Option<String> {
    delta.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The block with its input read; an input that cannot be read stays the text it is.
fn whole_block(mut block: Object) -> Value {
    if let Some(partial) = block.take_string(PARTIAL).filter(|partial| !partial.is_empty()) {
        let input = parse(partial.as_bytes()).unwrap_or(Value::String(partial));
        block.insert("input".to_owned(), input);
    }
    Value::Object(block)
}
