//! The Anthropic dialect's shapes and the order of its events.

use axum::body::Body;
use axum::http::Request;
use ph_model::StopReason;
use serde_json::{Value, json};

use crate::client::{post, send, serving};
use crate::staged::Staged;

const MESSAGES: &str = "/v1/messages";

fn ask(more: Value) -> Value {
    let mut body = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_message_has_every_field_that_clients_read() {
    let router = serving(Staged::calling(&["Look."]));
    let mut message = post(&router, MESSAGES, &ask(json!({}))).await.json();
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
    message["id"] = json!("");
    let call = |n: u32, city: &str| json!({ "type": "tool_use", "id": format!("call-{n}"), "name": "weather", "input": { "city": city } });
    assert_eq!(
        message,
        json!({
            "id": "", "type": "message", "role": "assistant", "model": "m",
            "content": [{ "type": "text", "text": "Look." }, call(1, "Oslo"), call(2, "Rome")],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": { "input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0 }
        })
    );
}

#[tokio::test]
async fn every_end_has_its_reason() {
    for (stop, stop_text, reason) in [
        (StopReason::Stop, None, "end_turn"),
        (StopReason::Stop, Some("END"), "stop_sequence"),
        (StopReason::MaxTokens, None, "max_tokens"),
        (StopReason::ModelLength, None, "model_context_window_exceeded"),
        (StopReason::ContentFilter, None, "refusal"),
    ] {
        let router = serving(Staged { stop, stop_text, ..Staged::saying(&["x"]) });
        let message = post(&router, MESSAGES, &ask(json!({}))).await.json();
        assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!(reason), &json!(stop_text)));
    }
}

#[tokio::test]
async fn events_come_in_the_dialects_order() {
    let router = serving(Staged::calling(&["Lo", "ok."]));
    let events = post(&router, MESSAGES, &ask(json!({ "stream": true }))).await.events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    let mut expected = vec!["message_start", block[0], block[1], block[1], block[2]];
    expected.extend(block);
    expected.extend(block);
    expected.extend(["message_delta", "message_stop"]);
    assert_eq!(names, expected);
    let data: Vec<Value> = events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
    assert!(data.iter().zip(&names).all(|(data, name)| data["type"] == *name));
    assert_eq!(data[3]["delta"], json!({ "type": "text_delta", "text": "ok." }));
    assert_eq!((&data[5]["index"], &data[5]["content_block"]["name"]), (&json!(1), &json!("weather")));
    assert_eq!(data[6]["delta"]["partial_json"], r#"{"city":"Oslo"}"#);
    assert_eq!((&data[8]["index"], &data[10]["index"]), (&json!(2), &json!(2)));
    assert_eq!(data[11]["delta"]["stop_reason"], "tool_use");
    assert_eq!(data[11]["usage"]["output_tokens"], 2);
}

#[tokio::test]
async fn an_empty_reply_has_no_block() {
    let router = serving(Staged::saying(&[]));
    let events = post(&router, MESSAGES, &ask(json!({ "stream": true }))).await.events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["message_start", "message_delta", "message_stop"]);
    assert_eq!(post(&router, MESSAGES, &ask(json!({}))).await.json()["content"], json!([]));
}

#[tokio::test]
async fn models_are_listed_in_the_callers_dialect() {
    let router = serving(Staged::saying(&[]));
    let request = Request::get("/v1/models").header("host", "localhost").header("anthropic-version", "2023-06-01");
    let list = send(&router, request.body(Body::empty()).unwrap()).await.json();
    assert_eq!(
        (&list["data"][0]["type"], &list["first_id"], &list["has_more"]),
        (&json!("model"), &json!("m"), &json!(false))
    );
}
