//! The part of our record that rides in a sample's `metadata.proofhouse`: what Inspect's own fields have no place for.

use ph_record::{SampleInput, SampleRecord};
use serde_json::{Map, Value};

/// The key in a sample's and an evaluation's metadata.
pub const KEY: &str = "proofhouse";
/// Version of what stands there.
pub(crate) const VERSION: u64 = 1;

/// Fields of the record that Inspect's own fields hold.
const ELSEWHERE: [&str; 7] = ["input", "target", "choices", "metadata", "messages", "output", "scores"];

/// The record without its transcript: what an analysis reads.
#[must_use]
pub fn without_events(record: &SampleRecord) -> SampleRecord {
    SampleRecord {
        id: record.id,
        run: record.run,
        task: record.task.clone(),
        sample: record.sample.clone(),
        epoch: record.epoch,
        attempt: record.attempt,
        round: record.round,
        seed: record.seed,
        input: record.input.clone(),
        expected: record.expected.clone(),
        choices: record.choices.clone(),
        metadata: record.metadata.clone(),
        messages: record.messages.clone(),
        output: record.output.clone(),
        ending: record.ending.clone(),
        response: record.response,
        scores: record.scores.clone(),
        labels: record.labels.clone(),
        usage: record.usage,
        cost: record.cost,
        started_at: record.started_at,
        completed_at: record.completed_at,
        events: Vec::new(),
    }
}

/// What rides in `metadata.proofhouse`.
pub(crate) fn core(record: &SampleRecord) -> serde_json::Result<Map<String, Value>> {
    let light = SampleRecord {
        task: record.task.clone(),
        sample: record.sample.clone(),
        input: SampleInput::Text(String::new()),
        expected: ph_record::Expected::default(),
        choices: Vec::new(),
        metadata: Map::new(),
        messages: Vec::new(),
        output: None,
        ending: record.ending.clone(),
        scores: std::collections::BTreeMap::new(),
        labels: record.labels.clone(),
        events: Vec::new(),
        ..*record
    };
    let mut core = match serde_json::to_value(&light)? {
        Value::Object(core) => core,
        _ => Map::new(),
    };
    for name in ELSEWHERE.iter().chain(&["events"]) {
        core.shift_remove(*name);
    }
    core.insert("version".to_owned(), VERSION.into());
    Ok(core)
}

/// The record that `core` and nothing else describes; `None` where it is not of a version that this code reads.
pub(crate) fn record_of(core: &Value) -> Option<SampleRecord> {
    let mut core = core.as_object()?.clone();
    if core.shift_remove("version").and_then(|version| version.as_u64()) != Some(VERSION) {
        return None;
    }
    core.insert("input".to_owned(), "".into());
    core.insert("messages".to_owned(), Value::Array(Vec::new()));
    serde_json::from_value(Value::Object(core)).ok()
}
