//! Every failure in each dialect's shape.

use axum::body::Body;
use axum::http::Request;
use ph_endpoint::{ApiKey, EndpointOptions, ServedModel, router};
use ph_model::{ModelError, ModelErrorKind};
use serde_json::{Value, json};

use crate::client::{Answer, options, post, send, serving};
use crate::staged::Staged;

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/messages", "/v1/completions"];

fn ask(path: &str) -> Value {
    match path {
        "/v1/completions" => json!({ "model": "m", "prompt": "hi" }),
        _ => json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] }),
    }
}

/// Checks status and shape; `types` are OpenAI's type and code, then Anthropic's type.
fn check(path: &str, answer: &Answer, status: u16, types: (&str, Option<&str>, &str)) -> String {
    let body = answer.json();
    assert_eq!(answer.status, status, "{path}: {body}");
    let (openai, code, anthropic) = types;
    let error = &body["error"];
    if path.starts_with("/v1/messages") {
        assert_eq!((&body["type"], &error["type"]), (&json!("error"), &json!(anthropic)), "{path}: {body}");
    } else {
        assert_eq!((&error["type"], &error["code"]), (&json!(openai), &json!(code)), "{path}: {body}");
        assert!(error.as_object().unwrap().contains_key("param"));
    }
    error["message"].as_str().unwrap().to_owned()
}

const INVALID: (&str, Option<&str>, &str) = ("invalid_request_error", None, "invalid_request_error");

async fn raw(router: &axum::Router, path: &str, media: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header("host", "localhost").header("content-type", media);
    send(router, request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn bodies_that_are_not_requests() {
    let router = serving(Staged::saying(&["x"]));
    for path in PATHS {
        for body in ["", "{", "[]", "null", "\u{feff}{}", &"[".repeat(100_000), r#"{"model": "m"}"#, "{}"] {
            check(path, &raw(&router, path, "application/json", body.to_owned()).await, 400, INVALID);
        }
        check(path, &raw(&router, path, "application/json", vec![0xff, 0xfe]).await, 400, INVALID);
        for media in ["text/plain", "", "application/x-www-form-urlencoded"] {
            check(path, &raw(&router, path, media, ask(path).to_string()).await, 415, INVALID);
        }
        let large = raw(&router, path, "application/json", "x".repeat((4 << 20) + 1)).await;
        let types = ("invalid_request_error", Some("request_too_large"), "request_too_large");
        assert!(check(path, &large, 413, types).contains("`4194304` bytes"));
        let mut unknown = ask(path);
        unknown["model"] = json!("nobody\u{1b}[31m");
        let types = ("invalid_request_error", Some("model_not_found"), "not_found_error");
        let message = check(path, &post(&router, path, &unknown).await, 404, types);
        assert!(message.contains("`nobody[31m`") && message.contains("`m`"), "{message}");
    }
}

#[tokio::test]
async fn a_body_without_a_declared_length_is_cut_at_the_limit() {
    let options = EndpointOptions { body_bytes_max: 100, ..options() };
    let model = std::sync::Arc::new(Staged::saying(&["x"]));
    let router = router(vec![ServedModel { id: "m".into(), model }], options);
    let pieces = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 30]));
    let answer = raw(&router, PATHS[0], "application/json", Body::from_stream(pieces)).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let router = serving(Staged::saying(&["x"]));
    for path in ["/", "/v1/embeddings", "/v1/messages/batches", "/chat/completions"] {
        let types = ("invalid_request_error", Some("unknown_url"), "not_found_error");
        check(path, &post(&router, path, &json!({})).await, 404, types);
    }
    for path in PATHS {
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let answer = send(&router, request).await;
        check(path, &answer, 405, INVALID);
        assert_eq!(answer.headers["allow"], "POST");
    }
}

