//! Over a tiny local model: the same as in-process, streamed or not, whatever runs beside it.

use std::sync::Arc;

use axum::Router;
use futures::future::join_all;
use ph_endpoint::{ServedModel, router};
use ph_local::{LoadOptions, LocalModel, LocalRuntime, RuntimeOptions};
use ph_model::{GenerateConfig, Message, ModelApi as _, ModelRequest, ToolDefinition};
use serde_json::{Value, json};

use crate::client::{options, post};
use crate::tiny;

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

fn model() -> LocalModel {
    LocalModel::load(&tiny::files(&tiny::Shape::default()), &LoadOptions::default()).unwrap()
}

fn served() -> (Arc<LocalRuntime>, Router) {
    let options_of_runtime = RuntimeOptions::new("local:tiny".parse().unwrap());
    let runtime = Arc::new(LocalRuntime::start(model(), options_of_runtime).unwrap());
    let served = ServedModel { id: "tiny".to_owned(), model: Arc::clone(&runtime) as _ };
    (runtime, router(vec![served], options()))
}

/// A request in-process and the same over HTTP.
fn pair(seed: u64) -> (ModelRequest, Value) {
    let stop = if seed % 3 == 1 { vec!["e".to_owned(), "zz".to_owned()] } else { Vec::new() };
    let tool = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let has_tools = seed % 4 == 2;
    let request = ModelRequest {
        messages: vec![Message::system("be brief"), Message::user(format!("hello {seed} é"))],
        tools: if has_tools {
            vec![ToolDefinition { name: "weather".into(), description: "d".into(), parameters: tool.clone() }]
        } else {
            Vec::new()
        },
        config: GenerateConfig {
            max_tokens: Some(30),
            temperature: Some(1.0),
            top_p: seed.is_multiple_of(2).then_some(0.9),
            stop: stop.clone(),
            seed: Some(u64::MAX - seed),
            logprobs: true,
            top_logprobs: Some(3),
            ..GenerateConfig::default()
        },
        ..ModelRequest::default()
    };
    let mut body = json!({
        "model": "tiny", "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": format!("hello {seed} é") }],
        "max_tokens": 30, "temperature": 1.0, "stop": stop, "seed": u64::MAX - seed, "logprobs": true, "top_logprobs": 3
    });
    if seed.is_multiple_of(2) {
        body["top_p"] = json!(0.9);
    }
    if has_tools {
        body["tools"] =
            json!([{ "type": "function", "function": { "name": "weather", "description": "d", "parameters": tool } }]);
    }
    (request, body)
}

/// The number after the way through JSON, whose reader may miss the last bit.
fn as_json(number: f64) -> f64 {
    serde_json::from_str(&serde_json::to_string(&number).unwrap()).unwrap()
}

async fn streamed(router: &Router, path: &str, mut body: Value) -> (String, Vec<Value>) {
    body["stream"] = json!(true);
    let chunks = post(router, path, &body).await.chunks();
    let text = |chunk: &Value| {
        let choice = &chunk["choices"][0];
        choice["delta"]["content"].as_str().or(choice["text"].as_str()).unwrap_or_default().to_owned()
    };
    (chunks.iter().map(text).collect(), chunks)
}

#[tokio::test]
async fn a_reply_is_the_same_in_process_and_over_http() {
    let (runtime, router) = served();
    let mut texts = std::collections::BTreeSet::new();
    for seed in 0..24 {
        let (request, body) = pair(seed);
        let inside = runtime.generate(&request).await.unwrap().output;
        let outside = post(&router, CHAT, &body).await.json();
        let choice = &outside["choices"][0];
        let text = inside.message.text();
        assert_eq!(choice["message"]["content"], text.as_str(), "seed {seed}");
        assert_eq!(outside["usage"]["completion_tokens"], inside.usage.unwrap().output_tokens);
        let logprobs = inside.logprobs.unwrap();
        let logprobs: Vec<f64> = logprobs.iter().map(|token| as_json(token.chosen.logprob)).collect();
        let listed = choice["logprobs"]["content"].as_array().unwrap();
        let outside: Vec<f64> = listed.iter().map(|token| token["logprob"].as_f64().unwrap()).collect();
        assert_eq!(outside, logprobs, "seed {seed}");
        assert_eq!(streamed(&router, CHAT, body).await.0, text, "seed {seed} streamed");
        texts.insert(text);
    }
    assert!(texts.len() > 20, "the replies must differ for this test to mean something");
}

