//! Keeps long transcripts linear: a message that many calls repeat is held once in a pool, a long text once as an attachment.

use std::collections::HashMap;

use ph_base::Digest;
use ph_model::Message;
use serde_json::{Map, Value, json};

use crate::message::message;

/// Texts in events longer than this are attachments.
const TEXT_CHARS_MAX: usize = 100;

/// What stands in the place of an attachment.
const REFERENCE: &str = "attachment://";
/// What stood there until the autumn of 2024.
const OLD_REFERENCE: &str = "tc://";

/// Collects a sample's pools while its events are converted.
#[derive(Default)]
pub(crate) struct Pools<'a> {
    messages: Vec<Value>,
    places: HashMap<Vec<u8>, usize>,
    last: (&'a [Message], Vec<usize>),
    attachments: Map<String, Value>,
}

impl<'a> Pools<'a> {
    /// Ranges `[start, end)` of the message pool that together are `input`.
    pub(crate) fn references(&mut self, input: &'a [Message]) -> Value {
        let mut places = Vec::with_capacity(input.len());
        for (index, one) in input.iter().enumerate() {
            // A call usually repeats the call before and adds to it: comparing is cheaper than looking up.
            let same = self.last.0.get(index).is_some_and(|last| last == one);
            places.push(if same { self.last.1[index] } else { self.place(one) });
        }
        let references = ranges(&places);
        self.last = (input, places);
        references
    }

    fn place(&mut self, one: &Message) -> usize {
        let key = serde_json::to_vec(one).unwrap_or_default();
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let mut value = message(one);
        self.condense(&mut value);
        self.messages.push(value);
        self.places.insert(key, self.messages.len() - 1);
        self.messages.len() - 1
    }

    /// Moves the long texts of an event to the attachments.
    pub(crate) fn condense(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if is_long(text) || key_of(text).is_some() => {
                *text = self.attach(std::mem::take(text));
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.condense(value)),
            Value::Object(map) => map.values_mut().for_each(|value| self.condense(value)),
            _ => {}
        }
    }

    /// Moves texts that look like a reference, so that none is taken for one: for what is otherwise left in its place.
    pub(crate) fn escape(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if key_of(text).is_some() => *text = self.attach(std::mem::take(text)),
            Value::Array(list) => list.iter_mut().for_each(|value| self.escape(value)),
            Value::Object(map) => map.values_mut().for_each(|value| self.escape(value)),
            _ => {}
        }
    }

    fn attach(&mut self, text: String) -> String {
        let mut key = murmur(&text);
        if self.attachments.get(&key).is_some_and(|held| held.as_str() != Some(&text)) {
            // The hash is not made to withstand texts that are meant to collide; a digest is.
            key = Digest::of(text.as_bytes()).hex();
        }
        let reference = format!("{REFERENCE}{key}");
        self.attachments.entry(key).or_insert_with(|| Value::String(text));
        reference
    }

    /// The sample's `attachments` and `events_data`.
    pub(crate) fn finish(self) -> (Value, Value) {
        (Value::Object(self.attachments), json!({ "messages": self.messages, "calls": [] }))
    }
}

/// The attachment's key in a text that refers to one.
fn key_of(text: &str) -> Option<&str> {
    text.strip_prefix(REFERENCE).or_else(|| text.strip_prefix(OLD_REFERENCE))
}

fn is_long(text: &str) -> bool {
    text.len() > TEXT_CHARS_MAX && text.chars().nth(TEXT_CHARS_MAX).is_some()
}

/// MurmurHash3 x64-128 of the text as its two halves print.
fn murmur(text: &str) -> String {
    let hash = murmur3::murmur3_x64_128(&mut text.as_bytes(), 0).unwrap_or_default();
    format!("{:016x}{:016x}", hash as u64, (hash >> 64) as u64)
}

fn ranges(places: &[usize]) -> Value {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &place in places {
        match ranges.last_mut() {
            Some((_, end)) if *end == place => *end += 1,
            _ => ranges.push((place, place + 1)),
        }
    }
    ranges.into_iter().map(|(start, end)| json!([start, end])).collect()
}

/// The most bytes of memory that a sample may grow by when everything is put in its place.
pub(crate) const GROWTH_BYTES_MAX: usize = 2 << 30;

/// Puts attachments and pooled messages of a sample back in their places; a reference to an attachment that is not there
/// stays as it is. The sample may grow by `budget` bytes, so that a small log cannot become a large one without bound.
pub(crate) fn expand(sample: &mut Map<String, Value>, mut budget: usize) -> Result<(), String> {
    let attachments = sample.get("attachments").and_then(Value::as_object).cloned().unwrap_or_default();
    let pool = sample.get("events_data").and_then(|data| data.get("messages"));
    let mut pool = pool.and_then(Value::as_array).cloned().unwrap_or_default();
    pool.iter_mut().try_for_each(|value| resolve(value, &attachments, &mut budget))?;
    let pool: Vec<(usize, Value)> = pool.into_iter().map(|message| (weight(&message), message)).collect();
    for (name, value) in sample.iter_mut() {
        if name == "attachments" || name == "events_data" {
            continue;
        }
        resolve(value, &attachments, &mut budget)?;
        if name == "events" {
            for event in value.as_array_mut().into_iter().flatten() {
                expand_input(event, &pool, &mut budget)?;
            }
        }
    }
    Ok(())
}

