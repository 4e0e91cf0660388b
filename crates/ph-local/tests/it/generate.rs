//! What a request can ask for: length, stop texts, seeds, log-probabilities; and how calls end.

use std::time::Duration;

use ph_local::{LoadOptions, LocalModel, LocalRuntime, RuntimeOptions};
use ph_model::{GenerateConfig, Message, ModelApi, ModelErrorKind, ModelOutput, ModelRequest, StopReason};

use crate::tiny;

fn runtime(shape: &tiny::Shape) -> LocalRuntime {
    let model = LocalModel::load(&tiny::files(shape), &LoadOptions::default()).unwrap();
    LocalRuntime::start(model, RuntimeOptions::new("local:tiny".parse().unwrap())).unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn ask(runtime: &LocalRuntime, text: &str, config: GenerateConfig) -> ModelOutput {
    let request = ModelRequest { messages: vec![Message::user(text)], config, ..ModelRequest::default() };
    block_on(runtime.generate(&request)).unwrap().output
}

fn sampled(seed: u64) -> GenerateConfig {
    GenerateConfig { max_tokens: Some(40), temperature: Some(1.0), seed: Some(seed), ..GenerateConfig::default() }
}

#[test]
fn one_seed_one_text() {
    let runtime = runtime(&tiny::Shape::default());
    let text = |seed| ask(&runtime, "hello", sampled(seed)).message.text();
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}

#[test]
fn the_length_is_kept_and_counted() {
    let runtime = runtime(&tiny::Shape::default());
    let output = ask(&runtime, "hello", GenerateConfig { max_tokens: Some(3), ..GenerateConfig::default() });
    let usage = output.usage.unwrap();
    // <|user|> h e l l o <|end|> <|assistant|>
    assert_eq!((usage.input_tokens, usage.output_tokens), (8, 3));
    assert_eq!(output.stop_reason, StopReason::MaxTokens);
    assert_eq!(output.model, "local:tiny");
    assert_eq!(output.logprobs, None);
}

#[test]
fn a_full_context_ends_the_reply() {
    let runtime = runtime(&tiny::Shape { context: 32, ..tiny::Shape::default() });
    let endings: Vec<StopReason> = (0..12)
        .map(|seed| {
            let output = ask(&runtime, "hello", GenerateConfig { max_tokens: None, ..sampled(seed) });
            assert!(output.usage.unwrap().total_tokens() <= 32);
            output.stop_reason
        })
        .collect();
    assert!(endings.contains(&StopReason::ModelLength), "{endings:?}");
}

#[test]
fn a_stop_text_is_cut_wherever_it_falls() {
    let runtime = runtime(&tiny::Shape::default());
    let whole = ask(&runtime, "hello", sampled(3)).message.text();
    let characters: Vec<char> = whole.chars().collect();
    for start in 1..characters.len().min(20) {
        let stop: String = characters[start..(start + 3).min(characters.len())].iter().collect();
        let output = ask(&runtime, "hello", GenerateConfig { stop: vec![stop.clone()], ..sampled(3) });
        let expected = whole.split(stop.as_str()).next().unwrap();
        assert_eq!(output.message.text(), expected, "stop {stop:?} in {whole:?}");
        assert_eq!(output.stop_reason, StopReason::Stop);
    }
}

#[test]
fn log_probabilities_come_with_every_token() {
    let runtime = runtime(&tiny::Shape::default());
    let config =
        GenerateConfig { logprobs: true, top_logprobs: Some(4), max_tokens: Some(10), ..GenerateConfig::default() };
    let output = ask(&runtime, "hello", config);
    let logprobs = output.logprobs.unwrap();
    assert_eq!(logprobs.len() as u64, output.usage.unwrap().output_tokens);
    for token in &logprobs {
        assert_eq!(token.top.len(), 4);
        assert_eq!(token.top[0], token.chosen, "greedy takes the likeliest");
        assert!(token.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
        assert!(token.top.iter().map(|t| t.logprob.exp()).sum::<f64>() <= 1.0 + 1e-9);
    }
}

#[test]
fn senseless_requests_are_refused_with_their_kind() {
    let runtime = runtime(&tiny::Shape { context: 64, ..tiny::Shape::default() });
    let fail = |text: &str, config| {
        let request = ModelRequest { messages: vec![Message::user(text)], config, ..ModelRequest::default() };
        block_on(runtime.generate(&request)).unwrap_err()
    };
    let long = fail(&"x".repeat(100), GenerateConfig::default());
    assert_eq!(long.kind, ModelErrorKind::ContextTooLong);
    assert!(long.message.contains("`64`"), "{}", long.message);
    let hot = fail("x", GenerateConfig { temperature: Some(f64::INFINITY), ..GenerateConfig::default() });
    assert_eq!(hot.kind, ModelErrorKind::InvalidRequest);
}

#[test]
fn dropping_a_call_frees_its_place() {
    let model = LocalModel::load(&tiny::files(&tiny::Shape::reference()), &LoadOptions::default()).unwrap();
    let options = RuntimeOptions { batch: 1, ..RuntimeOptions::new("local:tiny".parse().unwrap()) };
    let runtime = LocalRuntime::start(model, options).unwrap();
    let endless = ModelRequest { messages: vec![Message::user("a")], ..ModelRequest::default() };
    block_on(async {
        let cut = tokio::time::timeout(Duration::from_millis(5), runtime.generate(&endless)).await;
        assert!(cut.is_err(), "two thousand tokens take longer than that");
        let config = GenerateConfig { max_tokens: Some(1), ..GenerateConfig::default() };
        let next = ModelRequest { config, ..endless.clone() };
        assert!(runtime.generate(&next).await.is_ok());
    });
}

#[test]
fn dropping_the_runtime_ends_its_workers() {
    let runtime = runtime(&tiny::Shape::reference());
    let request = ModelRequest { messages: vec![Message::user("a")], ..ModelRequest::default() };
    block_on(async {
        let cut = tokio::time::timeout(Duration::from_millis(5), runtime.generate(&request)).await;
        assert!(cut.is_err());
    });
    // Joins the workers: the test hangs here if they do not end.
    drop(runtime);
}

#[test]
fn memory_for_caches_is_bounded() {
    let model = LocalModel::load(&tiny::files(&tiny::Shape::reference()), &LoadOptions::default()).unwrap();
    let options = RuntimeOptions { kv_bytes_max: 1 << 20, ..RuntimeOptions::new("local:tiny".parse().unwrap()) };
    let message = LocalRuntime::start(model, options).unwrap_err().to_string();
    assert!(message.contains("4194304") && message.contains("1048576"), "{message}");
}

#[test]
fn the_fingerprint_is_the_models() {
    let runtime = runtime(&tiny::Shape::default());
    let files = tiny::files(&tiny::Shape::default());
    assert_eq!(ModelApi::fingerprint(&runtime), Some(files.fingerprint().unwrap()));
    let other = tiny::files(&tiny::Shape { seed: 8, ..tiny::Shape::default() });
    assert_ne!(files.fingerprint().unwrap(), other.fingerprint().unwrap());
}
