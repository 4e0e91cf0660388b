//! JSON as Inspect writes it: `NaN` and `Infinity` as bare words, escapes of lone surrogates. Both are outside RFC 8259.
//!
//! A document that is strict JSON is read as it is. Otherwise the bare words become the texts `"NaN"`, `"Infinity"` and
//! `"-Infinity"` ([`crate::numbers`] reads them as numbers) and a lone surrogate becomes U+FFFD.

use ph_model::nesting::is_deeper;
use ph_model::value_count::{count_values, holds_more_values};
use serde::de::{DeserializeOwned, Error};
use serde_json::Value;

/// The deepest nesting of a document made elsewhere. What is read of it may stand some levels deeper in what is written, and
/// readers stop at 128.
pub(crate) const FOREIGN_LEVELS_MAX: u32 = 110;

/// The most values of a document, or of the documents that together are one thing: read, about 2.4 GB.
pub(crate) const VALUES_MAX: usize = 32 << 20;

/// Reads a document.
///
/// # Errors
/// [`serde_json::Error`] of the strict reading, where the lenient one fails too, or where it holds too many values.
pub fn parse<T: DeserializeOwned>(document: &[u8]) -> serde_json::Result<T> {
    if holds_more_values(document, VALUES_MAX) {
        return Err(too_many_values());
    }
    serde_json::from_slice(document).or_else(|error| match strict(document) {
        Some(document) => serde_json::from_slice(&document),
        None => Err(error),
    })
}

/// Reads a document of a log made elsewhere: nested so far that what becomes of it can be written and read again.
///
/// # Errors
/// [`serde_json::Error`] as [`parse`], or where it is nested deeper.
pub fn parse_foreign(document: &[u8]) -> serde_json::Result<Value> {
    let value = parse(document)?;
    if is_deeper(&value, FOREIGN_LEVELS_MAX) {
        let problem = format!("it is nested more than {FOREIGN_LEVELS_MAX} levels deep");
        return Err(serde_json::Error::custom(problem));
    }
    Ok(value)
}

/// Reads one of several documents that together hold at most [`VALUES_MAX`] values, of which `values_left` may still come.
///
/// # Errors
/// [`serde_json::Error`] as [`parse_foreign`], or where they hold more.
pub(crate) fn parse_part(document: &[u8], values_left: &mut usize) -> serde_json::Result<Value> {
    let values = count_values(document, *values_left);
    *values_left = values_left.checked_sub(values).ok_or_else(too_many_values)?;
    parse_foreign(document)
}

fn too_many_values() -> serde_json::Error {
    serde_json::Error::custom(format!("it holds more than {VALUES_MAX} values"))
}

/// The document as strict JSON; `None` where nothing in it had to be changed.
fn strict(document: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut strict = Vec::with_capacity(document.len() + 64);
    let mut at = 0;
    let mut changed = false;
    while let Some(&byte) = document.get(at) {
        if byte == b'"' {
            let end = string_end(document, at);
            changed |= push_string(&mut strict, &document[at..end]);
            at = end;
        } else if let Some(word) = WORDS.iter().find(|word| document[at..].starts_with(word)) {
            strict.push(b'"');
            strict.extend_from_slice(word);
            strict.push(b'"');
            at += word.len();
            changed = true;
        } else {
            strict.push(byte);
            at += 1;
        }
    }
    changed.then_some(strict)
}

/// Where the string that begins at `at` has ended.
fn string_end(document: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(&byte) = document.get(end) {
        match byte {
            b'\\' => end += 2,
            b'"' => return end + 1,
            _ => end += 1,
        }
    }
    document.len()
}

/// Copies a string; returns whether a lone surrogate was replaced.
fn push_string(strict: &mut Vec<u8>, string: &[u8]) -> bool {
    let mut changed = false;
    let mut at = 0;
    while at < string.len() {
        match surrogate(string, at) {
            Some(0xD800..=0xDBFF) if matches!(surrogate(string, at + 6), Some(0xDC00..=0xDFFF)) => {
                strict.extend_from_slice(&string[at..at + 12]);
                at += 12;
            }
            Some(0xD800..=0xDFFF) => {
                strict.extend_from_slice(b"\\ufffd");
                at += 6;
                changed = true;
            }
            _ => {
                let length = if string[at] == b'\\' { 2 } else { 1 };
                let end = (at + length).min(string.len());
                strict.extend_from_slice(&string[at..end]);
                at = end;
            }
        }
    }
    changed
}

/// The number of the escape of `\u` and four digits at `at`, where there is one.
fn surrogate(string: &[u8], at: usize) -> Option<u32> {
    let digits = string.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(document: &str, wanted: &Value) {
        assert_eq!(&parse::<Value>(document.as_bytes()).unwrap(), wanted, "{document}");
    }

    #[test]
    fn what_inspect_writes_reads() {
        check(r#"{"a":NaN,"b":[-Infinity,Infinity]}"#, &json!({"a":"NaN","b":["-Infinity","Infinity"]}));
        check(r#"{"NaN \" Infinity":"-Infinity NaN"}"#, &json!({"NaN \" Infinity":"-Infinity NaN"}));
        check(r#"["x\ud83dy", "\ud83d\ude00", NaN, "\\ud83d"]"#, &json!(["x\u{fffd}y", "\u{1f600}", "NaN", "\\ud83d"]));
        check(r#"["\udc00\ud800"]"#, &json!(["\u{fffd}\u{fffd}"]));
    }

    #[test]
    fn what_is_broken_stays_broken() {
        for broken in ["", "{", "nan", "[NaN", "\"\\", "\"\\ud8", "[1,]"] {
            assert!(parse::<Value>(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_foreign_document_may_be_so_deep_and_no_deeper() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_foreign(deep(110).as_bytes()).is_ok());
        let error = parse_foreign(deep(111).as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "it is nested more than 110 levels deep");
        assert!(parse_foreign(deep(100_000).as_bytes()).unwrap_err().to_string().contains("recursion limit"));
    }

    #[test]
    fn documents_together_hold_so_many_values_and_no_more() {
        let mut left = 7;
        assert_eq!(parse_part(b"[1,2]", &mut left).unwrap(), json!([1, 2]));
        let error = parse_part(br#"{"a":{"b":3}}"#, &mut left).unwrap_err().to_string();
        assert!(error.contains("more than 33554432 values"), "{error}");
        assert_eq!(parse_part(br#"{"a":3}"#, &mut left).unwrap(), json!({ "a": 3 }));
        assert!(parse_part(b"1", &mut left).is_ok() && parse_part(b"1", &mut left).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(prop_oneof![
            Just(b"\\ud83d".to_vec()), Just(b"NaN".to_vec()), Just(b"\"".to_vec()), proptest::collection::vec(any::<u8>(), 0..5)
        ], 0..20)) {
            let _ = parse::<Value>(&bytes.concat());
        }
    }
}