#[tokio::test]
async fn neighbours_change_nothing() {
    let (_, router) = served();
    let mut alone = Vec::new();
    for seed in 0..24 {
        alone.push(post(&router, CHAT, &pair(seed).1).await.json()["choices"].clone());
    }
    let together = join_all((0..24).map(|seed| {
        let router = router.clone();
        async move {
            let body = pair(seed).1;
            let (streamed, whole) = (streamed(&router, CHAT, body.clone()), post(&router, CHAT, &body));
            let ((text, _), whole) = futures::join!(streamed, whole);
            (text, whole.json()["choices"].clone())
        }
    }))
    .await;
    for (alone, (text, whole)) in alone.iter().zip(&together) {
        assert_eq!(whole, alone);
        assert_eq!(alone[0]["message"]["content"], text.as_str());
    }
}

#[tokio::test]
async fn a_stream_comes_piece_by_piece() {
    let (_, router) = served();
    let mut most = 0;
    for seed in 0..5 {
        let body = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "hello" }], "max_tokens": 40,
            "temperature": 1, "seed": seed });
        let (text, chunks) = streamed(&router, CHAT, body).await;
        assert!(!text.is_empty());
        most = most.max(chunks.len());
    }
    assert!(most > 15, "{most} chunks");
}

/// Natural logarithms of the probabilities of each token after those before it.
fn expected_logprobs(tokens: &[u32]) -> Vec<f64> {
    let lines = model().logits(tokens).unwrap();
    let score = |(line, token): (&Vec<f32>, &u32)| {
        let total: f64 = line.iter().map(|logit| f64::from(*logit).exp()).sum();
        f64::from(line[*token as usize]) - total.ln()
    };
    lines.iter().zip(&tokens[1..]).map(score).collect()
}

#[tokio::test]
async fn the_prompts_own_log_probabilities_come_back() {
    let (_, router) = served();
    let prompt = "log likelihood é of a prompt that takes several passes";
    let tokens = tiny::tokenizer().encode(prompt).unwrap();
    let expected = expected_logprobs(&tokens);
    let forms = [json!(prompt), json!(tokens), json!([prompt]), json!([tokens])];
    for form in forms {
        let body = json!({ "model": "tiny", "prompt": form, "max_tokens": 0, "echo": true, "logprobs": 2 });
        let reply = post(&router, COMPLETIONS, &body).await.json();
        let choice = &reply["choices"][0];
        assert_eq!((&choice["text"], &choice["finish_reason"]), (&json!(prompt), &json!("length")));
        assert_eq!(reply["usage"]["completion_tokens"], 0);
        let lists = &choice["logprobs"];
        let got = lists["token_logprobs"].as_array().unwrap();
        assert_eq!((got.len(), &got[0]), (tokens.len(), &Value::Null));
        for (got, expected) in got[1..].iter().zip(&expected) {
            assert!((got.as_f64().unwrap() - expected).abs() < 1e-5, "{got} {expected}");
        }
        for name in ["tokens", "top_logprobs", "text_offset"] {
            assert_eq!(lists[name].as_array().unwrap().len(), tokens.len(), "{name}");
        }
        assert_eq!(lists["tokens"][0], "l");
        assert_eq!(lists["text_offset"][16], 15, "the second byte of é begins where é does");
        assert!(lists["top_logprobs"][1].as_object().unwrap().len() >= 2);
    }
}

