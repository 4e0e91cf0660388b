//! Inspect's viewer serves the logs of every kind of run to its page, and Inspect's Python functions read them.

use std::net::TcpListener;
use std::path::Path;

use ph_testkit::skip;
use serde_json::{Value, json};

use crate::inspect::{SKIPPED, answer, python, script};
use crate::program::json_in;

/// What Inspect's viewer and Python functions see of every log in `folder`; the script fails where they disagree.
pub(crate) fn opened(python: &Path, folder: &Path) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let mut command = script(python, "../ph-evallog/tests/it/inspect_view.py", home.path());
    let seen = answer(command.arg(folder));
    seen.as_array().unwrap().clone()
}

/// Runs a command whose JSON document comes with this exit code.
fn ran(folder: &Path, code: i32, arguments: &[&str]) -> Value {
    let (got, document) = json_in(folder, &[arguments, &["--json"]].concat());
    assert_eq!(got, Some(code), "{arguments:?}: {document}");
    document
}

fn run_on_sound(folder: &Path, code: i32, suite: &str, more: &[&str]) -> Value {
    ran(folder, code, &[&["eval", "run", suite, "--target", "reference/sound"][..], more].concat())
}

fn log_of(run: &Value) -> String {
    format!("{}/log-000.eval", run["dir"].as_str().unwrap())
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

#[test]
fn inspects_viewer_opens_the_logs_of_every_kind_of_run() {
    let Some(python) = python() else { skip!(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let tools = run_on_sound(folder, 0, "skills", &["--limit", "24"]);
    let cut = run_on_sound(folder, 5, "refusal", &["--budget", "600 tokens", "--max-connections", "2"]);
    let nowhere = ["--target", "openai-api/nowhere/m", "--base-url", &nobody(), "--limit", "3"];
    let failed = ran(folder, 5, &[&["eval", "run", "refusal"][..], &nowhere].concat());
    let short = "name = \"short\"\ndataset = \"short.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\nlimits = { tokens = 1 }\n";
    std::fs::write(folder.join("short.toml"), short).unwrap();
    std::fs::write(folder.join("short.jsonl"), "{\"id\":\"a\",\"input\":\"Say yes.\",\"target\":\"yes\"}\n").unwrap();
    let limited = ran(folder, 0, &["eval", "run", "short.toml", "--target", "reference/sound"]);
    let (log, dir) = (log_of(&tools), tools["dir"].as_str().unwrap());
    let rescored = ran(folder, 0, &["eval", "rescore", dir, "--scorer", "refusal"]);
    ran(folder, 0, &["log", "merge", &log, &log, "--out", "merged.eval"]);
    ran(folder, 0, &["assess", "reference/sound", "--suite", "refusal", "--limit", "6", "--out", "assessment"]);

    let seen = opened(&python, folder);
    let listed = ran(folder, 0, &["log", "ls", "."]);
    assert_eq!(seen.len(), listed["logs"].as_array().unwrap().len());
    assert_eq!(seen.len(), 7, "five runs, a merged log, and the assessment's");
    for one in &seen {
        check_as_shown(folder, one);
    }
    let of = |run: &Value| seen.iter().find(|one| one["path"].as_str().unwrap().ends_with(&log_of(run)[2..])).unwrap();
    let calls = of(&tools)["samples"].as_array().unwrap().iter().filter(|sample| sample["calls"] != json!([])).count();
    assert!(calls >= 8, "a third of the samples calls a tool or goes on from a call: {}", of(&tools));
    assert_eq!(of(&failed)["ended_in_error"], 3);
    assert!(of(&failed)["samples"][0]["error"].as_str().unwrap().contains("127.0.0.1"), "{}", of(&failed));
    assert_eq!(of(&limited)["ended_by_limit"], 1, "{}", of(&limited));
    assert_eq!(of(&cut)["status"], "cancelled");
    assert_eq!(of(&rescored)["samples"][0]["scores"], json!(["refusal"]));
}

/// Inspect sees what `log show` shows.
fn check_as_shown(folder: &Path, seen: &Value) {
    let path = seen["path"].as_str().unwrap();
    let shown = ran(folder, 0, &["log", "show", path]);
    for field in ["task", "model"] {
        assert_eq!(seen[field], shown["header"]["eval"][field], "{path}");
    }
    assert_eq!(seen["status"], shown["header"]["status"], "{path}");
    let samples = shown["samples"].as_array().unwrap();
    let ended = |how: &str| samples.iter().filter(|sample| sample["ending"].as_str().unwrap().starts_with(how)).count();
    assert_eq!(seen["summaries"], samples.len(), "{path}");
    assert_eq!((&seen["ended_in_error"], &seen["ended_by_limit"]), (&json!(ended("error")), &json!(ended("limit"))));
    for one in seen["samples"].as_array().unwrap() {
        let is_it = |sample: &&Value| (&sample["id"], &sample["epoch"]) == (&one["id"], &one["epoch"]);
        let sample = samples.iter().find(is_it).unwrap_or_else(|| panic!("{one} of {path}"));
        let scorers: Vec<&String> = sample["scores"].as_object().unwrap().keys().collect();
        assert_eq!(json!(scorers), one["scores"], "{one} of {path}");
    }
}
