//! How many values a JSON document holds, counted before it is read: a [`Value`](serde_json::Value) takes 72 bytes of memory
//! and two bytes of a document, so that a limit of bytes alone bounds memory badly.

use memchr::memchr2;

/// The most values of what a provider replies.
pub const REPLY_VALUES_MAX: usize = 8 << 20;

/// How many values `document` holds at most, the names of fields counted as values; counting stops beyond `values_max`. Of
/// what is no JSON it counts what a reader takes in before it finds that out.
#[must_use]
pub fn count_values(document: &[u8], values_max: usize) -> usize {
    let mut count = 1;
    let mut at = 0;
    while let Some(&byte) = document.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(document, at),
            b',' | b':' | b'[' | b'{' => {
                count += 1;
                if count > values_max {
                    break;
                }
            }
            _ => {}
        }
    }
    count
}

/// Whether `document` holds more values than this. A document of fewer bytes is not looked at.
#[must_use]
pub fn holds_more_values(document: &[u8], values_max: usize) -> bool {
    document.len() > values_max && count_values(document, values_max) > values_max
}

/// Where the string that has begun before `at` has ended.
fn string_end(document: &[u8], mut at: usize) -> usize {
    while let Some(found) = document.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if document[at - 1] == b'"' {
            return at;
        }
        // What a backslash stands before ends no string.
        at += 1;
    }
    document.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn values(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(values).sum(),
            Value::Object(fields) => fields.values().map(|field| 1 + values(field)).sum(),
            _ => 0,
        }
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (value, wanted) in [
            (json!(1), 1),
            (json!("a,[{:\\\""), 1),
            (json!([1, "\\", [2, 3]]), 6),
            (json!({ "a\",": [1, 2], "b": { "c": null } }), 9),
        ] {
            assert_eq!((count_values(value.to_string().as_bytes(), 100), values(&value)), (wanted, wanted), "{value}");
        }
        // An empty list or object counts for two: that there is nothing in it is seen only by the reader.
        assert_eq!(count_values(b"[[],{}]", 100), 5);
        assert_eq!(count_values(&b"0,".repeat(1_000), 10), 11);
        assert!(!holds_more_values(b"[0,0,0]", 4) && holds_more_values(b"[0,0,0]", 3));
    }

    proptest! {
        #[test]
        fn no_document_holds_more_than_is_counted(texts in proptest::collection::vec(any::<String>(), 0..6), n in any::<i64>()) {
            let value = json!([texts, { "a": texts, "b": [[], {}, n] }, texts.iter().map(|text| json!({ text: n })).collect::<Vec<_>>()]);
            for document in [serde_json::to_vec(&value).unwrap(), serde_json::to_vec_pretty(&value).unwrap()] {
                prop_assert!((values(&value)..=values(&value) * 2).contains(&count_values(&document, usize::MAX)));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), any::<u8>()], 0..40)) {
            let _ = count_values(&bytes, 10);
        }
    }
}
