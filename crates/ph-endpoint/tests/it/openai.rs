//! The OpenAI dialect's shapes.

use serde_json::{Value, json};

use crate::client::{get, post, serving};
use crate::staged::Staged;

const CHAT: &str = "/v1/chat/completions";

fn ask(more: Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_reply_has_every_field_that_clients_read() {
    let router = serving(Staged::calling(&["Look."]));
    let answer = post(&router, CHAT, &ask(json!({}))).await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains_key("x-request-id"));
    let mut reply = answer.json();
    assert!(reply["id"].as_str().unwrap().starts_with("chatcmpl-"));
    reply["id"] = json!("");
    let call = |n: u32, arguments: &str| json!({ "id": format!("call-{n}"), "type": "function", "function": { "name": "weather", "arguments": arguments } });
    assert_eq!(
        reply,
        json!({
            "id": "", "object": "chat.completion", "created": 1_795_333_411, "model": "m", "system_fingerprint": null,
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant", "content": "Look.", "refusal": null,
                    "tool_calls": [call(1, r#"{"city":"Oslo"}"#), call(2, r#"{"city":"Rome"}"#)]
                },
                "logprobs": null, "finish_reason": "tool_calls"
            }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 }
        })
    );
    let silent = serving(Staged::calling(&[]));
    let message = post(&silent, CHAT, &ask(json!({}))).await.json()["choices"][0]["message"].clone();
    assert_eq!(message["content"], Value::Null, "a reply of calls alone has no text");
}

#[tokio::test]
async fn a_stream_says_the_same_piece_by_piece() {
    let router = serving(Staged::calling(&["Lo", "", "ok."]));
    let body = ask(json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let chunks = post(&router, CHAT, &body).await.chunks();
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0]["role"], "assistant");
    assert_eq!((&deltas[1]["content"], &deltas[2]["content"]), (&json!("Lo"), &json!("ok.")));
    let calls = deltas[3]["tool_calls"].as_array().unwrap();
    assert_eq!((&calls[1]["index"], &calls[1]["function"]["arguments"]), (&json!(1), &json!(r#"{"city":"Rome"}"#)));
    assert_eq!(chunks[4]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!((&chunks[5]["choices"], &chunks[5]["usage"]["total_tokens"]), (&json!([]), &json!(5)));
    assert_eq!(chunks.len(), 6);
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == chunks[0]["id"]));
}

#[tokio::test]
async fn a_model_that_cannot_stream_is_streamed_whole() {
    let router = serving(ph_testkit::ScriptedModel::saying("all at once"));
    let chunks = post(&router, CHAT, &ask(json!({ "stream": true }))).await.chunks();
    assert_eq!(chunks[1]["choices"][0]["delta"]["content"], "all at once");
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn models_are_listed_and_found_by_either_name() {
    let router = serving(Staged::saying(&[]));
    let list = get(&router, "/v1/models").await.json();
    assert_eq!((&list["object"], &list["data"][0]["id"]), (&json!("list"), &json!("m")));
    for path in ["/v1/models/m", "/v1/models/reference/staged", "/v1/models/reference%2Fstaged"] {
        assert_eq!(get(&router, path).await.json()["id"], "m", "{path}");
    }
    assert_eq!(get(&router, "/v1/models/other").await.status, 404);
    let by_target = post(&router, CHAT, &ask(json!({ "model": "reference/staged" }))).await;
    assert_eq!(by_target.json()["model"], "m");
}