#[tokio::test]
async fn failures_of_the_model_keep_their_kind() {
    let server = ("server_error", None, "api_error");
    for (kind, status, types) in [
        (ModelErrorKind::InvalidRequest, 400, INVALID),
        (
            ModelErrorKind::ContextTooLong,
            400,
            ("invalid_request_error", Some("context_length_exceeded"), "invalid_request_error"),
        ),
        (ModelErrorKind::RateLimited, 429, ("rate_limit_error", Some("rate_limit_exceeded"), "rate_limit_error")),
        (ModelErrorKind::Model, 500, server),
        (ModelErrorKind::Unreachable, 502, server),
        (ModelErrorKind::MalformedReply, 502, server),
        (ModelErrorKind::Timeout, 504, ("server_error", None, "timeout_error")),
        (ModelErrorKind::AccessCut, 403, ("invalid_request_error", None, "permission_error")),
    ] {
        let mut failure = ModelError::new(kind, "as told");
        failure.retry_after_ms = Some(1500);
        let router = serving(Staged { failure: Some(failure), ..Staged::saying(&[]) });
        for path in &PATHS[..2] {
            for stream in [false, true] {
                let mut body = ask(path);
                body["stream"] = json!(stream);
                let answer = post(&router, path, &body).await;
                assert_eq!(check(path, &answer, status, types), "as told");
                assert_eq!(answer.headers["retry-after"], "2");
            }
        }
    }
    let overloaded = || ModelError::new(ModelErrorKind::Overloaded, "busy");
    let router = serving(Staged { failure: Some(overloaded()), ..Staged::saying(&[]) });
    assert_eq!(post(&router, PATHS[0], &ask(PATHS[0])).await.status, 503);
    assert_eq!(post(&router, PATHS[1], &ask(PATHS[1])).await.status, 529);
}

#[tokio::test]
async fn a_stream_that_breaks_says_so_and_does_not_look_whole() {
    let failure = ModelError::new(ModelErrorKind::Model, "broke");
    let router = serving(Staged { failure: Some(failure), ..Staged::saying(&["begun"]) });
    let mut body = ask(PATHS[0]);
    body["stream"] = json!(true);
    let events = post(&router, PATHS[0], &body).await.events();
    let last: Value = serde_json::from_str(&events.last().unwrap().1).unwrap();
    assert_eq!(last["error"]["message"], "broke");
    let mut body = ask(PATHS[1]);
    body["stream"] = json!(true);
    let events = post(&router, PATHS[1], &body).await.events();
    let (name, data) = events.last().unwrap();
    assert_eq!(
        (name.as_str(), serde_json::from_str::<Value>(data).unwrap()["error"]["type"].as_str()),
        ("error", Some("api_error"))
    );
}

#[tokio::test]
async fn a_panic_is_that_calls_failure() {
    let router = serving(Staged { panics: true, ..Staged::saying(&[]) });
    for path in &PATHS[..2] {
        let message = check(path, &post(&router, path, &ask(path)).await, 500, ("server_error", None, "api_error"));
        assert!(message.contains("a broken model"), "{message}");
    }
}

#[tokio::test]
async fn a_model_of_messages_alone_says_so() {
    let router = serving(Staged::saying(&["x"]));
    let message = check(PATHS[2], &post(&router, PATHS[2], &ask(PATHS[2])).await, 400, INVALID);
    assert!(message.contains("/v1/chat/completions"), "{message}");
    let count = "/v1/messages/count_tokens";
    check(count, &post(&router, count, &ask(count)).await, 400, INVALID);
}

#[tokio::test]
async fn only_the_key_opens() {
    let options = EndpointOptions { key: Some(ApiKey::new("0123456789abcdef-canary").unwrap()), ..options() };
    let model = std::sync::Arc::new(Staged::saying(&["x"]));
    let router = router(vec![ServedModel { id: "m".into(), model }], options);
    for path in PATHS.iter().take(2) {
        let with = |name: &'static str, value: &'static str| {
            Request::post(*path)
                .header("content-type", "application/json")
                .header(name, value)
                .body(Body::from(ask(path).to_string()))
                .unwrap()
        };
        let types = ("invalid_request_error", Some("invalid_api_key"), "authentication_error");
        for (name, value) in
            [("host", "localhost"), ("authorization", "Bearer wrong"), ("x-api-key", "0123456789abcdef-canarx")]
        {
            let answer = send(&router, with(name, value)).await;
            let message = check(path, &answer, 401, types);
            assert!(!message.contains("canar"), "{message}");
        }
        for (name, value) in
            [("authorization", "Bearer 0123456789abcdef-canary"), ("x-api-key", "0123456789abcdef-canary")]
        {
            assert_eq!(send(&router, with(name, value)).await.status, 200);
        }
    }
}

#[tokio::test]
async fn without_a_key_only_this_machines_names_are_answered() {
    let router = serving(Staged::saying(&["x"]));
    let with = |host: Option<&str>| {
        let request = Request::post(PATHS[0]).header("content-type", "application/json");
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        request.body(Body::from(ask(PATHS[0]).to_string())).unwrap()
    };
    for host in [None, Some("rebound.example"), Some("10.0.0.1:8080")] {
        assert_eq!(send(&router, with(host)).await.status, 403, "{host:?}");
    }
    assert_eq!(send(&router, with(Some("localhost:8080"))).await.status, 200);
}
