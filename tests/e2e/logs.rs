//! `log …`, `eval rescore` and `report`: logs made here and by Inspect.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{json_in, run_in, talk};

/// A run of a small suite in `folder`; returns its document.
fn run(folder: &Path, target: &str) -> Value {
    let arguments = ["eval", "run", "refusal", "--target", target, "--limit", "12", "--json"];
    let (code, run) = json_in(folder, &arguments);
    assert_eq!(code, Some(0), "{run}");
    run
}

fn log_of(folder: &Path, run: &Value) -> PathBuf {
    folder.join(run["dir"].as_str().unwrap()).join("log-000.eval")
}

#[test]
fn a_run_has_a_log_that_becomes_a_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), "reference/sound");
    let log = log_of(folder.path(), &made);
    let log = log.to_str().unwrap();
    let (code, listed) = json_in(folder.path(), &["log", "ls", ".", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!((&listed["logs"][0]["task"], &listed["logs"][0]["samples"]), (&made["task"], &made["samples"]));
    let (_, shown) = json_in(folder.path(), &["log", "show", log, "--json"]);
    let samples = shown["samples"].as_array().unwrap();
    assert_eq!(samples.len() as u64, made["samples"].as_u64().unwrap());
    let id = samples[0]["id"].as_str().unwrap();
    let sample = run_in(folder.path(), &["log", "show", log, "--sample", id]);
    assert!(String::from_utf8(sample.stdout).unwrap().contains("[assistant]"));
    let (code, imported) = json_in(folder.path(), &["log", "import", log, "--out", "review", "--json"]);
    assert_eq!(code, Some(0), "{imported}");
    assert_eq!(imported["runs"][0]["run"], made["run"]);
    let (_, again) =
        json_in(folder.path(), &["eval", "show", made["run"].as_str().unwrap(), "--out", "review", "--json"]);
    for field in ["metrics", "endings", "samples", "target", "seed"] {
        assert_eq!(again[field], made[field], "{field}");
    }
    let twice = run_in(folder.path(), &["log", "import", log, "--out", "review"]);
    assert_eq!(twice.status.code(), Some(9), "{}", talk(&twice));
    assert!(talk(&twice).contains("imported there already"), "{}", talk(&twice));
}

#[test]
fn runs_are_scored_again_compared_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["reference/sound", "reference/compliant"].map(|target| run(folder.path(), target));
    let logs = runs.each_ref().map(|run| log_of(folder.path(), run));
    let (code, diff) =
        json_in(folder.path(), &["log", "diff", logs[0].to_str().unwrap(), logs[1].to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(diff["pairs"], runs[0]["samples"]);
    assert!(!diff["changed"].as_array().unwrap().is_empty(), "the compliant model answers otherwise: {diff}");
    let dirs = runs.each_ref().map(|run| run["dir"].as_str().unwrap());
    let (code, rescored) =
        json_in(folder.path(), &["eval", "rescore", dirs[1], "--scorer", "includes", "--scorer", "refusal", "--json"]);
    assert!(matches!(code, Some(0 | 5)), "{rescored}");
    assert_ne!(rescored["run"], runs[1]["run"]);
    assert_eq!(rescored["samples"], runs[1]["samples"]);
    let help = run_in(folder.path(), &["eval", "rescore", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("--call-timeout") && !help.contains("--base-url"), "no target is asked: {help}");
    let unknown = run_in(folder.path(), &["eval", "rescore", dirs[1], "--scorer", "includs"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", talk(&unknown));
    let (code, report) =
        json_in(folder.path(), &["report", dirs[1], "--comparator", dirs[0], "--out", "report", "--json"]);
    assert_eq!(code, Some(0));
    assert!(!report["comparisons"].as_array().unwrap().is_empty(), "{report}");
    let manifest = |dir: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.path().join(dir).join("run.json")).unwrap()).unwrap()
    };
    let ends = dirs.map(|dir| manifest(dir)["completed_at"].clone());
    assert!(ends.contains(&report["finished_at"]), "a report ends when its last run did: {ends:?} {report}");
    assert_eq!(manifest(dirs[0])["retries"]["most"], 5);
    let page = std::fs::read_to_string(folder.path().join("report/report/report.html")).unwrap();
    assert!(page.contains("is tried again up to 5 times"));
}

#[test]
fn logs_are_merged_and_what_is_no_log_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), "reference/sound");
    let log = log_of(folder.path(), &made);
    let log = log.to_str().unwrap();
    let (code, merged) = json_in(folder.path(), &["log", "merge", log, log, "--out", "merged.eval", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!((&merged["samples"], &merged["replaced"]), (&made["samples"], &made["samples"]));
    let (_, diff) = json_in(folder.path(), &["log", "diff", log, "merged.eval", "--json"]);
    assert_eq!((&diff["pairs"], &diff["changed"]), (&made["samples"], &serde_json::json!([])));
    let stats = |log: &str| {
        let log = ph_evallog::EvalLog::open(&folder.path().join(log)).unwrap();
        log.header().unwrap().value["stats"].clone()
    };
    assert_eq!(stats("merged.eval"), stats(log), "the same run twice has used what it used once");
    let other = run(folder.path(), "reference/sound");
    let other = log_of(folder.path(), &other);
    let (code, _) =
        json_in(folder.path(), &["log", "merge", log, other.to_str().unwrap(), "--out", "two.eval", "--json"]);
    assert_eq!(code, Some(0));
    let output_tokens = |stats: &Value| stats["model_usage"]["reference/sound"]["output_tokens"].as_u64().unwrap();
    assert_eq!(output_tokens(&stats("two.eval")), 2 * output_tokens(&stats(log)));
    let over = run_in(folder.path(), &["log", "merge", log, "--out", "two.eval"]);
    assert_eq!(over.status.code(), Some(2), "{}", talk(&over));
    let nowhere = run_in(folder.path(), &["log", "merge", log, "--out", "nowhere/x.eval"]);
    assert_eq!(nowhere.status.code(), Some(9), "{}", talk(&nowhere));
    assert!(talk(&nowhere).contains("may be written"), "{}", talk(&nowhere));
    std::fs::write(folder.path().join("foreign.eval"), "not a log").unwrap();
    for arguments in [["log", "show", "foreign.eval"].as_slice(), &["log", "import", "foreign.eval", "--out", "x"]] {
        let output = run_in(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
        assert!(talk(&output).contains("foreign.eval"), "{}", talk(&output));
    }
    let (code, mixed) = json_in(folder.path(), &["log", "import", "foreign.eval", log, "--out", "y", "--json"]);
    assert_eq!(code, Some(3));
    assert_eq!((mixed["runs"].as_array().unwrap().len(), mixed["errors"].as_array().unwrap().len()), (1, 1));
    let cut = std::fs::read(log).unwrap();
    std::fs::write(folder.path().join("cut.eval"), &cut[..cut.len() / 2]).unwrap();
    let output = run_in(folder.path(), &["log", "show", "cut.eval"]);
    assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
}

#[test]
fn a_table_is_written_or_the_feature_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), "reference/sound");
    let log = log_of(folder.path(), &made);
    for rows in ["evals", "samples", "messages", "events"] {
        let table = format!("{rows}.parquet");
        let write = |out: &str| {
            run_in(folder.path(), &["log", "dataframe", log.to_str().unwrap(), "--rows", rows, "--out", out])
        };
        let output = write(&table);
        if cfg!(feature = "parquet") {
            assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
            let bytes = std::fs::read(folder.path().join(&table)).unwrap();
            assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
            assert!(!folder.path().join(format!("{table}.part")).exists());
            // Neither a table nor a log is written over.
            let before = std::fs::read(&log).unwrap();
            for out in [table.as_str(), log.to_str().unwrap()] {
                assert_eq!(write(out).status.code(), Some(2), "{out}");
            }
            assert!(std::fs::read(&log).unwrap() == before);
            assert_eq!(write("nowhere/x.parquet").status.code(), Some(9));
        } else {
            assert_eq!(output.status.code(), Some(9));
            assert!(talk(&output).contains("--features parquet"), "{}", talk(&output));
        }
    }
}

