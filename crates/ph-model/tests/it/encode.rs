//! The request's body in each dialect.

use ph_model::wire::{Dialect, EncodeError, WireCall};
use ph_model::{
    Content, GenerateConfig, Message, ModelRequest, ReasoningEffort, ResponseSchema, ToolCall, ToolChoice,
    ToolDefinition,
};
use serde_json::{Value, json};

fn encode(dialect: Dialect, request: &ModelRequest, model: &str, stream: bool) -> Result<Value, EncodeError> {
    let bytes = dialect.encode(request, &WireCall { model, stream })?;
    Ok(serde_json::from_slice(&bytes).unwrap())
}

fn conversation() -> ModelRequest {
    let mut asked = Message::assistant("");
    let arguments = json!({ "at": "x" });
    asked.tool_calls.push(ToolCall { id: "c1".into(), function: "look".into(), arguments, parse_error: None });
    let mut failed = Message::tool("c1", "no such place");
    failed.extra.insert("error".into(), json!({ "type": "unknown", "message": "no such place" }));
    ModelRequest {
        messages: vec![Message::system("Be brief."), Message::user("Look."), asked, failed, Message::user("Again.")],
        tools: vec![ToolDefinition {
            name: "look".into(),
            description: "Looks.".into(),
            parameters: json!({ "type": "object" }),
        }],
        tool_choice: ToolChoice::Function("look".into()),
        config: GenerateConfig {
            max_tokens: Some(5),
            temperature: Some(0.0),
            seed: Some(u64::MAX),
            ..GenerateConfig::default()
        },
    }
}

#[test]
fn a_seed_is_in_the_body_where_the_dialect_says_so() {
    for dialect in Dialect::ALL {
        let body = encode(dialect, &conversation(), "m", false).unwrap().to_string();
        assert_eq!(body.contains("\"seed\""), dialect.has_seed(), "{dialect}");
    }
}

#[test]
fn openai_chat() {
    let body = encode(Dialect::OpenAiChat, &conversation(), "m", true).unwrap();
    let want = json!({
        "model": "m",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Look." },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{\"at\":\"x\"}" } },
            ] },
            { "role": "tool", "content": "no such place", "tool_call_id": "c1" },
            { "role": "user", "content": "Again." },
        ],
        "max_tokens": 5, "temperature": 0.0, "seed": i64::MAX,
        "tools": [{ "type": "function", "function": { "name": "look", "description": "Looks.", "parameters": { "type": "object" } } }],
        "tool_choice": { "type": "function", "function": { "name": "look" } },
        "stream": true, "stream_options": { "include_usage": true },
    });
    assert_eq!(body, want);
}

#[test]
fn openai_responses() {
    let body = encode(Dialect::OpenAiResponses, &conversation(), "m", false).unwrap();
    let want = json!({
        "model": "m",
        "input": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Look." },
            { "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"at\":\"x\"}" },
            { "type": "function_call_output", "call_id": "c1", "output": "no such place" },
            { "role": "user", "content": "Again." },
        ],
        "max_output_tokens": 5, "temperature": 0.0,
        "tools": [{ "type": "function", "name": "look", "description": "Looks.", "parameters": { "type": "object" }, "strict": false }],
        "tool_choice": { "type": "function", "name": "look" },
        "store": false,
    });
    assert_eq!(body, want);
}

#[test]
fn anthropic_messages() {
    let body = encode(Dialect::AnthropicMessages, &conversation(), "m", true).unwrap();
    let want = json!({
        "model": "m", "max_tokens": 5, "temperature": 0.0, "system": "Be brief.",
        "messages": [
            { "role": "user", "content": "Look." },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "c1", "name": "look", "input": { "at": "x" } }] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "c1", "content": "no such place", "is_error": true },
                { "type": "text", "text": "Again." },
            ] },
        ],
        "tools": [{ "name": "look", "description": "Looks.", "input_schema": { "type": "object" } }],
        "tool_choice": { "type": "tool", "name": "look" },
        "stream": true,
    });
    assert_eq!(body, want);
}

