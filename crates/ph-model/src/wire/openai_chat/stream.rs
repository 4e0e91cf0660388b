//! The stream: deltas of `choices[0]`, closed by `[DONE]`.

use serde_json::{Value, json};

use super::super::fields::{Object, Take, append, merge_delta, object, parse};
use super::super::{WireError, error_reply};
use super::REASONING_FIELDS;
use crate::api::OutputChunk;
use crate::output::ModelOutput;

const END: &str = "[DONE]";

/// What has come so far, in the whole reply's shape.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    reply: Object,
    choice: Object,
    message: Object,
    calls: Vec<StreamedCall>,
    logprobs: Vec<Value>,
    is_done: bool,
}

#[derive(Debug)]
struct StreamedCall {
    index: Option<u64>,
    call: Object,
    function: Object,
}

impl StreamedCall {
    fn id(&self) -> Option<&str> {
        self.call.get("id").and_then(Value::as_str)
    }
}

impl StreamState {
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(crate) fn event(&mut self, data: &str, chunks: &mut Vec<OutputChunk>) -> Result<(), WireError> {
        if self.is_done || data.is_empty() {
            return Ok(());
        }
        if data.trim() == END {
            self.is_done = true;
            return Ok(());
        }
        let mut event = object(parse(data.as_bytes())?, "event")?;
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            return Err(WireError::Reported(error_reply::from_value(None, &json!({ "error": error }))));
        }
        for choice in event.take_array("choices").unwrap_or_default() {
            let choice = object(choice, "choices[0]")?;
            if choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0 {
                self.take_choice(choice, chunks);
            }
        }
        for (key, value) in event {
            if !value.is_null() {
                self.reply.insert(key, value);
            }
        }
        Ok(())
    }

    fn take_choice(&mut self, mut choice: Object, chunks: &mut Vec<OutputChunk>) {
        if let Some(mut delta) = choice.take_object("delta") {
            for call in delta.take_array("tool_calls").unwrap_or_default() {
                if let Value::Object(call) = call {
                    self.take_call(call);
                }
            }
            if let Some(mut function) = delta.take_object("function_call") {
                self.legacy_call(&mut function);
            }
            delta.drop_fields(&["role"]);
            pieces(&delta, chunks);
            merge_delta(&mut self.message, delta);
        }
        if let Some(mut logprobs) = choice.take_object("logprobs") {
            self.logprobs.extend(logprobs.take_array("content").unwrap_or_default());
        }
        for (key, value) in choice {
            if !value.is_null() {
                self.choice.insert(key, value);
            }
        }
    }

    fn take_call(&mut self, mut delta: Object) {
        let index = delta.take_count("index");
        let mut function = delta.take_object("function").unwrap_or_default();
        let id = delta.take_string("id").filter(|id| !id.is_empty());
        let names = function.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
        let at = self.call_at(index, id.as_deref(), names);
        let Some(so_far) = self.calls.get_mut(at) else { return };
        if let Some(id) = id {
            so_far.call.entry("id").or_insert(Value::String(id));
        }
        if let Some(name) = function.take_string("name").filter(|name| !name.is_empty()) {
            so_far.function.entry("name").or_insert(Value::String(name));
        }
        match function.shift_remove("arguments") {
            Some(Value::String(more)) => append(&mut so_far.function, "arguments", &more),
            Some(whole @ Value::Object(_)) => {
                so_far.function.insert("arguments".to_owned(), whole);
            }
            _ => {}
        }
        for (key, value) in delta.rest() {
            so_far.call.insert(key, value);
        }
    }

    /// The place of a call; a new one where its index, or without index its id, was not seen yet. Some servers give all
    /// calls the same index: there another id begins a new call where it comes with a tool's name.
    fn call_at(&mut self, index: Option<u64>, id: Option<&str>, names: bool) -> usize {
        let last = self.calls.len().wrapping_sub(1);
        let seen = match (index, id) {
            (Some(_), Some(_)) => {
                let same = self.calls.iter().rposition(|call| call.index == index && call.id() == id);
                let goes_on = |call: &StreamedCall| call.index == index && !(names && call.id().is_some());
                same.or_else(|| self.calls.iter().rposition(goes_on))
            }
            (Some(_), None) => self.calls.iter().rposition(|call| call.index == index),
            (None, Some(_)) => self.calls.iter().rposition(|call| call.id() == id),
            (None, None) => (!self.calls.is_empty()).then_some(last),
        };
        seen.unwrap_or_else(|| {
            self.calls.push(StreamedCall { index, call: Object::new(), function: Object::new() });
            self.calls.len() - 1
        })
    }

    fn legacy_call(&mut self, delta: &mut Object) {
        let call = Object::from_iter([
            ("index".to_owned(), json!(0)),
            ("function".to_owned(), Value::Object(std::mem::take(delta))),
        ]);
        self.take_call(call);
    }

    pub(crate) fn finish(mut self) -> Result<ModelOutput, WireError> {
        if !self.is_done {
            return Err(WireError::Truncated { end: END });
        }
        if !self.calls.is_empty() {
            let whole = |mut streamed: StreamedCall| {
                streamed.call.insert("function".to_owned(), Value::Object(streamed.function));
                Value::Object(streamed.call)
            };
            let calls: Vec<Value> = self.calls.into_iter().map(whole).collect();
            self.message.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        if !self.logprobs.is_empty() {
            self.choice.insert("logprobs".to_owned(), json!({ "content": self.logprobs }));
        }
        self.choice.insert("message".to_owned(), Value::Object(self.message));
        self.reply.insert("choices".to_owned(), Value::Array(vec![Value::Object(self.choice)]));
        super::decode(self.reply)
    }
}

fn pieces(delta: &Object, chunks: &mut Vec<OutputChunk>) {
    let text = |field: &str| delta.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(more) = REASONING_FIELDS.into_iter().find_map(text) {
        chunks.push(OutputChunk::Reasoning(more.to_owned()));
    }
    for field in ["content", "refusal"] {
        if let Some(more) = text(field) {
            chunks.push(OutputChunk::Text(more.to_owned()));
        }
    }
}
