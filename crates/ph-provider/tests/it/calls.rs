//! Calls that go well.

use ph_model::wire::Dialect;
use ph_model::{ModelApi, OutputChunk, StopReason};

use crate::server::{KEY, Pieces, Server, Step, model, request, settings, stream_head};

const JSON: &str = "content-type: application/json\r\n";

fn body(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat => {
            r#"{"model":"m-1","choices":[{"message":{"role":"assistant","content":"hi you"},"finish_reason":"stop"}]}"#
        }
        Dialect::OpenAiResponses => {
            r#"{"status":"completed","model":"m-1","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi you"}]}]}"#
        }
        Dialect::AnthropicMessages => {
            r#"{"type":"message","model":"m-1","content":[{"type":"text","text":"hi you"}],"stop_reason":"end_turn"}"#
        }
        Dialect::GoogleGenerateContent => {
            r#"{"modelVersion":"m-1","candidates":[{"content":{"parts":[{"text":"hi you"}]},"finishReason":"STOP"}]}"#
        }
    }
}

/// The same in two pieces.
pub(crate) fn events(dialect: Dialect) -> [&'static str; 3] {
    match dialect {
        Dialect::OpenAiChat => [
            r#"{"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":"hi "}}]}"#,
            r#"{"model":"m-1","choices":[{"index":0,"delta":{"content":"you"},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ],
        Dialect::OpenAiResponses => [
            r#"{"type":"response.output_text.delta","delta":"hi "}"#,
            r#"{"type":"response.output_text.delta","delta":"you"}"#,
            r#"{"type":"response.completed","response":{"status":"completed","model":"m-1","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi you"}]}]}}"#,
        ],
        Dialect::AnthropicMessages => [
            r#"{"type":"message_start","message":{"type":"message","model":"m-1","content":[],"stop_reason":null}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"hi "}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"you"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}

data: {"type":"message_stop"}"#,
        ],
        Dialect::GoogleGenerateContent => [
            r#"{"modelVersion":"m-1","candidates":[{"content":{"parts":[{"text":"hi "}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"you"}]}}]}"#,
            r#"{"candidates":[{"finishReason":"STOP"}]}"#,
        ],
    }
}

#[tokio::test]
async fn every_dialect_whole_with_its_credential_and_bytes() {
    for dialect in Dialect::ALL {
        let server = Server::answering("200 OK", &format!("{JSON}x-request-id: r1\r\n"), body(dialect));
        let model = model(settings(dialect, &server.url()));
        let reply = model.generate(&request()).await.unwrap();
        assert_eq!((reply.output.message.text().as_str(), reply.output.stop_reason), ("hi you", StopReason::Stop));
        let exchange = reply.exchange.unwrap();
        let received = server.received();
        assert_eq!(received.len(), 1, "{dialect}");
        assert_eq!(exchange.request, received[0].body);
        assert_eq!((exchange.reply.as_slice(), exchange.status), (body(dialect).as_bytes(), Some(200)));
        assert!(exchange.headers.contains(&("x-request-id".to_owned(), b"r1".to_vec())));
        let head = received[0].head.to_lowercase();
        let (path, credential) = match dialect {
            Dialect::OpenAiChat => ("post /v1/chat/completions ", format!("authorization: bearer {KEY}")),
            Dialect::OpenAiResponses => ("post /v1/responses ", format!("authorization: bearer {KEY}")),
            Dialect::AnthropicMessages => ("post /v1/messages ", format!("x-api-key: {KEY}")),
            Dialect::GoogleGenerateContent => {
                ("post /v1beta/models/m:generatecontent ", format!("x-goog-api-key: {KEY}"))
            }
        };
        assert!(head.starts_with(path) && head.contains(&credential), "{head}");
        assert!(head.contains("accept-encoding: identity") && !head.contains("gzip"), "{head}");
        assert_eq!(head.contains("anthropic-version: 2023-06-01"), dialect == Dialect::AnthropicMessages);
        assert!(!format!("{model:?} {exchange:?}").contains(KEY));
    }
}

#[tokio::test]
async fn pieces_come_as_they_are_sent() {
    for dialect in Dialect::ALL {
        let mut script = vec![Step::Send(stream_head())];
        for event in events(dialect) {
            // Cut in the middle of a line, and slow: SSE is never read by reads.
            let event = format!("data: {event}\n\n");
            let (first, second) = event.split_at(event.len() / 2);
            script.extend([Step::Send(first.into()), Step::Wait(20), Step::Send(second.into())]);
        }
        let server = Server::start(script);
        let mut pieces = Pieces::all();
        let reply = model(settings(dialect, &server.url())).stream(&request(), &mut pieces).await.unwrap();
        assert_eq!(reply.output.message.text(), "hi you", "{dialect}");
        assert_eq!(pieces.seen.last(), Some(&OutputChunk::End(StopReason::Stop)));
        let text: Vec<&OutputChunk> =
            pieces.seen.iter().filter(|piece| matches!(piece, OutputChunk::Text(_))).collect();
        assert!(text.last() == Some(&&OutputChunk::Text("you".into())), "{dialect}: {text:?}");
        let exchange = reply.exchange.unwrap();
        assert!(exchange.reply.starts_with(b"data: ") && exchange.reply.ends_with(b"\n\n"));
        let asked = String::from_utf8(server.received()[0].body.clone()).unwrap();
        let path_says = server.received()[0].head.contains("streamGenerateContent?alt=sse");
        assert!(asked.contains(r#""stream":true"#) || path_says, "{dialect}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_gives_the_whole_at_once() {
    let server = Server::answering("200 OK", JSON, body(Dialect::OpenAiChat));
    let mut pieces = Pieces::all();
    let model = model(settings(Dialect::OpenAiChat, &server.url()));
    model.stream(&request(), &mut pieces).await.unwrap();
    assert_eq!(pieces.seen, [OutputChunk::Text("hi you".into()), OutputChunk::End(StopReason::Stop)]);
}

#[tokio::test]
async fn a_safeguards_block_is_a_reply() {
    let error = r#"{"error":{"message":"flagged as a violation","code":"content_filter","type":"x"}}"#;
    let server = Server::answering("400 Bad Request", JSON, error);
    let reply = model(settings(Dialect::OpenAiChat, &server.url())).generate(&request()).await.unwrap();
    assert_eq!((reply.output.stop_reason, reply.exchange.unwrap().status), (StopReason::ContentFilter, Some(400)));
}

#[tokio::test]
async fn a_credential_that_the_endpoint_repeats_is_in_no_reply() {
    let escaped = KEY.replace('-', "\\u002d");
    for said in [KEY, escaped.as_str()] {
        let whole = body(Dialect::OpenAiChat).replace("hi you", &format!("your headers: {said}"));
        let block = format!(r#"{{"error":{{"message":"flagged, {said}","code":"content_filter","type":"x"}}}}"#);
        for (status, body) in [("200 OK", &whole), ("400 Bad Request", &block)] {
            let server = Server::answering(status, JSON, body);
            let model = model(settings(Dialect::OpenAiChat, &server.url()));
            let mut pieces = Pieces::all();
            for reply in [model.generate(&request()).await, model.stream(&request(), &mut pieces).await] {
                let output = serde_json::to_string(&reply.unwrap().output).unwrap();
                assert!(output.contains("[credential]") && !output.contains(KEY), "{output}");
            }
            assert!(!format!("{:?}", pieces.seen).contains(KEY));
        }
    }
    let event = |text: &str| {
        let delta = events(Dialect::OpenAiChat)[0].replace("hi ", text);
        Step::Send(format!("data: {delta}\n\n").into_bytes())
    };
    let (first, second) = KEY.split_at(7);
    let end = events(Dialect::OpenAiChat)[1..].iter().map(|event| format!("data: {event}\n\n")).collect::<String>();
    let script = vec![Step::Send(stream_head()), event(KEY), event(first), event(second), Step::Send(end.into_bytes())];
    let server = Server::start(script);
    let mut pieces = Pieces::all();
    let reply = model(settings(Dialect::OpenAiChat, &server.url())).stream(&request(), &mut pieces).await.unwrap();
    assert_eq!(reply.output.message.text(), "[credential][credential]you");
    assert_eq!(pieces.seen[0], OutputChunk::Text("[credential]".into()));
}

#[tokio::test]
async fn a_kept_connection_is_used_again() {
    let body = body(Dialect::OpenAiChat);
    let reply =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    // The server closes after one request although it does not say so; the next call opens a connection.
    let server = Server::start(vec![Step::Send(reply.into_bytes()), Step::Wait(5)]);
    let model = model(settings(Dialect::OpenAiChat, &server.url()));
    for calls in 1..=3 {
        model.generate(&request()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        assert_eq!(server.received().len(), calls);
    }
}
