//! What is no longer as it was when a run or an assessment began, so that it cannot be gone on with.

use serde::Serialize;
use serde_json::Value;

/// Something that is no longer as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub what: String,
    /// As it was.
    pub was: String,
    /// As it is now.
    pub is: String,
}

/// The most places that are named.
const NAMED_MAX: usize = 8;
/// The longest value that is shown whole.
const SHOWN_CHARS_MAX: usize = 200;

/// The changes in one line.
pub(crate) fn list(changes: &[Change]) -> String {
    let one = |change: &Change| format!("{} was `{}`, is `{}`", change.what, change.was, change.is);
    let mut named: Vec<String> = changes.iter().take(NAMED_MAX).map(one).collect();
    if changes.len() > NAMED_MAX {
        named.push(format!("and {} more", changes.len() - NAMED_MAX));
    }
    named.join("; ")
}

/// Every place at which the JSON of `is` is not that of `was`, but for the fields in `apart`.
pub(crate) fn changes<T: Serialize>(was: &T, is: &T, apart: &[&str]) -> serde_json::Result<Vec<Change>> {
    let (mut was, mut is) = (serde_json::to_value(was)?, serde_json::to_value(is)?);
    for value in [&mut was, &mut is] {
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|name, _| !apart.contains(&name.as_str()));
        }
    }
    let mut found = Vec::new();
    compare("", (Some(&was), Some(&is)), &mut found);
    Ok(found)
}

fn compare(place: &str, (was, is): (Option<&Value>, Option<&Value>), found: &mut Vec<Change>) {
    match (was, is) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            let only_now = is.keys().filter(|name| !was.contains_key(*name));
            for name in was.keys().chain(only_now) {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                compare(&place, (was.get(name), is.get(name)), found);
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) => {
            for at in 0..was.len().max(is.len()) {
                compare(&format!("{place}[{at}]"), (was.get(at), is.get(at)), found);
            }
        }
        _ if was != is => found.push(Change { what: place.to_owned(), was: shown(was), is: shown(is) }),
        _ => {}
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_is_named_with_what_was_and_is() {
        let was = json!({ "id": 1, "seed": 1, "targets": [{ "name": "a" }, { "name": "b" }], "gone": true });
        let is = json!({ "id": 2, "seed": 2, "targets": [{ "name": "a" }], "new": "x".repeat(500) });
        let found = changes(&was, &is, &["id"]).unwrap();
        let lines: Vec<String> = found.iter().map(|one| format!("{}: {} -> {}", one.what, one.was, one.is)).collect();
        assert_eq!(lines[..3], ["seed: 1 -> 2", "targets[1]: {\"name\":\"b\"} -> none", "gone: true -> none"]);
        assert_eq!((lines.len(), found[3].is.chars().count()), (4, SHOWN_CHARS_MAX + 1));
        assert_eq!(changes(&was, &was, &[]).unwrap(), []);
        let many = vec![found[0].clone(); 20];
        assert!(list(&many).ends_with("and 12 more"), "{}", list(&many));
    }
}
