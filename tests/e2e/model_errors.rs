//! Broken model directories: the program names the file and what to do, and ends with exit code 3.

use std::path::{Path, PathBuf};

use crate::program::{proofhouse, run_in, talk};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/sound");

/// A copy of a reference model in which one file is changed.
fn broken(folder: &Path, (name, file): (&str, &str), change: impl Fn(Vec<u8>) -> Option<Vec<u8>>) -> PathBuf {
    let dir = folder.join(name);
    std::fs::create_dir(&dir).unwrap();
    for entry in std::fs::read_dir(REFERENCE).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
    }
    match change(std::fs::read(dir.join(file)).unwrap()) {
        Some(bytes) => std::fs::write(dir.join(file), bytes).unwrap(),
        None => std::fs::remove_file(dir.join(file)).unwrap(),
    }
    dir
}

/// The header of a safetensors file with one text replaced by another of the same length.
fn header_edit(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
    assert!(header.contains(from), "{from} is not in the header");
    [&bytes[..8], header.replacen(from, to, 1).as_bytes(), &bytes[8 + length..]].concat()
}

fn text_edit(bytes: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains(from), "{from} is not in the file");
    Some(text.replacen(from, to, 1).into_bytes())
}

fn check(dir: &Path, wanted: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let target = format!("local:{}", dir.display());
    let arguments = ["eval", "run", "refusal", "--limit", "2", "--target", &target];
    let output = run_in(folder.path(), &arguments);
    let said: String = talk(&output).split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(3), "{}: {said}", dir.display());
    for text in wanted {
        assert!(said.contains(text), "`{text}` is not in: {said}");
    }
    assert!(said.contains("help:"), "it says what to do: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn every_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let weights = "model.safetensors";
    check(&here.join("absent"), &["there is no directory", "absent"]);
    check(&broken(here, ("truncated", weights), |bytes| Some(bytes[..bytes.len() / 2].to_vec())), &[weights]);
    check(&broken(here, ("empty", weights), |_| Some(Vec::new())), &[weights]);
    check(&broken(here, ("missing", weights), |_| None), &[weights]);
    let terabyte = |mut bytes: Vec<u8>| {
        bytes[..8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        Some(bytes)
    };
    check(&broken(here, ("terabyte", weights), terabyte), &[weights]);
    let renamed = |bytes: Vec<u8>| Some(header_edit(&bytes, "model.norm.weight", "model.morn.weight"));
    check(&broken(here, ("renamed", weights), renamed), &["model.norm.weight"]);
    let dtype = |bytes: Vec<u8>| Some(header_edit(&bytes, "\"F16\"", "\"I16\""));
    check(&broken(here, ("dtype", weights), dtype), &[weights]);
    check(&broken(here, ("no-config", "config.json"), |_| None), &["config.json"]);
    let absurd = |bytes: Vec<u8>| text_edit(&bytes, "\"hidden_size\": 128", "\"hidden_size\": 99999999999");
    check(&broken(here, ("absurd", "config.json"), absurd), &["config.json", "hidden_size"]);
    let other = |bytes: Vec<u8>| text_edit(&bytes, "LlamaForCausalLM", "MambaForCausalLM");
    check(&broken(here, ("other", "config.json"), other), &["MambaForCausalLM"]);
    check(&broken(here, ("tokenizer", "tokenizer.json"), |_| Some(b"{}".to_vec())), &["tokenizer.json"]);
    check(&broken(here, ("no-tokenizer", "tokenizer.json"), |_| None), &["tokenizer.json"]);
}

#[test]
fn a_tokenizer_larger_than_the_embedding_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let added = |bytes: Vec<u8>| {
        let mut tokenizer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let token = serde_json::json!({
            "id": 70_000, "content": "<|far|>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        });
        tokenizer["added_tokens"].as_array_mut().unwrap().push(token);
        tokenizer["model"]["vocab"]["<|far|>"] = serde_json::json!(70_000);
        Some(serde_json::to_vec(&tokenizer).unwrap())
    };
    check(&broken(folder.path(), ("far", "tokenizer.json"), added), &["tokenizer.json"]);
}

fn with_template(template: &str) -> impl Fn(Vec<u8>) -> Option<Vec<u8>> {
    let template = template.to_owned();
    move |bytes: Vec<u8>| {
        let mut config: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        config["chat_template"] = serde_json::json!(template);
        Some(serde_json::to_vec(&config).unwrap())
    }
}

/// A template that fails or never ends is the model's own failure: the samples end so, the run goes on.
#[test]
fn a_hostile_chat_template_ends_samples_not_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let endless = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}";
    for (name, template) in [("endless", endless), ("raising", "{{ raise_exception('no') }}")] {
        let dir = broken(folder.path(), (name, "tokenizer_config.json"), with_template(template));
        let target = format!("local:{}", dir.display());
        let arguments = ["eval", "run", "refusal", "--limit", "4", "--target", &target, "--json"];
        let output = run_in(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(5), "{name}: {}", talk(&output));
        let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(run["endings"]["model error"].as_u64().unwrap() >= 4, "{name}: {run}");
    }
}

