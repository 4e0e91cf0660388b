//! `eval run|ls|show` and `doctor`.

use crate::program::{json_in, run_in, talk};

#[test]
fn every_suite_is_listed_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (code, document) = json_in(folder.path(), &["eval", "ls", "--json"]);
    assert_eq!(code, Some(0));
    let suites = document["suites"].as_array().unwrap();
    assert!(suites.len() >= 4, "{suites:?}");
    for suite in suites {
        let path = suite["path"].as_str().unwrap();
        let arguments = ["eval", "run", path, "--target", "reference/sound", "--limit", "12", "--json"];
        let (code, run) = json_in(folder.path(), &arguments);
        assert_eq!(code, Some(0), "{path}");
        assert!(run["samples"].as_u64().unwrap() >= 12, "{path}: {run}");
        assert!(run["endings"]["completed"].as_u64().unwrap() >= 12, "{path}: {run}");
    }
}

const ITEMS: &str = r#"{"id": "a", "input": "What is the capital of France?", "target": "Paris"}
{"id": "b", "input": "What is the capital of Italy?", "target": "Oslo"}
"#;

#[test]
fn a_task_of_ones_own_runs_and_shows() {
    let folder = tempfile::tempdir().unwrap();
    let task = folder.path().join("capitals");
    std::fs::create_dir(&task).unwrap();
    std::fs::write(task.join("items.jsonl"), ITEMS).unwrap();
    let spec = "name = \"capitals\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"exact\"]\n";
    std::fs::write(task.join("task.toml"), spec).unwrap();
    let (code, run) =
        json_in(folder.path(), &["eval", "run", "capitals/task.toml", "--target", "reference/sound", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(run["samples"], 2);
    assert_eq!(run["accuracy"], 0.5, "the second item's gold answer is wrong on purpose: {run}");
    let id = run["run"].as_str().unwrap();
    let (code, shown) = json_in(folder.path(), &["eval", "show", id, "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(shown["metrics"], run["metrics"]);
    let sample = run_in(folder.path(), &["eval", "show", id, "--sample", "b"]);
    let text = String::from_utf8(sample.stdout).unwrap();
    assert!(text.contains("What is the capital of Italy?") && text.contains("expected: Oslo"), "{text}");
}

#[test]
fn this_machine_passes_the_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_in(folder.path(), &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", String::from_utf8_lossy(&output.stdout), talk(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the doctor leaves nothing behind");
}
