//! Model roles, external graders, bad items: as a person meets them.

use std::path::Path;

use crate::program::{json_in, run_in, talk};

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