/// The bytes of memory that a copy of `value` takes, about: a small value takes far more than its text.
pub(crate) fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| size_of::<String>() + name.len() + weight(field)).sum()
        }
        _ => 0,
    };
    size_of::<Value>() + inside
}

/// What a sample is that would grow by more than [`GROWTH_BYTES_MAX`].
pub(crate) const TOO_LARGE: &str =
    "it becomes larger than 2 GiB when its attachments and messages are put in their places";

fn resolve(value: &mut Value, attachments: &Map<String, Value>, budget: &mut usize) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let held = key_of(text).and_then(|key| attachments.get(key)).and_then(Value::as_str);
            if let Some(held) = held {
                *budget = budget.checked_sub(held.len()).ok_or(TOO_LARGE)?;
                held.clone_into(text);
            }
        }
        Value::Array(list) => list.iter_mut().try_for_each(|value| resolve(value, attachments, budget))?,
        Value::Object(map) => map.values_mut().try_for_each(|value| resolve(value, attachments, budget))?,
        _ => {}
    }
    Ok(())
}

fn expand_input(event: &mut Value, pool: &[(usize, Value)], budget: &mut usize) -> Result<(), String> {
    let Some(references) = event.as_object_mut().and_then(|event| event.shift_remove("input_refs")) else {
        return Ok(());
    };
    let mut input = Vec::new();
    for range in references.as_array().into_iter().flatten() {
        let bound =
            |index: usize| range.get(index).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
        let messages = bound(0).zip(bound(1)).and_then(|(start, end)| pool.get(start..end));
        let messages = messages.ok_or("an event refers to messages that its pool does not have")?;
        for (bytes, message) in messages {
            *budget = budget.checked_sub(*bytes).ok_or(TOO_LARGE)?;
            input.push(message.clone());
        }
    }
    event["input"] = Value::Array(input);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_mmh3() {
        // From Python: '%016x%016x' of mmh3.hash64(text), halves as unsigned.
        assert_eq!(murmur(""), "00000000000000000000000000000000");
        assert_eq!(murmur("hello"), "cbd8a7b341bd9b025b1e906a48ae1d19");
    }

    #[test]
    fn repeated_messages_are_held_once() {
        let all: Vec<Message> = (0..50).map(|n| Message::user(format!("{n} {}", "long ".repeat(60)))).collect();
        let mut pools = Pools::default();
        let references: Vec<Value> = (1..=50).map(|n| pools.references(&all[..n])).collect();
        assert_eq!(references[49], json!([[0, 50]]));
        let (attachments, data) = pools.finish();
        assert_eq!(data["messages"].as_array().unwrap().len(), 50);
        let mut sample = json!({ "events": [{ "event": "model", "input": [], "input_refs": references[2] }],
            "attachments": attachments, "events_data": data });
        expand(sample.as_object_mut().unwrap(), GROWTH_BYTES_MAX).unwrap();
        let wanted: Value = all[..3].iter().map(message).collect();
        assert_eq!(sample["events"][0]["input"], wanted);
    }

    #[test]
    fn a_text_that_looks_like_a_reference_is_not_one() {
        let secret = "s".repeat(200);
        let looks_like = |prefix: &str| format!("{prefix}{}", murmur(&secret));
        let mut event = json!({ "a": secret, "b": looks_like(REFERENCE), "c": looks_like(OLD_REFERENCE) });
        let wanted = event.clone();
        let mut pools = Pools::default();
        pools.condense(&mut event);
        let (attachments, data) = pools.finish();
        let mut sample = json!({ "events": [event], "attachments": attachments, "events_data": data });
        expand(sample.as_object_mut().unwrap(), 1000).unwrap();
        assert_eq!(sample["events"][0], wanted);
    }

    #[test]
    fn references_out_of_bounds_or_without_bound_are_errors() {
        let pool = json!({ "messages": [{ "role": "user", "content": "x" }] });
        for references in [json!([[0, 2]]), json!([[1, 0]]), json!(vec![json!([0, 1]); 11]), json!([["a"]])] {
            let mut sample = json!({ "events": [{ "event": "model", "input_refs": references }], "events_data": pool });
            assert!(expand(sample.as_object_mut().unwrap(), 1_000).is_err());
        }
    }

    #[test]
    fn growth_is_counted_in_memory_not_in_text() {
        // 100 zeros are 201 bytes of JSON, and 7,200 of memory.
        let pool = json!({ "messages": [{ "role": "user", "content": vec![0; 100] }] });
        let mut sample =
            json!({ "events": [{ "event": "model", "input_refs": vec![json!([0, 1]); 10] }], "events_data": pool });
        assert!(expand(sample.clone().as_object_mut().unwrap(), 20_000).is_err());
        expand(sample.as_object_mut().unwrap(), 200_000).unwrap();
        assert_eq!(sample["events"][0]["input"].as_array().unwrap().len(), 10);
    }
}
