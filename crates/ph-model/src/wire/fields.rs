//! Taking fields out of a JSON object, so that what is left is what this version does not know.

use serde_json::{Map, Value};

use super::WireError;
use crate::nesting::{REPLY_LEVELS_MAX, is_deeper};
use crate::value_count::{REPLY_VALUES_MAX, holds_more_values};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Parses bytes that should be JSON.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, WireError> {
    if holds_more_values(bytes, REPLY_VALUES_MAX) {
        return Err(WireError::TooManyValues { values_max: REPLY_VALUES_MAX });
    }
    let value = serde_json::from_slice(bytes).map_err(|error| WireError::Json(error.to_string()))?;
    match is_deeper(&value, REPLY_LEVELS_MAX) {
        true => Err(WireError::TooDeep { levels_max: REPLY_LEVELS_MAX }),
        false => Ok(value),
    }
}

/// The object that `value` should be.
pub(super) fn object(value: Value, field: &'static str) -> Result<Object, WireError> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(WireError::Shape { field, expected: "an object" }),
    }
}

/// The `type` that an object names; nothing where it names none.
pub(super) fn kind(value: &Value) -> String {
    value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Whether a reply or an event reports a failure; `null` in its place is none.
pub(super) fn holds_error(fields: &Object) -> bool {
    fields.get("error").is_some_and(|error| !error.is_null())
}

/// Taking typed fields out; a field of another kind counts as absent and stays.
pub(super) trait Take {
    /// Takes a string.
    fn take_string(&mut self, key: &str) -> Option<String>;
    /// Takes an object.
    fn take_object(&mut self, key: &str) -> Option<Object>;
    /// Takes an array.
    fn take_array(&mut self, key: &str) -> Option<Vec<Value>>;
    /// Takes a count of tokens.
    fn take_count(&mut self, key: &str) -> Option<u64>;
    /// Takes whatever is there, `null` as absent.
    fn take_value(&mut self, key: &str) -> Option<Value>;
    /// Drops fields that carry nothing here.
    fn drop_fields(&mut self, keys: &[&str]);
    /// What is left, without the fields that hold nothing.
    fn rest(self) -> Object;
}

impl Take for Object {
    fn take_string(&mut self, key: &str) -> Option<String> {
        if !self.get(key)?.is_string() {
            return None;
        }
        match self.shift_remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn take_object(&mut self, key: &str) -> Option<Object> {
        if !self.get(key)?.is_object() {
            return None;
        }
        match self.shift_remove(key) {
            Some(Value::Object(object)) => Some(object),
            _ => None,
        }
    }

    fn take_array(&mut self, key: &str) -> Option<Vec<Value>> {
        if !self.get(key)?.is_array() {
            return None;
        }
        match self.shift_remove(key) {
            Some(Value::Array(items)) => Some(items),
            _ => None,
        }
    }

    fn take_count(&mut self, key: &str) -> Option<u64> {
        let count = self.get(key)?.as_u64()?;
        self.shift_remove(key);
        Some(count)
    }

    fn take_value(&mut self, key: &str) -> Option<Value> {
        self.shift_remove(key).filter(|value| !value.is_null())
    }

    fn drop_fields(&mut self, keys: &[&str]) {
        for key in keys {
            self.shift_remove(*key);
        }
    }

    fn rest(mut self) -> Object {
        self.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()));
        self
    }
}

/// Writes `value` under `key` where there is one.
pub(super) fn put<T: Into<Value>>(body: &mut Object, key: &str, value: Option<T>) {
    if let Some(value) = value {
        body.insert(key.to_owned(), value.into());
    }
}

/// Adds a string to the one under `key`.
pub(super) fn append(object: &mut Object, key: &str, more: &str) {
    match object.get_mut(key) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            object.insert(key.to_owned(), Value::String(more.to_owned()));
        }
    }
}

/// Puts the fields of a delta into what has come so far: texts and lists grow, other values replace.
pub(super) fn merge_delta(so_far: &mut Object, delta: Object) {
    for (key, value) in delta {
        match (so_far.get_mut(&key), value) {
            (_, Value::Null) => {}
            (Some(Value::String(text)), Value::String(more)) => text.push_str(&more),
            (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            (_, value) => {
                so_far.insert(key, value);
            }
        }
    }
}