/// The program's peak of resident memory in KiB while it runs `arguments`, with what it printed; Linux's own account.
fn measured(folder: &Path, arguments: &[&str]) -> (std::process::Output, u64) {
    let mut child = proofhouse(arguments)
        .current_dir(folder)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        pause();
    }
    (child.wait_with_output().unwrap(), peak)
}

/// Templates whose work hides in few instructions: each doubles, joins, pads or splits.
#[test]
fn a_template_that_takes_memory_or_time_ends_samples_not_the_program() {
    let doubling = "{% set ns = namespace(s='x' * 1000) %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | length }}";
    let joining = "{% set ns = namespace(s='x' * 1000) %}{% for i in range(20) %}{% set ns.s = [ns.s, ns.s, ns.s, ns.s] | join('') %}{% endfor %}{{ ns.s | length }}";
    let replacing = "{% set ns = namespace(s='x' * 1000) %}{% for i in range(20) %}{% set ns.s = ns.s | replace('x', 'xxxxxxxx') %}{% endfor %}{{ ns.s | length }}";
    let padding = "{{ [1] | batch(10 ** 9, 0) | list | length }}";
    let lists = "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s | list | length }}";
    let slow = "{% set ns = namespace(n=0) %}{% for i in range(100000) %}{% set ns.n = ns.n + ('x' * 20000000) | length %}{% endfor %}{{ ns.n }}";
    let folder = tempfile::tempdir().unwrap();
    let cases = [("doubling", doubling), ("joining", joining), ("replacing", replacing), ("padding", padding)];
    for (name, template) in cases.into_iter().chain([("lists", lists), ("slow", slow)]) {
        let dir = broken(folder.path(), (name, "tokenizer_config.json"), with_template(template));
        let target = format!("local:{}", dir.display());
        let arguments = ["eval", "run", "refusal", "--limit", "2", "--target", &target, "--json"];
        let (output, peak) = measured(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(5), "{name}: {}", talk(&output));
        assert!(peak < 200 * 1024, "{name}: the program needed {peak} KiB");
        let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let message = run["failures"][0]["message"].as_str().unwrap();
        assert!(message.contains("chat template of") && message.contains(name), "{name}: {message}");
    }
}

/// A normaliser that makes the text fifty times longer, again and again.
#[test]
fn a_tokenizer_that_takes_memory_ends_samples_not_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let growing = |bytes: Vec<u8>| {
        let mut tokenizer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let replace = serde_json::json!({ "type": "Replace", "pattern": { "String": "e" }, "content": "e".repeat(50) });
        tokenizer["normalizer"] = serde_json::json!({ "type": "Sequence", "normalizers": vec![replace; 12] });
        Some(serde_json::to_vec(&tokenizer).unwrap())
    };
    let dir = broken(folder.path(), ("growing", "tokenizer.json"), growing);
    let target = format!("local:{}", dir.display());
    let arguments = ["eval", "run", "refusal", "--limit", "2", "--target", &target, "--json"];
    let (output, peak) = measured(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(5), "{}", talk(&output));
    assert!(peak < 200 * 1024, "the program needed {peak} KiB");
}

#[test]
fn a_model_without_a_template_is_refused_at_load() {
    let folder = tempfile::tempdir().unwrap();
    let without = |bytes: Vec<u8>| {
        let mut config: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        config.as_object_mut().unwrap().remove("chat_template");
        Some(serde_json::to_vec(&config).unwrap())
    };
    check(&broken(folder.path(), ("mute", "tokenizer_config.json"), without), &["chat template", "has none"]);
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "config.json", "tokenizer.json"] {
        let dir = broken(folder.path(), (&format!("pipe-{file}"), file), |_| None);
        assert!(std::process::Command::new("mkfifo").arg(dir.join(file)).status().unwrap().success());
        check(&dir, &[file, "not a regular file"]);
    }
}

#[test]
fn a_hostile_name_in_a_file_does_not_reach_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let red = |bytes: Vec<u8>| text_edit(&bytes, "LlamaForCausalLM", "Mamba\\u001b[31m\\u202eForCausalLM");
    let dir = broken(folder.path(), ("red", "config.json"), red);
    check(&dir, &["Mamba"]);
    let arguments = ["eval", "run", "refusal", "--limit", "2", "--target", &format!("local:{}", dir.display())];
    let said = talk(&run_in(folder.path(), &arguments));
    assert!(!said.contains("\u{1b}[31m") && !said.contains('\u{202e}'), "{said:?}");
}

#[expect(clippy::disallowed_methods, reason = "a test that watches another process has nothing to wait on")]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}
