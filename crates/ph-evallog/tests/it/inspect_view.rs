//! Inspect's viewer serves what we write to its page, which reads it from ranges of bytes. Needs a Python with
//! `inspect_ai` in `PROOFHOUSE_PYTHON`.

use ph_evallog::names::log_id;
use ph_record::{Ending, SampleRecord};
use serde_json::{Value, json};

use crate::fixture::{all_shapes, record, write_log};
use crate::inspect::{SKIPPED, python, run};

/// So many that the summaries are flushed more than once.
const MANY: usize = 2_500;

#[test]
fn inspects_viewer_serves_every_log_that_we_write() {
    let Some(python) = python() else { ph_testkit::skip!(SKIPPED) };
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<SampleRecord> = (0..MANY).map(|n| record(&format!("item-{n:04}"), json!({}))).collect();
    let logs = [("shapes", all_shapes()), ("many", many), ("none", Vec::new())];
    for (name, records) in &logs {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        write_log(&folder.path().join(name), records);
    }
    let seen = run(&python, "inspect_view.py", &[folder.path()]);
    assert_eq!(seen.as_array().unwrap().len(), logs.len());
    for (name, records) in &logs {
        let is_it = |log: &&Value| log["path"].as_str().unwrap().contains(&format!("/{name}/"));
        let log = seen.as_array().unwrap().iter().find(is_it).unwrap();
        assert_eq!(log["summaries"], records.len(), "{log}");
        let ended = |is: fn(&Ending) -> bool| records.iter().filter(|record| is(&record.ending)).count();
        assert_eq!(log["ended_in_error"], ended(|ending| ending.error().is_some()), "{log}");
        assert_eq!(log["ended_by_limit"], ended(|ending| matches!(ending, Ending::Limit { .. })), "{log}");
        assert_eq!(log["flushes"].as_u64().unwrap() >= 2, *name == "many", "{log}");
        let samples = log["samples"].as_array().unwrap();
        assert!(samples.len() == records.len() || samples.len() >= 20, "{log}");
        samples.iter().for_each(|sample| check(sample, records));
    }
}

fn check(sample: &Value, records: &[SampleRecord]) {
    let is_it = |record: &&SampleRecord| sample["id"] == log_id(&record.sample) && sample["epoch"] == record.epoch;
    let record = records.iter().find(is_it).unwrap_or_else(|| panic!("{sample}"));
    assert_eq!(sample["messages"], record.messages.len(), "{sample}");
    assert_eq!(sample["error"], json!(record.ending.error().map(|error| &error.message)), "{sample}");
    assert_eq!(sample["limit"].is_string(), matches!(record.ending, Ending::Limit { .. }), "{sample}");
    assert_eq!(sample["scores"], json!(record.scores.keys().collect::<Vec<_>>()), "{sample}");
}
