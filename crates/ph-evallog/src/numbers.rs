//! Numbers that JSON has no word for. Inspect writes them as bare `NaN`, `Infinity` and `-Infinity`.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use serde_json::Value;

/// The first character of [`MARK`], one that no text should have.
const MARK_CHAR: char = '\u{fdd0}';
const MARK_CHAR_BYTES: &[u8] = "\u{fdd0}".as_bytes();

/// Marks a text that stands for such a number until the document is written. No text that a model writes is taken for one:
/// the mark is another in every process. It never reaches a document.
static MARK: LazyLock<String> = LazyLock::new(|| format!("{MARK_CHAR}{:016x}", RandomState::new().hash_one(MARK_CHAR)));

/// A number as a JSON value; one that is not finite becomes a marked text, which [`written`] turns into the bare word.
#[must_use]
pub fn number(number: f64) -> Value {
    if number.is_finite() {
        return Value::from(number);
    }
    let word = match (number.is_nan(), number > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    };
    Value::String(format!("{}{word}", *MARK))
}

/// The number that a value read by [`crate::lenient`] stands for.
#[must_use]
pub fn number_in(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.strip_prefix(MARK.as_str()).unwrap_or(text) {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// The document of a value, with the marked texts as bare words.
///
/// # Errors
/// [`serde_json::Error`], which a value that came from JSON never gives.
pub fn written(value: &Value) -> serde_json::Result<Vec<u8>> {
    let document = serde_json::to_vec(value)?;
    // The byte is looked for first because that is fast, and most documents do not have it.
    let is_marked = document.contains(&MARK_CHAR_BYTES[0])
        && document.windows(MARK_CHAR_BYTES.len()).any(|bytes| bytes == MARK_CHAR_BYTES);
    if is_marked { Ok(unmarked(&document)) } else { Ok(document) }
}

fn unmarked(document: &[u8]) -> Vec<u8> {
    let words = ["NaN", "Infinity", "-Infinity"].map(|word| (format!("\"{}{word}\"", *MARK).into_bytes(), word));
    let mut bare = Vec::with_capacity(document.len());
    let mut at = 0;
    while at < document.len() {
        match words.iter().find(|(marked, _)| document[at..].starts_with(marked)) {
            Some((marked, word)) => {
                bare.extend_from_slice(word.as_bytes());
                at += marked.len();
            }
            None => {
                bare.push(document[at]);
                at += 1;
            }
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_written_as_inspect_does() {
        let texts = ["NaN", "\u{fdd0}NaN"];
        let value =
            serde_json::json!({ "a": number(f64::NAN), "b": [number(f64::NEG_INFINITY), number(0.5)], "c": texts });
        let document = written(&value).unwrap();
        let wanted = "{\"a\":NaN,\"b\":[-Infinity,0.5],\"c\":[\"NaN\",\"\u{fdd0}NaN\"]}";
        assert_eq!(String::from_utf8(document.clone()).unwrap(), wanted);
        let read: Value = crate::lenient::parse(&document).unwrap();
        assert!(number_in(&read["a"]).unwrap().is_nan());
        assert_eq!(number_in(&read["b"][0]), Some(f64::NEG_INFINITY));
        assert_eq!(number_in(&Value::Null), None);
    }
}
