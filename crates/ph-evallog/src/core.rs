//! The part of our record that rides in a sample's `metadata.proofhouse`: what Inspect's own fields have no place for.

use ph_model::nesting::flatten;
use ph_record::{SampleAttempt, SampleInput, SampleRecord};
use serde_json::{Map, Value};

/// The key in a sample's and an evaluation's metadata.
pub const KEY: &str = "proofhouse";
/// The deepest nesting of what is written here; [`crate::lenient::parse_foreign`] reads a little deeper.
pub(crate) const RECORD_LEVELS_MAX: u32 = 100;
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
        roles: record.roles.clone(),
        started_at: record.started_at,
        completed_at: record.completed_at,
        earlier_attempts: record.earlier_attempts.iter().map(attempt_without_events).collect(),
        events: Vec::new(),
    }
}

fn attempt_without_events(attempt: &SampleAttempt) -> SampleAttempt {
    SampleAttempt {
        attempt: attempt.attempt,
        ending: attempt.ending.clone(),
        usage: attempt.usage,
        cost: attempt.cost,
        roles: attempt.roles.clone(),
        started_at: attempt.started_at,
        completed_at: attempt.completed_at,
        events: Vec::new(),
    }
}

/// The document of a record as a journal keeps it. What is nested deeper than readers of JSON go becomes the text of its
/// JSON: nobody's tool call, metadata or score may make a run unreadable.
///
/// # Errors
/// [`serde_json::Error`] where a value cannot be written.
pub fn record_json(record: &SampleRecord) -> serde_json::Result<Vec<u8>> {
    let document = serde_json::to_vec(record)?;
    if !may_be_deep(&document) {
        return Ok(document);
    }
    let mut value = serde_json::to_value(record)?;
    flatten(&mut value, RECORD_LEVELS_MAX);
    serde_json::to_vec(&value)
}

/// Whether so many brackets are opened that they could stand in each other; counting them costs next to nothing.
fn may_be_deep(document: &[u8]) -> bool {
    document.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > RECORD_LEVELS_MAX as usize
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
        earlier_attempts: record.earlier_attempts.clone(),
        roles: record.roles.clone(),
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
