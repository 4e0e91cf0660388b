//! Numbers that JSON has no word for. Inspect writes them as bare `NaN`, `Infinity` and `-Infinity`.

use serde_json::Value;

/// Marks a text that stands for such a number until the document is written: a character that no text should have.
const MARK: char = '\u{fdd0}';
const MARK_BYTES: &[u8] = "\u{fdd0}".as_bytes();

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
    Value::String(format!("{MARK}{word}"))
}

/// The number that a value read by [`crate::lenient`] stands for.
#[must_use]
pub fn number_in(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.trim_start_matches(MARK) {
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
    if document.windows(MARK_BYTES.len()).any(|bytes| bytes == MARK_BYTES) {
        Ok(unmarked(&document))
    } else {
        Ok(document)
    }
}

fn unmarked(document: &[u8]) -> Vec<u8> {
    let words = ["NaN", "Infinity", "-Infinity"].map(|word| (format!("\"{MARK}{word}\"").into_bytes(), word));
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
        let value = serde_json::json!({ "a": number(f64::NAN), "b": [number(f64::NEG_INFINITY), number(0.5), "NaN"] });
        let document = written(&value).unwrap();
        assert_eq!(String::from_utf8(document.clone()).unwrap(), r#"{"a":NaN,"b":[-Infinity,0.5,"NaN"]}"#);
        let read: Value = crate::lenient::parse(&document).unwrap();
        assert!(number_in(&read["a"]).unwrap().is_nan());
        assert_eq!(number_in(&read["b"][0]), Some(f64::NEG_INFINITY));
        assert_eq!(number_in(&Value::Null), None);
    }
}
