//! Model roles, external graders, bad items: as a person meets them.

use std::path::Path;

use ph_testkit::stub::{Fault, Rule, Stub, StubConfig};
use serde_json::Value;

use crate::program::{json_in, proofhouse, run_in, talk};

const ITEMS: &str = r#"{"id": "a", "input": "What is the capital of France?", "target": "Paris"}
{"id": "b", "input": "What is the capital of Italy?", "target": "Rome"}
"#;

fn write(folder: &Path, dataset: &str, items: &str, scorer: &str) {
    std::fs::write(folder.join("items.jsonl"), items).unwrap();
    let spec = format!("name = \"t\"\ndataset = {dataset}\nsolver = [\"generate\"]\nscorer = [{scorer}]\n");
    std::fs::write(folder.join("task.toml"), spec).unwrap();
}

fn run<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["eval", "run", "task.toml", "--target", "reference/sound", "--json"], more].concat()
}

#[test]
fn a_role_without_a_model_ends_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "\"items.jsonl\"", ITEMS, "\"model_graded\"");
    let output = run_in(folder.path(), &run(&[]));
    assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
    assert!(talk(&output).contains("--model-role grader=TARGET"), "{}", talk(&output));
    assert!(!folder.path().join("runs").exists());
    let output = run_in(folder.path(), &run(&["--model-role", "critic=reference/sound"]));
    assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
    assert!(talk(&output).contains("no role `critic`"), "{}", talk(&output));
    let assess = ["assess", "reference/sound", "--suite", "task.toml", "--out", "out"];
    let output = run_in(folder.path(), &assess);
    assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_grader_that_cannot_grade_is_a_grader_error_and_its_calls_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "\"items.jsonl\"", ITEMS, "\"match\", { name = \"model_graded\", asks_max = 2 }");
    let (code, run) = json_in(folder.path(), &run(&["--model-role", "grader=reference/sound"]));
    assert_eq!(code, Some(5), "{run}");
    assert_eq!(run["endings"]["grader error"], 2, "{run}");
    assert_eq!(run["roles"]["grader"]["calls"], 4, "{run}");
    assert_eq!(run["roles"]["grader"]["target"], "reference/sound");
}

#[test]
fn a_program_grades_and_bad_items_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let script = "while read -r line; do id=${line#*\\\"id\\\":\\\"}; id=${id%%\\\"*}; echo \"{\\\"id\\\":\\\"$id\\\",\\\"value\\\":1}\"; done\n";
    std::fs::write(folder.path().join("grade.sh"), script).unwrap();
    let command = "{ name = \"command\", command = [\"/bin/sh\", \"grade.sh\"] }";
    write(folder.path(), "\"items.jsonl\"", ITEMS, command);
    let (code, whole) = json_in(folder.path(), &run(&[]));
    assert_eq!((code, &whole["accuracy"]), (Some(0), &serde_json::json!(1.0)), "{whole}");
    let bad = format!("{ITEMS}not an item\n");
    write(folder.path(), "{ file = \"items.jsonl\", skip_bad = true }", &bad, command);
    let (code, run) = json_in(folder.path(), &run(&[]));
    assert_eq!((code, &run["samples"], &run["skipped"]["count"]), (Some(5), &2.into(), &1.into()), "{run}");
    assert!(run["skipped"]["first"][0].as_str().unwrap().contains("items.jsonl:3:"), "{run}");
}

#[test]
fn rescoring_reaches_graders_as_a_run_does() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "\"items.jsonl\"", ITEMS, "\"match\"");
    let (_, whole) = json_in(folder.path(), &run(&[]));
    // The first call of every prompt is turned away; what is said then is no verdict.
    let turned_away = Rule {
        say: vec!["It is right.".to_owned()],
        fault: Some(Fault::RateLimited),
        fault_times: Some(1),
        ..Rule::default()
    };
    let stub = Stub::start(StubConfig { rules: vec![turned_away], retry_after_s: 0, ..StubConfig::default() }).unwrap();
    let url = format!("http://{}/v1", stub.address());
    let grader = "{\"name\": \"model_graded\", \"asks_max\": 1}";
    let rescore = |more: &[&str]| {
        let dir = whole["dir"].as_str().unwrap();
        let role = "grader=openai-api/stub/m";
        let arguments = [&["eval", "rescore", dir, "--scorer", grader, "--model-role", role, "--json"], more].concat();
        let mut command = proofhouse(&arguments);
        let output = command.current_dir(folder.path()).env("STUB_BASE_URL", &url).env("STUB_API_KEY", "x").output();
        let output = output.unwrap();
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{}", talk(&output)));
        assert_eq!(document["endings"]["grader error"], 2, "{document}");
        document
    };
    let prices = "as_of = 2026-01-01\ncurrency = \"USD\"\n[[price]]\nmodel = \"openai-api/stub/m\"\ninput = 1\noutput = 2\nsource = \"s\"\n";
    std::fs::write(folder.path().join("prices.toml"), prices).unwrap();
    let told = rescore(&["--prices", "prices.toml"]);
    assert!(told["failures"][0]["message"].as_str().unwrap().contains("gave no verdict"), "{told}");
    assert_ne!(told["roles"]["grader"]["cost"], Value::Null, "{told}");
    let statuses = stub.stats().statuses;
    assert_eq!((statuses.get(&429), statuses.get(&200)), (Some(&2), Some(&2)));
    let refused = rescore(&["--budget", "1 tokens"]);
    assert!(refused["failures"][0]["message"].as_str().unwrap().contains("exceed the budget"), "{refused}");
    assert_eq!(refused["budget"]["ended_run"], true, "{refused}");
    assert_eq!(stub.stats().requests, 4, "nothing more is sent");
}
