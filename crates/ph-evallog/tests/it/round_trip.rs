//! What was written reads back as it was.

use ph_evallog::{EvalLog, SampleContext, SampleSummary, import_header, sample_in, sample_json};
use ph_record::{SampleRecord, ScoreValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{TARGET, all_shapes, manifest, record, write_log};

fn context() -> SampleContext {
    SampleContext { run: manifest().id, task: "capitals".to_owned() }
}

fn back(record: &SampleRecord) -> SampleRecord {
    let document = sample_json(record, TARGET).unwrap();
    sample_in(ph_evallog::lenient::parse(&document).unwrap(), &context()).unwrap()
}

#[test]
fn records_of_every_shape_come_back_as_they_were() {
    for record in all_shapes() {
        let read = back(&record);
        assert_eq!(read, record, "{}", serde_json::to_string(&read).unwrap());
    }
}

#[test]
fn a_summary_counts_the_attempts_before() {
    let retries = |attempts: Value| -> Value {
        let record = record("again", json!({ "earlier_attempts": attempts }));
        let summary = ph_evallog::summary_json(&record, TARGET).unwrap();
        serde_json::from_slice::<Value>(&summary).unwrap()["retries"].clone()
    };
    let at = 1_000;
    let attempt =
        json!({ "attempt": 1, "ending": record("one", json!({})).ending, "started_at": at, "completed_at": at });
    assert_eq!((retries(json!([])), retries(json!([attempt]))), (json!(0), json!(1)));
}

#[test]
fn a_score_that_is_no_number_comes_back_as_such() {
    let mut one = record("nan", json!({}));
    if let Some(score) = one.scores.get_mut("exact") {
        score.value = ScoreValue::Number(f64::NAN);
    }
    let document = String::from_utf8(sample_json(&one, TARGET).unwrap()).unwrap();
    assert!(document.contains(r#""value":NaN"#), "{document}");
    let ScoreValue::Number(read) = back(&one).scores["exact"].value else { panic!("not a number") };
    assert!(read.is_nan());
}

#[test]
fn a_reply_that_looks_like_a_reference_is_not_replaced_by_another_text() {
    let secret = "a long text of somebody else's ".repeat(9);
    let event = json!([{ "sequence": 0, "timestamp": 0, "working_start_ms": 0, "event": "info", "source": "s", "data": secret }]);
    let plain = record("a", json!({ "events": event }));
    let document: Value = ph_evallog::lenient::parse(&sample_json(&plain, TARGET).unwrap()).unwrap();
    let key = document["attachments"].as_object().unwrap().keys().next().unwrap().clone();
    let reply = json!({ "role": "assistant", "content": format!("attachment://{key}") });
    let hostile = record("a", json!({ "events": event, "messages": [reply] }));
    assert_eq!(back(&hostile), hostile);
}

#[test]
fn a_long_transcript_grows_linearly() {
    let size = |turns: usize| {
        let message = |n: usize| json!({ "role": "user", "content": format!("{n} {}", "text ".repeat(200)) });
        let event = |turn: usize| {
            let input: Vec<Value> = (0..=turn).map(message).collect();
            json!({ "sequence": turn, "timestamp": 0, "event": "model", "model": "m", "input": input, "config": {}, "completed": 0 })
        };
        let events: Vec<Value> = (0..turns).map(event).collect();
        sample_json(&record("long", json!({ "events": events })), TARGET).unwrap().len() as f64
    };
    let (short, long) = (size(50), size(200));
    assert!(long / short < 4.5, "{short} bytes for 50 turns, {long} for 200");
}

/// A tool call, metadata or score of a hundred levels or more must not make its run unreadable.
#[test]
fn what_is_nested_deeper_than_readers_go_is_written_so_that_they_can() {
    let deep = |levels: usize| (0..levels).fold(json!("x"), |inner, _| json!([inner]));
    let with = |levels: usize| {
        let call = json!({ "id": "c", "function": "f", "arguments": { "a": deep(levels) } });
        let said = json!({ "role": "assistant", "content": "", "tool_calls": [call] });
        let event = json!({ "sequence": 0, "timestamp": 0, "event": "tool", "id": "c", "function": "f", "arguments": deep(levels), "completed": 2 });
        record("deep", json!({ "messages": [said], "metadata": { "m": deep(levels) }, "events": [event] }))
    };
    assert_eq!(back(&with(60)), with(60));
    let (deepest, folder) = (with(125), tempfile::tempdir().unwrap());
    let kept: SampleRecord =
        serde_json::from_slice(&ph_evallog::core::record_json(&deepest).unwrap()).expect("a journal reads it");
    assert!(kept.messages[0].tool_calls[0].arguments.is_object());
    let log = EvalLog::open(&write_log(folder.path(), &[deepest])).unwrap();
    let read = sample_in(log.sample("deep", 1).unwrap(), &context()).unwrap();
    assert_eq!((read.messages.len(), read.events.len()), (1, 1));
    assert!(read.metadata["m"].is_array());
}

#[test]
fn a_log_reads_whole_and_piece_by_piece() {
    let folder = tempfile::tempdir().unwrap();
    let records = all_shapes();
    let log = EvalLog::open(&write_log(folder.path(), &records)).unwrap();
    let header = log.header().unwrap();
    assert!(header.is_finished);
    assert_eq!(header.value["results"]["total_samples"], records.len());
    let imported = import_header(&header, &ph_base::Digest::of(b"")).unwrap();
    assert!(imported.is_ours && imported.lacks.is_empty());
    assert_eq!(imported.manifest, manifest());
    let read: Vec<_> = log
        .samples()
        .unwrap()
        .iter()
        .map(|place| sample_in(log.sample_at(place).unwrap(), &context()).unwrap())
        .collect();
    assert_eq!(read, records);
    for record in &records {
        assert_eq!(sample_in(log.sample(&record.sample, record.epoch).unwrap(), &context()).unwrap(), *record);
    }
    let error = log.sample("none", 1).unwrap_err().to_string();
    assert!(error.contains("has no sample `none` at epoch 1"), "{error}");
    let mut summaries = Vec::new();
    log.summaries(|summary| {
        summaries.push(SampleSummary::parse(summary).unwrap());
        Ok(())
    })
    .unwrap();
    assert_eq!(summaries.len(), records.len());
    assert_eq!(summaries[6].ending(), "limit (token)");
    assert_eq!(summaries[8].ending(), "error");
    assert_eq!(summaries[0].scores().collect::<Vec<_>>(), [("exact", Some(1.0))]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let logs = folders.each_ref().map(|folder| std::fs::read(write_log(folder.path(), &all_shapes())).unwrap());
    assert!(logs[0] == logs[1]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z ]{90,120}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn any_texts_and_values_come_back(id in ".{1,12}", text in any::<String>(), value in any_json(), extra in any_json()) {
        let events = json!([
            { "sequence": 0, "timestamp": 1, "working_start_ms": 0, "event": "info", "source": "s", "data": value },
            { "sequence": 1, "timestamp": 1, "working_start_ms": 0, "event": "tool", "id": text, "function": "f", "arguments": value, "result": extra, "completed": 2 },
            { "sequence": 2, "timestamp": 1, "working_start_ms": 0, "event": "model", "model": "m", "input": [{ "role": "user", "content": text, "vendor": extra }], "config": {}, "completed": 2 },
        ]);
        let one = record(&id, json!({ "input": text, "metadata": { "any": value, "proofhouse": extra }, "events": events,
            "messages": [{ "role": "assistant", "content": [{ "type": "other", "x": value }, { "type": "text", "text": text, "extra": extra }], "id": extra }] }));
        prop_assert_eq!(back(&one), one);
    }
}
