//! Calls that fail: each is one attempt, classified, with what was received kept and the credential nowhere.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use ph_model::wire::Dialect;
use ph_model::{ModelApi, ModelError, ModelErrorKind as K};
use ph_provider::HttpModelSettings;

use crate::calls::events;
use crate::server::{KEY, Pieces, Server, Step, model, reply, request, settings, stream_head};

const JSON: &str = "content-type: application/json\r\n";

async fn call(settings: HttpModelSettings, stream: bool) -> ModelError {
    let model = model(settings);
    let result = match stream {
        true => model.stream(&request(), &mut Pieces::all()).await,
        false => model.generate(&request()).await,
    };
    let error = result.expect_err("a fault");
    assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
    error
}

/// Plays `script` to a call in every dialect, streamed and not.
async fn check(script: Vec<Step>, kind: K, said: &str) {
    for dialect in Dialect::ALL {
        for stream in [false, true] {
            let server = Server::start(script.clone());
            let error = call(settings(dialect, &server.url()), stream).await;
            assert_eq!(error.kind, kind, "{dialect} {stream}: {error}");
            assert!(error.message.contains(said), "{dialect} {stream}: {error}");
            assert_eq!(server.received().len(), 1, "{dialect}: exactly one attempt");
            assert!(!error.exchange.unwrap().request.is_empty());
        }
    }
}

#[tokio::test]
async fn statuses() {
    for (status, kind) in [
        ("301 Moved", K::InvalidRequest),
        ("400 Bad Request", K::InvalidRequest),
        ("401 Unauthorized", K::Unauthorized),
        ("403 Forbidden", K::Unauthorized),
        ("404 Not Found", K::NotFound),
        ("408 Request Timeout", K::Timeout),
        ("409 Conflict", K::Overloaded),
        ("413 Too Large", K::InvalidRequest),
        ("429 Too Many", K::RateLimited),
        ("500 Broken", K::Overloaded),
        ("503 Busy", K::Overloaded),
        ("529 Overloaded", K::Overloaded),
    ] {
        let body = format!("no, `{KEY}`");
        check(
            vec![Step::Send(reply(status, "content-type: text/plain\r\nlocation: /x\r\n", &body))],
            kind,
            &status[..3],
        )
        .await;
    }
}

