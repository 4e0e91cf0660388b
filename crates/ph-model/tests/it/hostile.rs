//! Whatever a server sends, the codecs answer and never panic. The corpus is replayed whole and cut anywhere.

use ph_model::wire::Dialect;
use proptest::prelude::*;

use crate::corpus;

fn feed(bytes: &[u8]) {
    for dialect in Dialect::ALL {
        let _ = dialect.decode(bytes);
        assert!(!dialect.decode_error(400, bytes).message.is_empty());
        let mut decoder = dialect.stream_decoder();
        let mut chunks = Vec::new();
        for line in String::from_utf8_lossy(bytes).lines() {
            if decoder.event(line, &mut chunks).is_err() {
                break;
            }
        }
        let _ = decoder.finish();
    }
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
