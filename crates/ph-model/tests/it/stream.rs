//! A stream gives what the whole reply gives, or an error.

use ph_model::wire::{Dialect, WireError};
use ph_model::{ContentPart, KnownPart, ModelErrorKind, ModelOutput, OutputChunk};

use crate::corpus;

fn read(dialect: Dialect, events: &[String]) -> (Vec<OutputChunk>, Result<ModelOutput, WireError>) {
    let mut decoder = dialect.stream_decoder();
    let mut chunks = Vec::new();
    for event in events {
        if let Err(error) = decoder.event(event, &mut chunks) {
            return (chunks, Err(error));
        }
    }
    (chunks, decoder.finish())
}

fn reasoning(output: &ModelOutput) -> String {
    let ph_model::Content::Parts(parts) = &output.message.content else { return String::new() };
    let one = |part: &ContentPart| match part {
        ContentPart::Known(KnownPart::Reasoning { reasoning, .. }) => Some(reasoning.clone()),
        _ => None,
    };
    parts.iter().filter_map(one).collect()
}

#[test]
fn every_stream_gives_the_whole_reply() {
    for dialect in Dialect::ALL {
        for name in corpus::names(dialect) {
            let whole = dialect.decode(&corpus::read(dialect, &format!("{name}.json"))).unwrap();
            let (chunks, streamed) = read(dialect, &corpus::events(dialect, &name));
            assert_eq!(streamed.unwrap(), whole, "{dialect} {name}");
            let (mut text, mut thought) = (String::new(), String::new());
            for chunk in chunks {
                match chunk {
                    OutputChunk::Text(more) => text.push_str(&more),
                    OutputChunk::Reasoning(more) => thought.push_str(&more),
                    OutputChunk::End(_) => panic!("the end is the caller's to tell"),
                }
            }
            assert_eq!((text, thought), (whole.message.text(), reasoning(&whole)), "{dialect} {name}");
        }
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_is_an_error() {
    for dialect in Dialect::ALL {
        for name in corpus::names(dialect) {
            let events = corpus::events(dialect, &name);
            for kept in 0..events.len() {
                let error = read(dialect, &events[..kept]).1.unwrap_err();
                assert!(matches!(error, WireError::Truncated { .. }), "{dialect} {name} {kept}: {error}");
                assert_eq!(error.kind(), ModelErrorKind::MalformedReply);
            }
        }
    }
}

#[test]
fn a_failure_inside_a_stream_is_classified() {
    for (dialect, event, kind) in [
        (
            Dialect::OpenAiChat,
            r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#,
            ModelErrorKind::RateLimited,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"type":"error","code":"server_error","message":"broke"}"#,
            ModelErrorKind::Overloaded,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"},"output":[]}}"#,
            ModelErrorKind::RateLimited,
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ModelErrorKind::Overloaded,
        ),
        (
            Dialect::GoogleGenerateContent,
            r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
            ModelErrorKind::Overloaded,
        ),
    ] {
        let first = corpus::events(dialect, "text").swap_remove(0);
        let (_, result) = read(dialect, &[first, event.to_owned()]);
        assert_eq!(result.unwrap_err().kind(), kind, "{dialect}");
    }
}

#[test]
fn an_error_that_is_null_is_none() {
    let with_null = |event: &String| match serde_json::from_str(event) {
        Ok(serde_json::Value::Object(mut event)) => {
            event.insert("error".to_owned(), serde_json::Value::Null);
            serde_json::Value::Object(event).to_string()
        }
        _ => event.clone(),
    };
    for dialect in Dialect::ALL {
        let events = corpus::events(dialect, "text");
        let want = read(dialect, &events).1.unwrap();
        let nulls: Vec<String> = events.iter().map(with_null).collect();
        assert_eq!(read(dialect, &nulls).1.unwrap(), want, "{dialect}");
        let whole = String::from_utf8(corpus::read(dialect, "text.json")).unwrap();
        assert_eq!(dialect.decode(with_null(&whole).as_bytes()).unwrap(), want, "{dialect}");
    }
}

#[test]
fn calls_under_one_index_are_told_apart_by_their_ids() {
    let call = |index: u64, id: &str, name: &str, arguments: &str| {
        serde_json::json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [
            { "index": index, "id": id, "function": { "name": name, "arguments": arguments } }] } }] })
        .to_string()
    };
    let check = |mut events: Vec<String>, wanted: &[(&str, &str)]| {
        events.push(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#.to_owned());
        events.push("[DONE]".to_owned());
        let calls = read(Dialect::OpenAiChat, &events).1.unwrap().message.tool_calls;
        let calls: Vec<(String, String)> =
            calls.into_iter().map(|call| (call.id, call.arguments.to_string())).collect();
        let wanted: Vec<(String, String)> = wanted.iter().map(|(id, x)| ((*id).to_owned(), (*x).to_owned())).collect();
        assert_eq!(calls, wanted);
    };
    let (a, b) = (("a", r#"{"x":1}"#), ("b", r#"{"x":2}"#));
    check(vec![call(0, "a", "f", r#"{"x":1}"#), call(0, "b", "f", r#"{"x":2}"#)], &[a, b]);
    let pieces = [("a", "f", r#"{"x""#), ("b", "g", r#"{"x""#), ("a", "", ":1}"), ("b", "", ":2}")];
    check(pieces.map(|(id, name, piece)| call(0, id, name, piece)).to_vec(), &[a, b]);
    // The id and the name again with every piece, or another id without a name: the same call.
    check(vec![call(0, "a", "f", r#"{"x""#), call(0, "a", "f", ":1}")], &[a]);
    check(vec![call(0, "a", "f", r#"{"x""#), call(0, "other", "", ":1}"), call(1, "b", "f", r#"{"x":2}"#)], &[a, b]);
}

#[test]
fn nothing_after_the_end_counts() {
    for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages] {
        let mut events = corpus::events(dialect, "text");
        let want = read(dialect, &events).1.unwrap();
        events.push("garbage".to_owned());
        assert_eq!(read(dialect, &events).1.unwrap(), want, "{dialect}");
    }
}