#[tokio::test]
async fn a_continuation_with_echo_goes_on_from_the_prompt() {
    let (_, router) = served();
    let ask = |more: Value| {
        let mut body =
            json!({ "model": "tiny", "prompt": ["one", "two"], "max_tokens": 12, "temperature": 1, "seed": 5 });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let plain = post(&router, COMPLETIONS, &ask(json!({ "logprobs": 0 }))).await.json();
    let echoed = post(&router, COMPLETIONS, &ask(json!({ "echo": true, "logprobs": 0 }))).await.json();
    for (n, prompt) in ["one", "two"].iter().enumerate() {
        let (plain, echoed) = (&plain["choices"][n], &echoed["choices"][n]);
        assert_eq!(echoed["text"], format!("{prompt}{}", plain["text"].as_str().unwrap()));
        let list = |choice: &Value| choice["logprobs"]["token_logprobs"].as_array().unwrap().clone();
        assert_eq!(list(echoed)[3..], list(plain)[..], "the generated tokens score alike");
    }
    let single =
        json!({ "model": "tiny", "prompt": "one", "max_tokens": 12, "temperature": 1, "seed": 5, "echo": true });
    assert_eq!(streamed(&router, COMPLETIONS, single).await.0, echoed["choices"][0]["text"]);
    let (_, chunks) = streamed(&router, COMPLETIONS, ask(json!({ "stream_options": { "include_usage": true } }))).await;
    let seen: Vec<u64> = chunks.iter().filter_map(|chunk| chunk["choices"][0]["index"].as_u64()).collect();
    assert!(seen.contains(&0) && seen.contains(&1));
    assert_eq!(chunks.last().unwrap()["usage"], plain["usage"]);
}

#[tokio::test]
async fn prompts_that_cannot_be_run_are_named() {
    let (_, router) = served();
    for (prompt, code) in [
        (json!(""), Value::Null),
        (json!([99_999]), Value::Null),
        (json!("x".repeat(300)), json!("context_length_exceeded")),
    ] {
        let answer = post(&router, COMPLETIONS, &json!({ "model": "tiny", "prompt": prompt })).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (400, &code), "{prompt}");
    }
    let long = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "x".repeat(300) }] });
    assert_eq!(post(&router, CHAT, &long).await.json()["error"]["code"], "context_length_exceeded");
    let hot = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "x" }], "temperature": -1 });
    let answer = post(&router, CHAT, &hot).await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("temperature"));
}

#[tokio::test]
async fn anthropic_messages_say_what_chat_says() {
    let (_, router) = served();
    let messages = json!([{ "role": "user", "content": "hello" }]);
    let chat = json!({ "model": "tiny", "messages": messages, "max_tokens": 30, "seed": 9, "temperature": 1 });
    let whole = post(&router, CHAT, &chat).await.json();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    let message = post(&router, "/v1/messages", &chat).await.json();
    assert_eq!(message["content"][0]["text"], text);
    let count = post(&router, "/v1/messages/count_tokens", &chat).await.json();
    assert_eq!(count["input_tokens"], whole["usage"]["prompt_tokens"]);
    let stop: String = text.chars().skip(4).take(2).collect();
    let mut stopped = chat.clone();
    stopped["stop_sequences"] = json!([stop]);
    let message = post(&router, "/v1/messages", &stopped).await.json();
    assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!("stop_sequence"), &json!(stop)));
    stopped["stream"] = json!(true);
    let events = post(&router, "/v1/messages", &stopped).await.events();
    let data: Vec<Value> = events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
    let streamed: String = data.iter().filter_map(|data| data["delta"]["text"].as_str()).collect();
    assert_eq!(message["content"][0]["text"], streamed.as_str());
    assert_eq!(data[0]["message"]["usage"]["input_tokens"], count["input_tokens"]);
    assert_eq!(data[data.len() - 2]["delta"]["stop_sequence"], stop.as_str());
}
