//! What the stub says: the same for the same seed, streaming and not.

use std::time::{Duration, Instant};

use ph_testkit::stub::{Dialect, Latency, Rule, Stub, StubConfig};
use serde_json::json;

use crate::raw::{PATIENCE, ask, call, exchange, post, streamed_text, text_of};

fn config(seed: u64) -> StubConfig {
    let say = ["red", "green", "blue", "black"].map(str::to_owned).to_vec();
    let rule = Rule { contains: "colour".to_owned(), say, ..Rule::default() };
    StubConfig { seed, rules: vec![rule], ..StubConfig::default() }
}

#[test]
fn a_stream_says_what_a_whole_reply_says() {
    let stub = Stub::start(StubConfig::default()).unwrap();
    for dialect in Dialect::ALL {
        for prompt in ["hello  wörld\nnext", "[[stub:words=40]]", "[[stub:reasoning]] why?"] {
            let whole = ask(&stub, dialect, "m", prompt, false).json().to_string();
            let streamed = streamed_text(dialect, &ask(&stub, dialect, "m", prompt, true).documents());
            let last = streamed.rsplit("says.").next().unwrap();
            let escaped = json!(last).to_string();
            let found = !last.is_empty() && whole.contains(escaped.trim_matches('"'));
            assert!(found, "{dialect:?} {prompt}: {streamed} in {whole}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |seed| {
        let stub = Stub::start(config(seed)).unwrap();
        let asked = |n: usize| {
            let dialect = Dialect::ALL[n % 4];
            ask(&stub, dialect, "m", &format!("which colour? {}", n / 8), n.is_multiple_of(3)).bytes
        };
        (0..48).map(asked).collect::<Vec<_>>()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn temperature_zero_gives_the_same_text_at_every_time() {
    let stub = Stub::start(config(1)).unwrap();
    let texts = |temperature: f64| {
        let (path, mut body) = call(Dialect::OpenAiChat, "m", "which colour?", false);
        body["temperature"] = json!(temperature);
        let request = post(&path, &body, "connection: close\r\n");
        let text = |_| text_of(Dialect::OpenAiChat, &exchange(&stub, &request, PATIENCE).json());
        (0..20).map(text).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(texts(0.0).len(), 1);
    assert!(texts(1.0).len() > 1);
}

#[test]
fn chunks_may_be_cut_anywhere() {
    let whole = Stub::start(StubConfig::default()).unwrap();
    let cut = Stub::start(StubConfig { chunk_bytes: Some(3), ..StubConfig::default() }).unwrap();
    for dialect in Dialect::ALL {
        let [a, b] = [&whole, &cut].map(|stub| ask(stub, dialect, "m", "wörds änd ümlauts", true));
        assert_eq!(a.body(), b.body());
        assert!(b.bytes.len() > a.bytes.len());
    }
}

#[test]
fn waits_are_kept() {
    let wait = Latency::Fixed { ms: 60.0 };
    let stub = Stub::start(StubConfig { first_byte: wait, between_chunks: wait, ..StubConfig::default() }).unwrap();
    let begun = Instant::now();
    ask(&stub, Dialect::Anthropic, "m", "hi", false);
    assert!(begun.elapsed() >= Duration::from_millis(60));
    let begun = Instant::now();
    ask(&stub, Dialect::Anthropic, "m", "hi", true);
    // message_start, block start, ping, two deltas, block stop, message_delta, message_stop.
    assert!(begun.elapsed() >= Duration::from_millis(9 * 60));
}

#[test]
fn requests_that_are_none_are_told_so_in_the_dialect() {
    let stub = Stub::start(StubConfig { key: Some("k".to_owned()), ..StubConfig::default() }).unwrap();
    let send = |request: &str| exchange(&stub, request.as_bytes(), PATIENCE);
    let post = |path: &str, headers: &str, body: &str| {
        let length = body.len();
        send(&format!("POST {path} HTTP/1.1\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"))
    };
    assert_eq!(post("/v1/messages", "", "{}").json()["error"]["type"], "authentication_error");
    let malformed = post("/v1/messages", "x-api-key: k\r\n", "{\"model\": \"m\"}");
    assert_eq!((malformed.status(), malformed.json()["type"].clone()), (400, json!("error")));
    let malformed = post("/v1beta/models/m:generateContent", "x-goog-api-key: k\r\n", "]");
    assert_eq!(malformed.json()["error"]["status"], "INVALID_ARGUMENT");
    let key = "authorization: Bearer k\r\n";
    assert_eq!(post("/v1/nothing", key, "").status(), 404);
    assert_eq!(post("/v1/models", key, "").status(), 405);
    assert_eq!(send("nonsense\r\n\r\n").status(), 400);
    assert_eq!(post("/v1/chat/completions", key, "\u{0}").json()["error"]["type"], "invalid_request_error");
    let large = "POST /v1/responses HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n";
    assert_eq!(send(large).status(), 413);
}

#[test]
fn chunked_and_pipelined_requests_are_read() {
    let stub = Stub::start(StubConfig::default()).unwrap();
    let body = call(Dialect::OpenAiChat, "m", "hi", false).1.to_string();
    let (a, b) = body.split_at(20);
    let chunked = format!(
        "POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n",
        a.len(),
        b.len()
    );
    let both = format!("{chunked}GET /stats HTTP/1.1\r\nconnection: close\r\n\r\n");
    let received = exchange(&stub, both.as_bytes(), PATIENCE);
    let text = String::from_utf8(received.bytes).unwrap();
    assert!(text.contains("echo: hi") && text.contains("\"openai_chat\":1"), "{text}");
}
