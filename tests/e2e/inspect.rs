//! Real Inspect runs tasks against `model serve`; its logs are imported, scored again and reported here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use ph_eval::RunDir;
use ph_record::SampleRecord;
use ph_testkit::skip;
use serde_json::{Value, json};

use crate::inspect_view::opened;
use crate::program::{json_in, run_in, talk};
use crate::served::Server;

pub(crate) const SKIPPED: &str = "no Python with inspect_ai: set PROOFHOUSE_PYTHON";

/// The Python that has `inspect_ai`, where there is one.
pub(crate) fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("PROOFHOUSE_PYTHON")?);
    // Only looked for: to load it takes seconds.
    let find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('inspect_ai') is None)";
    let has = Command::new(&python).args(["-c", find]).output().ok()?;
    has.status.success().then_some(python)
}

/// A script with Inspect, which keeps its own files in `home` and reaches this machine without a proxy.
pub(crate) fn script(python: &Path, script: &str, home: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
    command.env("HOME", home).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1").current_dir(home);
    command
}

/// The JSON that a script prints.
pub(crate) fn answer(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", talk(&output)))
}

const MODEL: &str = "reference/sound";
/// Sums and small facts as the reference models know them.
const QUESTIONS: [(&str, &str); 12] = [
    ("Please give the total of 21 and 34.", "55"),
    ("What number comes from 46 plus 12?", "58"),
    ("Can you add 15 and 62 for me?", "77"),
    ("Give one number for 33 + 25.", "58"),
    ("I need the sum of 71 and 18.", "89"),
    ("Someone has 24 cups and finds 13 more. How many cups is that?", "37"),
    ("What do people call the capital of Peru?", "Lima"),
    ("I would like to know the capital of Norway.", "Oslo"),
    ("Which word stands for the opposite of hot?", "cold"),
    ("Could you give me the opposite of loud?", "quiet"),
    ("Please put down the young of a dog.", "puppy"),
    ("We need to know the colour of snow.", "white"),
];