#[tokio::test]
async fn how_long_to_wait() {
    for (header, want) in [
        ("retry-after: 3\r\n", Some(3_000)),
        ("retry-after: Sun, 22 Nov 2026 07:43:41 GMT\r\n", Some(10_000)),
        ("retry-after-ms: 20\r\n", Some(20)),
        ("x-ratelimit-reset: 2\r\n", Some(2_000)),
        ("", None),
    ] {
        let server = Server::answering("429 Too Many", header, "{}");
        let error = call(settings(Dialect::OpenAiChat, &server.url()), false).await;
        assert_eq!((error.kind, error.retry_after_ms), (K::RateLimited, want), "{header}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn refused_reset_unresolved_and_tls() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = call(settings(Dialect::OpenAiChat, &format!("http://{closed}/v1")), false).await;
    assert_eq!(error.kind, K::Unreachable);
    assert!(error.message.contains("refuses the connection") && error.message.contains(&closed.to_string()), "{error}");
    let error = call(settings(Dialect::OpenAiChat, "http://no-such-host.invalid/v1"), false).await;
    assert_eq!(error.kind, K::Unreachable);
    assert!(error.message.contains("cannot be resolved"), "{error}");
    check(vec![Step::Reset], K::Unreachable, "broke").await;
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = plain.local_addr().unwrap();
    std::thread::spawn(move || plain.accept().unwrap().0.write_all(b"HTTP/1.1 400 This is no TLS\r\n\r\n"));
    let error = call(settings(Dialect::OpenAiChat, &format!("https://{address}/v1")), false).await;
    assert_eq!(error.kind, K::Unreachable);
    assert!(error.message.contains("TLS"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_fails_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = settings(Dialect::OpenAiChat, "http://198.51.100.1/v1");
    settings.proxy = Some(format!("http://{closed}"));
    let error = call(settings, false).await;
    assert_eq!(error.kind, K::Unreachable);
    assert!(error.message.contains("proxy"), "{error}");
}

#[tokio::test]
async fn garbage_and_lies() {
    check(vec![Step::Send(b"SSH-2.0-nonsense\r\n\r\n".to_vec())], K::MalformedReply, "not HTTP").await;
    check(vec![Step::Send(reply("200 OK", JSON, "{\"choices\":"))], K::MalformedReply, "not JSON").await;
    check(vec![Step::Send(reply("200 OK", JSON, "\u{0}\u{1}"))], K::MalformedReply, "not JSON").await;
    check(vec![Step::Send(reply("200 OK", "content-type: text/html\r\n", "<p>"))], K::MalformedReply, "text/html")
        .await;
    check(vec![Step::Send(reply("200 OK", JSON, ""))], K::MalformedReply, "not JSON").await;
    let short = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 50\r\n\r\n{{}}");
    check(vec![Step::Send(short.into_bytes())], K::Unreachable, "broke off").await;
}

#[tokio::test]
async fn a_reply_without_end_is_an_error_not_memory() {
    let announced = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 1073741824\r\n\r\n{{");
    check(vec![Step::Send(announced.into_bytes())], K::MalformedReply, "longer than").await;
    let mut script = vec![Step::Send(format!("HTTP/1.1 200 OK\r\n{JSON}connection: close\r\n\r\n").into_bytes())];
    script.extend(std::iter::repeat_n(Step::Send(vec![b' '; 1 << 16]), 64));
    let server = Server::start(script);
    let mut settings = settings(Dialect::OpenAiChat, &server.url());
    settings.reply_bytes_max = 1 << 18;
    let error = call(settings, false).await;
    assert_eq!(error.kind, K::MalformedReply);
    assert!(error.exchange.unwrap().reply.len() <= 1 << 18);
}

#[tokio::test]
async fn time_limits_each_say_which() {
    check(vec![Step::Wait(1_000)], K::Timeout, "within 0.6 s").await;
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}connection: close\r\n\r\n").into_bytes();
    check(vec![Step::Send(head.clone()), Step::Wait(1_000)], K::Timeout, "within 0.6 s").await;
    let stops = vec![Step::Send(head), Step::Send(b"{".to_vec()), Step::Wait(700)];
    check(stops, K::Timeout, "no further byte came within 0.4 s").await;
    let mut drip = vec![Step::Send(stream_head())];
    drip.extend([Step::Send(b": ping\n\n".to_vec()), Step::Wait(50)].into_iter().cycle().take(40));
    let server = Server::start(drip);
    let mut settings = settings(Dialect::OpenAiChat, &server.url());
    settings.timeouts.call = Duration::from_millis(500);
    let error = call(settings, true).await;
    assert_eq!(error.kind, K::Timeout);
    assert!(error.message.contains("longer than 0.5 s"), "{error}");
    assert!(error.exchange.unwrap().reply.starts_with(b": ping"), "what came is kept");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_never_a_short_answer() {
    for dialect in Dialect::ALL {
        let begun: String = events(dialect)[..2].iter().map(|event| format!("data: {event}\n\n")).collect();
        let server = Server::start(vec![Step::Send(stream_head()), Step::Send(begun.clone().into_bytes())]);
        let error = call(settings(dialect, &server.url()), true).await;
        assert_eq!(error.kind, K::MalformedReply, "{dialect}");
        assert!(error.message.contains("broke off before"), "{error}");
        assert_eq!(error.exchange.unwrap().reply, begun.as_bytes());
        let last = events(dialect)[2];
        let cut_in_the_last_event = format!("{begun}data: {last}").into_bytes();
        let script = vec![Step::Send(stream_head()), Step::Send(begun.into_bytes()), Step::Reset];
        let error = call(settings(dialect, &Server::start(script).url()), true).await;
        assert!(matches!(error.kind, K::Unreachable | K::MalformedReply), "{error}");
        let server = Server::start(vec![Step::Send(stream_head()), Step::Send(cut_in_the_last_event)]);
        assert_eq!(call(settings(dialect, &server.url()), true).await.kind, K::MalformedReply, "{dialect}");
    }
}

#[tokio::test]
async fn garbage_and_failures_inside_a_stream() {
    let script = |event: &str| vec![Step::Send(stream_head()), Step::Send(format!("data: {event}\n\n").into_bytes())];
    for dialect in Dialect::ALL {
        let server = Server::start(script("{\"choices\":"));
        assert_eq!(call(settings(dialect, &server.url()), true).await.kind, K::MalformedReply);
        let server =
            Server::start(script(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#));
        assert_eq!(call(settings(dialect, &server.url()), true).await.kind, K::Overloaded, "{dialect}");
    }
    let server = Server::start(vec![Step::Send(stream_head()), Step::Send(b"data: \xff\xfe\n\n".to_vec())]);
    assert_eq!(call(settings(Dialect::OpenAiChat, &server.url()), true).await.kind, K::MalformedReply);
}

#[tokio::test]
async fn a_sink_that_has_enough_ends_the_call() {
    let body: String = events(Dialect::OpenAiChat).iter().map(|event| format!("data: {event}\n\n")).collect();
    let server = Server::start(vec![Step::Send(stream_head()), Step::Send(body.into_bytes())]);
    let mut pieces = Pieces { seen: Vec::new(), pieces_max: 1 };
    let model = model(settings(Dialect::OpenAiChat, &server.url()));
    let error = model.stream(&request(), &mut pieces).await.unwrap_err();
    assert_eq!((error.kind, pieces.seen.len()), (K::AccessCut, 1));
}

#[tokio::test]
async fn what_the_api_cannot_say_is_never_sent() {
    let server = Server::answering("200 OK", JSON, "{}");
    let mut request = request();
    request.config.logprobs = true;
    let model = model(settings(Dialect::AnthropicMessages, &server.url()));
    let error = model.generate(&request).await.unwrap_err();
    assert_eq!((error.kind, server.received().len()), (K::InvalidRequest, 0));
}
