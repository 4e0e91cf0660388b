//! What two JSON values differ in, in few words: the places, and each side's text around the first difference. Pure.

use serde::Serialize;
use serde_json::Value;

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 80;
/// Characters before the first difference that are shown.
const BEFORE_CHARS: usize = 24;

/// One place in which two values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The place, for instance `messages[1].content`.
    pub place: String,
    /// What was recorded there; absent where nothing was.
    pub recorded: Option<String>,
    /// What the replay has there; absent where it has nothing.
    pub replayed: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{}: recorded {}, now {}", self.place, side(&self.recorded), side(&self.replayed))
    }
}

/// The first `most` places in which the values differ, in the order in which they stand.
pub(super) fn differences(recorded: &Value, replayed: &Value, most: usize) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), (Some(recorded), Some(replayed)), &mut Found { all: &mut found, most });
    found
}

struct Found<'a> {
    all: &'a mut Vec<Difference>,
    most: usize,
}

fn compare(place: String, sides: (Option<&Value>, Option<&Value>), found: &mut Found<'_>) {
    if found.all.len() >= found.most || sides.0 == sides.1 {
        return;
    }
    match sides {
        (Some(Value::Object(one)), Some(Value::Object(two))) => {
            let added = two.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(added) {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                compare(place, (one.get(key), two.get(key)), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(two))) => {
            for at in 0..one.len().max(two.len()) {
                compare(format!("{place}[{at}]"), (one.get(at), two.get(at)), found);
            }
        }
        (one, two) => {
            let skipped = one.zip(two).map_or(0, |(one, two)| common_chars(one, two)).saturating_sub(BEFORE_CHARS);
            let side = |value: Option<&Value>| value.map(|value| shown(value, skipped));
            found.all.push(Difference { place, recorded: side(one), replayed: side(two) });
        }
    }
}

fn common_chars(one: &Value, two: &Value) -> usize {
    let (Value::String(one), Value::String(two)) = (one, two) else { return 0 };
    one.chars().zip(two.chars()).take_while(|(one, two)| one == two).count()
}

/// The value as JSON, of a long one what stands from `skipped` characters on.
fn shown(value: &Value, skipped: usize) -> String {
    let (text, skipped) = match value {
        Value::String(text) => (text.clone(), skipped),
        other => (other.to_string(), 0),
    };
    let mut rest = text.chars().skip(skipped);
    let piece: String = rest.by_ref().take(SHOWN_CHARS).collect();
    let before = if skipped > 0 { "…" } else { "" };
    let after = if rest.next().is_some() { "…" } else { "" };
    // As JSON, so that line feeds and control characters are seen and not obeyed.
    format!("`{before}{}{after}`", Value::String(piece).to_string().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(recorded: &Value, replayed: &Value, wanted: &[&str]) {
        let found: Vec<String> = differences(recorded, replayed, 3).iter().map(ToString::to_string).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn places_are_named_with_both_sides() {
        check(&json!({ "a": 1 }), &json!({ "a": 1 }), &[]);
        check(
            &json!({ "a": { "b": [1, "x"] }, "gone": null }),
            &json!({ "a": { "b": [1, "y", 2] } }),
            &[
                "a.b[1]: recorded `x`, now `y`",
                "a.b[2]: recorded nothing, now `2`",
                "gone: recorded `null`, now nothing",
            ],
        );
    }

    #[test]
    fn of_long_texts_the_difference_is_shown() {
        let text = |word: &str| json!({ "t": format!("{}{word}{}", "é".repeat(100), "z".repeat(100)) });
        let found = differences(&text("one\n"), &text("two"), 1);
        assert_eq!(found[0].recorded, Some(format!("`…{}one\\n{}…`", "é".repeat(24), "z".repeat(52))));
        assert_eq!(found[0].replayed, Some(format!("`…{}two{}…`", "é".repeat(24), "z".repeat(53))));
    }

    #[test]
    fn no_more_than_asked_for() {
        let many = |n: i64| Value::from((0..50).map(|at| at + n).collect::<Vec<_>>());
        assert_eq!(differences(&many(0), &many(1), 3).len(), 3);
    }
}