#[test]
fn google_generate_content() {
    let body = encode(Dialect::GoogleGenerateContent, &conversation(), "m", true).unwrap();
    let want = json!({
        "systemInstruction": { "parts": [{ "text": "Be brief." }] },
        "contents": [
            { "role": "user", "parts": [{ "text": "Look." }] },
            { "role": "model", "parts": [{ "functionCall": { "id": "c1", "name": "look", "args": { "at": "x" } } }] },
            { "role": "user", "parts": [
                { "functionResponse": { "id": "c1", "name": "look", "response": { "error": "no such place" } } },
                { "text": "Again." },
            ] },
        ],
        "tools": [{ "functionDeclarations": [{ "name": "look", "description": "Looks.", "parametersJsonSchema": { "type": "object" } }] }],
        "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["look"] } },
        "generationConfig": { "maxOutputTokens": 5, "temperature": 0.0, "seed": i32::MAX },
    });
    assert_eq!(body, want);
}

#[test]
fn tool_choices() {
    let check = |choice: ToolChoice, want: [Value; 4]| {
        let request = ModelRequest { tool_choice: choice, ..conversation() };
        for (dialect, want) in Dialect::ALL.into_iter().zip(want) {
            let mut body = encode(dialect, &request, "m", false).unwrap();
            let key = if dialect == Dialect::GoogleGenerateContent { "toolConfig" } else { "tool_choice" };
            assert_eq!(body[key].take(), want, "{dialect}");
        }
    };
    let mode = |mode: &str| json!({ "functionCallingConfig": { "mode": mode } });
    check(ToolChoice::Auto, [Value::Null, Value::Null, Value::Null, Value::Null]);
    check(ToolChoice::Any, [json!("required"), json!("required"), json!({ "type": "any" }), mode("ANY")]);
    check(ToolChoice::None, [json!("none"), json!("none"), json!({ "type": "none" }), mode("NONE")]);
}

fn with(config: GenerateConfig) -> ModelRequest {
    ModelRequest { messages: vec![Message::user("go")], config, ..ModelRequest::default() }
}

#[test]
fn structured_output_and_reasoning() {
    let schema = json!({ "type": "object" });
    let wanted =
        ResponseSchema { name: "answer".into(), json_schema: schema.clone(), description: None, strict: Some(true) };
    let request = with(GenerateConfig {
        response_schema: Some(wanted),
        reasoning_effort: Some(ReasoningEffort::Low),
        ..GenerateConfig::default()
    });
    let chat = encode(Dialect::OpenAiChat, &request, "o3", false).unwrap();
    let named = json!({ "name": "answer", "schema": schema, "strict": true });
    assert_eq!(chat["response_format"], json!({ "type": "json_schema", "json_schema": named }));
    assert_eq!(chat["reasoning_effort"], "low");
    let responses = encode(Dialect::OpenAiResponses, &request, "o3", false).unwrap();
    let format = json!({ "type": "json_schema", "name": "answer", "schema": schema, "strict": true });
    assert_eq!((&responses["text"]["format"], &responses["reasoning"]), (&format, &json!({ "effort": "low" })));
    assert_eq!(responses["include"], json!(["reasoning.encrypted_content"]));
    let anthropic = encode(Dialect::AnthropicMessages, &request, "c", false).unwrap();
    let output = json!({ "effort": "low", "format": { "type": "json_schema", "schema": schema } });
    assert_eq!((&anthropic["output_config"], &anthropic["thinking"]), (&output, &json!({ "type": "adaptive" })));
    let google = encode(Dialect::GoogleGenerateContent, &request, "g", false).unwrap();
    assert_eq!(google["generationConfig"]["responseJsonSchema"], schema);
    assert_eq!(
        google["generationConfig"]["thinkingConfig"],
        json!({ "thinkingLevel": "low", "includeThoughts": true })
    );
}

