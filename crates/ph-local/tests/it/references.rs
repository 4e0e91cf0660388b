//! Agreement with other runtimes: Hugging Face `transformers` (committed fixtures) and a NumPy forward pass (run now).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ph_local::{LoadOptions, LocalModel, LocalRuntime, ModelFiles, RuntimeOptions};
use ph_model::{GenerateConfig, Message, ModelApi, ModelRequest, ToolCall, ToolDefinition};
use serde_json::Value;

use crate::tiny;

/// Names the Python that has NumPy; `cargo xtask ci` prepares one.
const PYTHON_VARIABLE: &str = "PROOFHOUSE_PYTHON";
const FIXTURES: [&str; 3] = ["f32-shards", "bf16-bias", "f16-linear"];
const TOLERANCE: f64 = 1e-4;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn load(path: &Path) -> LocalModel {
    LocalModel::load(&ModelFiles::directory(path), &LoadOptions::default()).unwrap()
}

fn expected(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(name).join("expected.json")).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn largest_difference(ours: &[Vec<f32>], theirs: &[Vec<f64>]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().flatten().zip(theirs.iter().flatten());
    pairs.map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

#[test]
fn logits_agree_with_transformers() {
    for name in FIXTURES {
        let (model, expected) = (load(&fixture(name)), expected(name));
        let tokens = ids(&expected["ids"]);
        assert_eq!(model.tokenizer().encode(expected["text"].as_str().unwrap()).unwrap(), tokens, "{name}");
        let bytes = std::fs::read(fixture(name).join("logits.f32")).unwrap();
        let values: Vec<f64> = bytes.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect();
        let theirs: Vec<Vec<f64>> = values.chunks_exact(model.config().vocab_size).map(<[f64]>::to_vec).collect();
        let difference = largest_difference(&model.logits(&tokens).unwrap(), &theirs);
        assert!(difference <= TOLERANCE, "{name}: {difference}");
        let spread = values.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        assert!(spread > 1.0, "{name}: logits this small would agree by chance: {spread}");
    }
}

#[test]
fn chat_templates_render_as_in_transformers() {
    for name in FIXTURES {
        let model = load(&fixture(name));
        for case in expected(name)["rendered"].as_array().unwrap() {
            let messages: Vec<Message> = case["messages"].as_array().unwrap().iter().map(message).collect();
            let tools: Vec<ToolDefinition> = match &case["tools"] {
                Value::Array(list) => {
                    list.iter().map(|t| serde_json::from_value(t["function"].clone()).unwrap()).collect()
                }
                _ => Vec::new(),
            };
            let text = model.template().render(&messages, &tools).unwrap();
            assert_eq!(text, case["text"].as_str().unwrap(), "{name}: {}", case["name"]);
        }
    }
}

/// A message from its OpenAI form.
fn message(value: &Value) -> Message {
    let mut value = value.clone();
    let calls = value.as_object_mut().unwrap().remove("tool_calls");
    let mut message: Message = serde_json::from_value(value).unwrap();
    for call in calls.iter().flat_map(|calls| calls.as_array().unwrap()) {
        message.tool_calls.push(ToolCall {
            id: call["id"].as_str().unwrap().to_owned(),
            function: call["function"]["name"].as_str().unwrap().to_owned(),
            arguments: call["function"]["arguments"].clone(),
            parse_error: None,
        });
    }
    message
}

#[test]
fn greedy_replies_are_those_of_transformers() {
    for name in FIXTURES {
        let (model, expected) = (load(&fixture(name)), expected(name));
        let mut tokens = ids(&expected["prompt_ids"]);
        for want in ids(&expected["greedy"]) {
            let last = model.logits(&tokens).unwrap().pop().unwrap();
            let best = (0..last.len()).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap();
            assert_eq!(best as u32, want, "{name} after {} tokens", tokens.len());
            tokens.push(want);
        }
    }
}

#[test]
fn the_runtime_replies_as_transformers_does() {
    let (name, tokio) = ("bf16-bias", tokio::runtime::Builder::new_current_thread().build().unwrap());
    let expected = expected(name);
    let runtime = LocalRuntime::start(load(&fixture(name)), RuntimeOptions::new("local:f".parse().unwrap())).unwrap();
    let config = GenerateConfig { max_tokens: Some(24), ..GenerateConfig::default() };
    let request = ModelRequest { messages: vec![Message::user("go")], config, ..ModelRequest::default() };
    let output = tokio.block_on(runtime.generate(&request)).unwrap().output;
    assert_eq!(output.message.text(), expected["greedy_text"].as_str().unwrap());
}

#[test]
fn logits_agree_with_numpy() {
    let Some(python) = python_with_numpy() else {
        ph_testkit::skip!("no Python with NumPy: set PROOFHOUSE_PYTHON");
    };
    let tokens: Vec<u32> = (0..60).map(|n| n * 31 % 256).collect();
    let made = tempfile::tempdir().unwrap();
    for (file, bytes) in tiny::map(&tiny::Shape { bias: true, ..tiny::Shape::reference() }) {
        std::fs::write(made.path().join(file), bytes).unwrap();
    }
    let mut directories: Vec<PathBuf> = FIXTURES.iter().map(|name| fixture(name)).collect();
    directories.push(made.path().to_owned());
    directories.extend(reference_models());
    for path in directories {
        let theirs = numpy_logits(&python, &path, &tokens);
        let difference = largest_difference(&load(&path).logits(&tokens).unwrap(), &theirs);
        assert!(difference <= TOLERANCE, "{}: {difference}", path.display());
    }
}

/// The reference models that are there: files that are still empty have not been trained yet.
fn reference_models() -> Vec<PathBuf> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference");
    let trained = |path: &PathBuf| path.join("model.safetensors").metadata().is_ok_and(|file| file.len() > 0);
    let entries = std::fs::read_dir(reference).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(trained).collect()
}

fn python_with_numpy() -> Option<String> {
    let python = std::env::var(PYTHON_VARIABLE).unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy"]).output().ok()?.status.success();
    found.then_some(python)
}

fn numpy_logits(python: &str, model: &Path, tokens: &[u32]) -> Vec<Vec<f64>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy_forward.py");
    let mut child = Command::new(python)
        .args([script.as_os_str(), model.as_os_str()])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(tokens).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", model.display());
    serde_json::from_slice(&output.stdout).unwrap()
}
