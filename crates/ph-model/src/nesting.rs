//! How deep JSON is nested. Readers of JSON stop at 128 levels; what is kept in a record or a log stands some levels deeper
//! there than where it came from, so that what comes from outside is bounded well before.

use serde_json::Value;

/// The deepest nesting of what a model or a provider says.
pub const REPLY_LEVELS_MAX: u32 = 64;

/// Whether `value` is nested more than `levels` deep; a list or an object of plain values is one level.
#[must_use]
pub fn is_deeper(value: &Value, levels: u32) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(fields) => levels == 0 || fields.values().any(|field| is_deeper(field, levels - 1)),
        _ => false,
    }
}

/// Makes `value` at most `levels` deep: what is deeper becomes the text of its JSON.
pub fn flatten(value: &mut Value, levels: u32) {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => *value = Value::String(value.to_string()),
        Value::Array(items) => items.iter_mut().for_each(|item| flatten(item, levels - 1)),
        Value::Object(fields) => fields.values_mut().for_each(|field| flatten(field, levels - 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn levels_are_counted_and_cut() {
        let check = |mut value: Value, levels: u32, flat: Value| {
            assert_eq!(is_deeper(&value, levels), value != flat, "{value}");
            flatten(&mut value, levels);
            assert_eq!(value, flat);
        };
        check(json!(1), 0, json!(1));
        check(json!([]), 0, json!("[]"));
        check(json!([1, "x"]), 1, json!([1, "x"]));
        check(json!({ "a": [1, { "b": [] }], "c": 2 }), 2, json!({ "a": [1, "{\"b\":[]}"], "c": 2 }));
        check(json!({ "a": [1, { "b": [] }], "c": 2 }), 4, json!({ "a": [1, { "b": [] }], "c": 2 }));
    }
}
