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
fn nothing_after_the_end_counts() {
    for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages] {
        let mut events = corpus::events(dialect, "text");
        let want = read(dialect, &events).1.unwrap();
        events.push("garbage".to_owned());
        assert_eq!(read(dialect, &events).1.unwrap(), want, "{dialect}");
    }
}
