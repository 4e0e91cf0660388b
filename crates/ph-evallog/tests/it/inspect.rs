//! Inspect itself reads what we write, and we read what it writes. Needs a Python with `inspect_ai` in `PROOFHOUSE_PYTHON`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use ph_evallog::{EvalLog, SampleContext, SampleSummary, import_header, sample_in};
use ph_record::{Ending, Reducer, ScoreValue};
use serde_json::{Value, json};

use crate::fixture::{all_shapes, manifest, record, write_log, write_log_of};
use crate::reductions::{interleaved, with_reducers};

pub(crate) const SKIPPED: &str = "no Python with inspect_ai: set PROOFHOUSE_PYTHON";

/// The Python that has `inspect_ai`, where there is one.
pub(crate) fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("PROOFHOUSE_PYTHON")?);
    // Only looked for: to load it takes seconds.
    let find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('inspect_ai') is None)";
    let has = Command::new(&python).args(["-c", find]).output().ok()?;
    has.status.success().then_some(python)
}

/// What a script prints as JSON.
pub(crate) fn run(python: &Path, script: &str, arguments: &[&Path]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script);
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(python).arg(script).args(arguments).env("HOME", home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn inspect_reads_every_log_that_we_write() {
    let Some(python) = python() else { ph_testkit::skip!(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    let mut records = all_shapes();
    let mut nan = record("nan", json!({}));
    if let Some(score) = nan.scores.get_mut("exact") {
        score.value = ScoreValue::Number(f64::NAN);
    }
    records.push(nan);
    let path = write_log(folder.path(), &records);
    let read = run(&python, "read_log.py", &[&path]);
    assert_eq!(read["listed"], 1, "{read}");
    assert_eq!(read["status"], "success");
    assert_eq!(read["header_samples"], Value::Null);
    assert_eq!(read["total"], records.len());
    assert_eq!(read["summaries"], records.len());
    let samples = read["samples"].as_array().unwrap();
    assert_eq!(samples.len(), records.len());
    for record in &records {
        // Inspect gives the samples in an order of its own.
        let id = ph_evallog::names::log_id(&record.sample);
        let sample = samples.iter().find(|sample| sample["id"] == id).unwrap_or_else(|| panic!("{id} in {read}"));
        assert_eq!(sample["error"], record.ending.error().map_or(Value::Null, |error| error.message.clone().into()));
        assert_eq!(sample["limit"].is_null(), !matches!(record.ending, Ending::Limit { .. }));
        assert_eq!(sample["events"], record.events.len() + 1);
    }
    let turns = samples.iter().find(|sample| sample["id"] == "turns").unwrap();
    assert_eq!(turns["inputs"], json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), "pooled messages are put in place");
    assert!(turns["first_input"].as_str().unwrap().starts_with("0 a long text"), "{turns}");
}

#[test]
fn inspect_computes_the_results_and_reductions_that_we_write() {
    let Some(python) = python() else { ph_testkit::skip!(SKIPPED) };
    let mut records = interleaved();
    // Inspect's reducers take only values of one kind.
    records.retain(|record| record.scores["exact"].value.as_number().is_some());
    use Reducer::{AtLeast, Max, Mean, Median, Mode, PassAt};
    for reducer in [Mean, Median, Mode, Max, AtLeast(2), PassAt(2)] {
        let folder = tempfile::tempdir().unwrap();
        let path = write_log_of(folder.path(), &with_reducers(reducer), &records);
        let computed = run(&python, "recompute.py", &[&path]);
        assert_eq!(computed["ours"], computed["theirs"], "{reducer:?}");
        assert_eq!(computed["ours"]["reductions"]["exact"][1].as_object().unwrap().len(), 7);
    }
}

#[test]
fn logs_that_inspect_writes_read_here() {
    let Some(python) = python() else { ph_testkit::skip!(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    let wanted = run(&python, "make_logs.py", &[folder.path()]);
    let logs = wanted.as_array().unwrap();
    assert!(logs.len() >= 4, "{wanted}");
    for wanted in logs {
        check_foreign(Path::new(wanted["path"].as_str().unwrap()), wanted);
    }
}

/// Our reader finds in the log what Inspect found.
pub(crate) fn check_foreign(path: &Path, wanted: &Value) {
    let log = EvalLog::open(path).unwrap();
    let header = log.header().unwrap();
    assert_eq!(header.value["status"], wanted["status"], "{path:?}");
    let imported = import_header(&header, &ph_base::Digest::of(b"x")).unwrap();
    let (target, model) = (imported.manifest.target.to_string(), wanted["model"].as_str().unwrap());
    assert!(target == model || target == format!("imported:{model}"), "{target} for {model}");
    assert!(imported.lacks.iter().any(|lack| lack.contains("fingerprint")));
    let context = SampleContext { run: manifest().id, task: "arith".to_owned() };
    let mut found = BTreeMap::new();
    for place in log.samples().unwrap() {
        let record = sample_in(log.sample_at(&place).unwrap(), &context).unwrap();
        let alone = sample_in(log.sample(&place.id, place.epoch).unwrap(), &context).unwrap();
        // As JSON: a score that is not a number equals nothing, itself included.
        assert_eq!(serde_json::to_value(&alone).unwrap(), serde_json::to_value(&record).unwrap());
        let calls = record.events.iter().filter_map(|event| event.kind.known());
        let calls = calls.filter_map(|known| match known {
            ph_record::event::KnownEvent::Model(model) => Some(model.input.len()),
            _ => None,
        });
        let scores: BTreeMap<_, _> =
            record.scores.iter().map(|(name, score)| (name.clone(), score.value.as_number())).collect();
        let seen = json!({ "messages": record.messages.len(), "inputs": calls.collect::<Vec<_>>(), "scores": scores,
            "error": record.ending.error().is_some(), "limit": matches!(record.ending, Ending::Limit { .. }),
            "text": record.messages.iter().map(ph_model::Message::text).collect::<Vec<_>>() });
        found.insert(format!("{}/{}", record.sample, record.epoch), seen);
    }
    assert_eq!(json!(found), wanted["samples"], "{path:?}");
    let mut summaries = 0;
    log.summaries(|summary| {
        SampleSummary::parse(summary).unwrap();
        summaries += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(summaries, found.len());
}