#[test]
fn a_task_that_inspect_runs_on_a_served_model_becomes_a_run_here() {
    let Some(python) = python() else { skip!(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let item = |(n, (text, word)): (usize, &(&str, &str))| {
        format!("{}\n", json!({ "id": format!("q{n}"), "input": text, "target": word }))
    };
    std::fs::write(folder.join("items.jsonl"), QUESTIONS.iter().enumerate().map(item).collect::<String>()).unwrap();
    let server = Server::start(&[MODEL]);
    let mut command = script(&python, "../../tests/e2e/inspect_task.py", folder);
    command.args([MODEL, "items.jsonl"]).arg(folder.join("logs"));
    command.env("PH_BASE_URL", format!("{}/v1", server.url)).env("PH_API_KEY", "none");
    command.env("ANTHROPIC_BASE_URL", &server.url).env("ANTHROPIC_API_KEY", "none");
    let logs = answer(&mut command);
    let logs = logs.as_array().unwrap();
    assert_eq!(logs.len(), 6, "two tasks in three ways: {logs:?}");
    let in_process = replies_in_process(folder);
    for log in logs {
        check_recorded(log, &in_process);
        check_imported(folder, log);
    }
    for ending in [".eval", ".json"] {
        assert!(logs.iter().any(|log| log["path"].as_str().unwrap().ends_with(ending)), "{logs:?}");
    }
    let again = opened(&python, &folder.join("review"));
    assert_eq!(again.len(), 12, "every log as it was imported, and as it was scored again");
}

/// What the model says to the same items without Inspect and HTTP.
fn replies_in_process(folder: &Path) -> BTreeMap<String, String> {
    let task = "name = \"questions\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\n\n\
                [config]\ntemperature = 0.0\nmax_tokens = 24\n";
    std::fs::write(folder.join("task.toml"), task).unwrap();
    let (code, run) = json_in(folder, &["eval", "run", "./task.toml", "--target", MODEL, "--json"]);
    assert_eq!(code, Some(0), "{run}");
    records(folder, &run).into_iter().map(|record| (record.sample.clone(), record.reply())).collect()
}

fn records(folder: &Path, run: &Value) -> Vec<SampleRecord> {
    let dir = RunDir::open(folder.join(run["dir"].as_str().unwrap())).unwrap();
    dir.records_without_events().unwrap().map(Result::unwrap).collect()
}

/// Inspect got what the model says in this process, and tools were called.
fn check_recorded(log: &Value, in_process: &BTreeMap<String, String>) {
    let samples = log["samples"].as_object().unwrap();
    let right = samples.values().filter(|sample| sample["scores"]["includes"] == 1.0).count();
    assert!(right * 2 > samples.len(), "the model knows most of these: {log}");
    if log["task"] == "lookups" {
        let calls = |id: &str| samples[id]["calls"].clone();
        assert_eq!((calls("lookup-0"), calls("lookup-1")), (json!(["weather"]), json!(["price"])), "{log}");
        return;
    }
    let replies: BTreeMap<String, String> =
        samples.iter().map(|(id, sample)| (id.clone(), sample["reply"].as_str().unwrap().to_owned())).collect();
    assert_eq!(&replies, in_process, "{}", log["way"]);
}

/// The log is a run: with Inspect's scores, which our scorers give too, with what it lacks, and with a report.
fn check_imported(folder: &Path, log: &Value) {
    let path = log["path"].as_str().unwrap();
    let output = run_in(folder, &["log", "import", path, "--out", "review", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{path}: {}", talk(&output));
    let imported: Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &imported["runs"][0];
    assert_eq!((&run["target"], &run["task"]), (&log["model"], &log["task"]), "{path}");
    let lacks: Vec<&str> = run["lacks"].as_array().unwrap().iter().map(|lack| lack.as_str().unwrap()).collect();
    assert!(lacks.contains(&"a seed") && lacks.contains(&"a fingerprint of the target"), "{lacks:?}");
    for lack in &lacks {
        assert!(talk(&output).contains(&format!("lacks {lack}")), "{lack}: {}", talk(&output));
    }
    check_scores(folder, run, log);
    let dir = run["dir"].as_str().unwrap();
    let again = ["eval", "rescore", dir, "--scorer", "includes", "--scorer", "match", "--json"];
    let (code, rescored) = json_in(folder, &again);
    assert_eq!(code, Some(0), "{path}: {rescored}");
    assert_ne!(rescored["run"], run["run"]);
    check_scores(folder, &rescored, log);
    check_report(folder, run, &lacks);
}

/// Every sample has the scores that Inspect recorded, and no others.
fn check_scores(folder: &Path, run: &Value, log: &Value) {
    let records = records(folder, run);
    assert_eq!(records.len(), log["samples"].as_object().unwrap().len());
    for record in &records {
        let sample = &log["samples"][&record.sample];
        let scores: BTreeMap<&str, Option<f64>> =
            record.scores.iter().map(|(name, score)| (name.as_str(), score.value.as_number())).collect();
        assert_eq!(json!(scores), sample["scores"], "{} of {}", record.sample, log["path"]);
        assert_eq!(json!(record.reply()), sample["reply"], "{} of {}", record.sample, log["path"]);
    }
}

fn check_report(folder: &Path, run: &Value, lacks: &[&str]) {
    let out = format!("report-{}", run["run"].as_str().unwrap());
    let output = run_in(folder, &["report", run["dir"].as_str().unwrap(), "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert!(talk(&output).contains("It lacks: a seed"), "{}", talk(&output));
    let model = run["target"].as_str().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(&out).join("report").join(name)).unwrap();
    let data: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert!(data["limits"].to_string().contains(lacks[0]), "{data}");
    for text in [data.to_string(), read("report.html")] {
        for wanted in [model, "a fingerprint of the target"] {
            assert!(text.contains(wanted), "no `{wanted}` in {text}");
        }
    }
}