/// The Python that has `inspect_ai`, where there is one.
pub(crate) fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("PROOFHOUSE_PYTHON")?);
    let has = Command::new(&python).args(["-c", "import inspect_ai"]).output().ok()?;
    has.status.success().then_some(python)
}

#[test]
fn a_log_of_inspect_is_a_run_like_any_other() {
    let Some(python) = python() else { ph_testkit::skip!("no Python with inspect_ai: set PROOFHOUSE_PYTHON") };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ph-evallog/tests/it/make_logs.py");
    let made = Command::new(python).arg(script).arg(folder.path()).env("HOME", folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", talk(&made));
    let (code, imported) =
        json_in(folder.path(), &["log", "import", "whole", "limited", "pieces", "plain", "--out", "review", "--json"]);
    assert_eq!(code, Some(0), "{imported}");
    let runs: Vec<&str> = imported["runs"].as_array().unwrap().iter().map(|run| run["dir"].as_str().unwrap()).collect();
    assert_eq!(runs.len(), 4);
    assert!(!imported["runs"][0]["lacks"].as_array().unwrap().is_empty());
    let (_, shown) = json_in(folder.path(), &["eval", "show", runs[0], "--json"]);
    assert_eq!((&shown["samples"], &shown["target"]), (&8.into(), &"imported:mockllm/model".into()));
    assert_eq!(shown["accuracy"], 1.0, "{shown}");
    let replayed = run_in(folder.path(), &["eval", "replay", runs[0]]);
    assert_eq!(replayed.status.code(), Some(8), "its solvers are its own: {}", talk(&replayed));
    assert!(talk(&replayed).contains("cannot be replayed here"), "{}", talk(&replayed));
    let (code, rescored) = json_in(folder.path(), &["eval", "rescore", runs[0], "--scorer", "exact", "--json"]);
    assert_eq!(code, Some(5), "two samples ended in an error: {rescored}");
    assert_eq!(rescored["accuracy"], 0.0, "no reply is exactly the answer: {rescored}");
    let (code, report) =
        json_in(folder.path(), &["report", runs[0], "--comparator", runs[1], "--out", "report", "--json"]);
    assert_eq!(code, Some(5));
    assert!(report.to_string().contains("It lacks: a seed"), "{report}");
    assert!(!report["comparisons"].as_array().unwrap().is_empty(), "{report}");
}
