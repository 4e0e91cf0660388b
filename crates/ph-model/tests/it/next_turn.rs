//! What the model said goes back on the next turn as it came: text, reasoning with its signature, calls in their place.

use ph_model::wire::{Dialect, WireCall};
use ph_model::{Message, ModelRequest};
use serde_json::{Value, json};

use crate::corpus;

fn body(dialect: Dialect, messages: Vec<Message>) -> Value {
    let request = ModelRequest { messages, ..ModelRequest::default() };
    let bytes = dialect.encode(&request, &WireCall { model: "m", stream: false }).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The body of the turn after the reply `name`, its message having gone through a record.
fn next(dialect: Dialect, name: &str) -> Value {
    let output = dialect.decode(&corpus::read(dialect, &format!("{name}.json"))).unwrap();
    let recorded = serde_json::to_string(&output.message).unwrap();
    let message: Message = serde_json::from_str(&recorded).unwrap();
    let results: Vec<Message> = message.tool_calls.iter().map(|call| Message::tool(&call.id, "done")).collect();
    let mut messages = vec![Message::user("go"), message];
    messages.extend(results);
    body(dialect, messages)
}

#[test]
fn chat() {
    let turn = next(Dialect::OpenAiChat, "tools");
    let said = &turn["messages"][1];
    assert_eq!(said["reasoning_content"], "I need both.");
    assert_eq!(said["content"], Value::Null);
    assert_eq!(said["tool_calls"][0]["id"], "call_a");
    assert_eq!(said["tool_calls"][0]["function"]["arguments"], r#"{"at":"x","n":[1,2.5]}"#);
    assert_eq!(said["tool_calls"][2]["function"]["arguments"], "{\"at\": ");
    assert_eq!(turn["messages"][2], json!({ "role": "tool", "content": "done", "tool_call_id": "call_a" }));
    let vendor = next(Dialect::OpenAiChat, "vendor");
    assert_eq!(vendor["messages"][1]["reasoning"], "2+2");
    assert_eq!(vendor["messages"][1]["reasoning_details"][0]["text"], "2+2");
    assert_eq!(vendor["messages"][1].get("provider"), None);
    let refused = next(Dialect::OpenAiChat, "refused");
    assert_eq!(refused["messages"][1], json!({ "role": "assistant", "content": null, "refusal": "I cannot." }));
}

#[test]
fn responses_items_keep_their_order() {
    let turn = next(Dialect::OpenAiResponses, "tools");
    let kinds: Vec<&str> =
        turn["input"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap_or("said")).collect();
    let output = "function_call_output";
    let want = [
        "said",
        "reasoning",
        "message",
        "function_call",
        "reasoning",
        "function_call",
        "function_call",
        output,
        output,
        output,
    ];
    assert_eq!(kinds, want);
    let first = &turn["input"][1];
    assert_eq!((first["id"].as_str(), first["encrypted_content"].as_str()), (Some("rs_1"), Some("gAAAA==")));
    assert_eq!(turn["input"][4]["summary"], json!([]));
    assert_eq!(turn["input"][7], json!({ "type": output, "call_id": "call_a", "output": "done" }));
    assert_eq!(next(Dialect::OpenAiResponses, "text")["input"][1]["phase"], "final_answer");
}

#[test]
fn anthropic_blocks() {
    let turn = next(Dialect::AnthropicMessages, "tools");
    let said = turn["messages"][1]["content"].as_array().unwrap();
    assert_eq!(said[0], json!({ "type": "thinking", "thinking": "I need both.", "signature": "c2ln" }));
    assert_eq!(said[1], json!({ "type": "redacted_thinking", "data": "cmVk" }));
    assert_eq!(
        said[3],
        json!({ "type": "tool_use", "id": "toolu_a", "name": "look", "input": { "at": "x", "n": [1, 2.5] } })
    );
    assert_eq!(said[5]["input"], json!({ "INVALID_JSON": "{\"at\": " }));
    assert_eq!(turn["messages"].as_array().unwrap().len(), 3);
    let results = turn["messages"][2]["content"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0], json!({ "type": "tool_result", "tool_use_id": "toolu_a", "content": "done" }));
    let vendor = next(Dialect::AnthropicMessages, "vendor");
    assert_eq!(vendor["messages"][1]["content"][0]["type"], "server_tool_use");
}

#[test]
fn google_parts() {
    let turn = next(Dialect::GoogleGenerateContent, "tools");
    let said = turn["contents"][1]["parts"].as_array().unwrap();
    assert_eq!(said[0], json!({ "text": "I need both.", "thought": true }));
    let call = json!({ "id": "fc1", "name": "look", "args": { "at": "x", "n": [1, 2.5] } });
    assert_eq!(said[2], json!({ "functionCall": call, "thoughtSignature": "c2ln" }));
    // An id that we made is never told to the provider.
    assert_eq!(said[3], json!({ "functionCall": { "name": "stop", "args": {} } }));
    let results = turn["contents"][2]["parts"].as_array().unwrap();
    assert_eq!(
        results[0],
        json!({ "functionResponse": { "id": "fc1", "name": "look", "response": { "output": "done" } } })
    );
    assert_eq!(results[1], json!({ "functionResponse": { "name": "stop", "response": { "output": "done" } } }));
    let signed = next(Dialect::GoogleGenerateContent, "signed");
    assert_eq!(signed["contents"][1]["parts"][0], json!({ "text": "Four", "thoughtSignature": "c2ln" }));
}

#[test]
fn what_one_api_kept_is_not_told_to_another() {
    for from in Dialect::ALL {
        let message = from.decode(&corpus::read(from, "tools.json")).unwrap().message;
        for to in Dialect::ALL.into_iter().filter(|to| *to != from) {
            let said = body(to, vec![Message::user("go"), message.clone()]).to_string();
            for private in ["c2ln", "cmVk", "gAAAA", "reasoning_content", "I need both"] {
                assert!(!said.contains(private), "{from} → {to}: {said}");
            }
        }
    }
}