#[test]
fn a_reasoning_budget_leaves_room_for_the_answer() {
    let request = with(GenerateConfig { reasoning_tokens: Some(1_000), ..GenerateConfig::default() });
    let body = encode(Dialect::AnthropicMessages, &request, "c", false).unwrap();
    assert_eq!((&body["max_tokens"], &body["thinking"]["budget_tokens"]), (&json!(9_192), &json!(1_000)));
}

#[test]
fn max_tokens_has_the_name_that_the_model_knows() {
    let request = with(GenerateConfig { max_tokens: Some(7), ..GenerateConfig::default() });
    assert_eq!(encode(Dialect::OpenAiChat, &request, "gpt-4o", false).unwrap()["max_tokens"], 7);
    assert_eq!(encode(Dialect::OpenAiChat, &request, "gpt-5", false).unwrap()["max_completion_tokens"], 7);
}

#[test]
fn logprobs() {
    let request = with(GenerateConfig { logprobs: true, top_logprobs: Some(3), ..GenerateConfig::default() });
    let chat = encode(Dialect::OpenAiChat, &request, "m", false).unwrap();
    assert_eq!((&chat["logprobs"], &chat["top_logprobs"]), (&json!(true), &json!(3)));
    let responses = encode(Dialect::OpenAiResponses, &request, "m", false).unwrap();
    assert_eq!(
        (&responses["top_logprobs"], &responses["include"]),
        (&json!(3), &json!(["message.output_text.logprobs"]))
    );
    let google = encode(Dialect::GoogleGenerateContent, &request, "m", false).unwrap();
    assert_eq!(google["generationConfig"], json!({ "responseLogprobs": true, "logprobs": 3 }));
}

#[test]
fn what_an_api_cannot_say_is_refused() {
    let check = |dialect: Dialect, config: GenerateConfig, setting: &str| {
        let error = encode(dialect, &with(config), "m", false).unwrap_err().to_string();
        assert!(error.contains(&format!("`{setting}`")), "{error}");
    };
    let base = GenerateConfig::default;
    check(Dialect::AnthropicMessages, GenerateConfig { logprobs: true, ..base() }, "logprobs");
    check(Dialect::AnthropicMessages, GenerateConfig { presence_penalty: Some(1.0), ..base() }, "presence_penalty");
    check(Dialect::OpenAiResponses, GenerateConfig { top_k: Some(1), ..base() }, "top_k");
    check(Dialect::OpenAiResponses, GenerateConfig { stop: vec!["x".into()], ..base() }, "stop");
    check(Dialect::OpenAiChat, GenerateConfig { reasoning_tokens: Some(1), ..base() }, "reasoning_tokens");
    let orphan = ModelRequest { messages: vec![Message::tool("lost", "x")], ..ModelRequest::default() };
    let error = encode(Dialect::GoogleGenerateContent, &orphan, "m", false).unwrap_err();
    assert_eq!(error, EncodeError::UnknownToolCall { id: "lost".into() });
}

#[test]
fn parts_of_other_kinds_go_as_they_are() {
    let image = json!({ "type": "image_url", "image_url": { "url": "data:," } });
    let parts = serde_json::from_value::<Content>(json!([{ "type": "text", "text": "See" }, image])).unwrap();
    let request = ModelRequest { messages: vec![Message::user(parts)], ..ModelRequest::default() };
    for dialect in Dialect::ALL {
        assert!(encode(dialect, &request, "m", false).unwrap().to_string().contains("image_url"), "{dialect}");
    }
}

#[test]
fn settings_of_older_records_still_read() {
    let config: GenerateConfig = serde_json::from_str(r#"{"max_tokens":3,"temperature":0.5}"#).unwrap();
    assert_eq!(serde_json::to_string(&config).unwrap(), r#"{"max_tokens":3,"temperature":0.5}"#);
    let old = GenerateConfig { top_k: Some(1), ..config.clone() };
    assert_eq!(config.over(&old).top_k, Some(1));
}
