//! Whatever a server sends, the codecs answer and never panic. The corpus, which seeds the fuzz targets too, is replayed whole
//! and cut anywhere.

use ph_model::value_count::REPLY_VALUES_MAX;
use ph_model::wire::{Dialect, WireError};
use proptest::prelude::*;

use crate::corpus;

#[path = "../../../../fuzz/bodies/wire.rs"]
mod wire;

fn feed(bytes: &[u8]) {
    Dialect::ALL.into_iter().for_each(|dialect| wire::check(dialect, bytes));
}

/// What is deeper than a record can hold is refused, also in the text of a tool's arguments.
#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for dialect in Dialect::ALL {
        let error = dialect.decode(format!(r#"{{"x":{}}}"#, deep(64)).as_bytes()).unwrap_err();
        assert!(matches!(error, WireError::TooDeep { levels_max: 64 }), "{dialect}: {error}");
    }
    let call = |levels: usize| {
        let arguments = serde_json::json!(format!(r#"{{"x":{}}}"#, deep(levels)));
        let call = format!(r#"{{"id":"c","type":"function","function":{{"name":"f","arguments":{arguments}}}}}"#);
        let message = format!(r#"{{"role":"assistant","content":null,"tool_calls":[{call}]}}"#);
        let reply =
            format!(r#"{{"model":"m","choices":[{{"index":0,"finish_reason":"tool_calls","message":{message}}}]}}"#);
        feed(reply.as_bytes());
        Dialect::OpenAiChat.decode(reply.as_bytes()).unwrap().message.tool_calls.remove(0)
    };
    assert_eq!(call(63).parse_error, None);
    let error = call(64).parse_error.unwrap();
    assert!(error.contains("nested too deep"), "{error}");
}

/// What would take far more memory than its bytes is refused before it is read, also piece by piece.
#[test]
fn values_are_bounded() {
    let many = |count: usize| format!(r#"{{"x":[{}0]}}"#, "0,".repeat(count));
    let is_refused = |error: WireError| matches!(error, WireError::TooManyValues { values_max: REPLY_VALUES_MAX });
    let (over, half) = (many(REPLY_VALUES_MAX), many(REPLY_VALUES_MAX / 2));
    for dialect in Dialect::ALL {
        assert!(is_refused(dialect.decode(over.as_bytes()).unwrap_err()), "{dialect}");
        assert!(dialect.decode_error(500, over.as_bytes()).message.starts_with(r#"{"x":"#), "{dialect}");
    }
    let (mut decoder, mut chunks) = (Dialect::OpenAiChat.stream_decoder(), Vec::new());
    decoder.event(&half, &mut chunks).unwrap();
    assert!(is_refused(decoder.event(&half, &mut chunks).unwrap_err()));
}

#[test]
fn the_corpus_whole_and_cut() {
    for path in corpus::all() {
        let bytes = std::fs::read(&path).unwrap();
        feed(&bytes);
        for end in (0..bytes.len()).step_by(7) {
            feed(&bytes[..end]);
        }
    }
}

/// JSON values with the words that the codecs look for, in all the wrong places.
fn json() -> impl Strategy<Value = serde_json::Value> {
    const WORDS: [&str; 30] = [
        "choices",
        "message",
        "delta",
        "content",
        "tool_calls",
        "function",
        "arguments",
        "name",
        "id",
        "index",
        "type",
        "text",
        "output",
        "reasoning",
        "summary",
        "message_start",
        "content_block",
        "content_block_start",
        "input",
        "candidates",
        "parts",
        "functionCall",
        "args",
        "usage",
        "input_tokens",
        "finishReason",
        "error",
        "code",
        "response",
        "message_stop",
    ];
    let word = || prop::sample::select(&WORDS[..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        word().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        feed(&bytes);
    }

    #[test]
    fn any_json(values in prop::collection::vec(json(), 1..4)) {
        let lines: Vec<String> = values.iter().map(ToString::to_string).collect();
        feed(lines.join("\n").as_bytes());
    }
}
