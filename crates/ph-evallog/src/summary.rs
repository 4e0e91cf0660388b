//! Summaries of samples: what lists show without opening the samples, with texts cut to about a kilobyte.

use std::collections::BTreeMap;

use ph_model::Content;
use ph_record::{Ending, SampleInput, SampleRecord};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::numbers::written;
use crate::sample::uuid;
use crate::score::{score, score_in};
use crate::shape::{instant, model_usage, role_usage};

/// Inspect's bound of a text in a summary.
const TEXT_CHARS_MAX: usize = 1_024;
const MESSAGES_MAX: usize = 8;

/// The document of a sample's summary.
///
/// # Errors
/// [`serde_json::Error`] where a value cannot be written.
pub fn summary_json(record: &SampleRecord, target: &str) -> serde_json::Result<Vec<u8>> {
    written(&summary(record, target))
}

fn summary(record: &SampleRecord, target: &str) -> Value {
    let seconds = record.completed_at.ms_since(record.started_at) as f64 / 1000.0;
    let mut value = json!({
        "id": crate::names::log_id(&record.sample),
        "epoch": record.epoch,
        "input": input(&record.input),
        "target": thinned(&json!(record.expected)),
        "metadata": metadata(&record.metadata),
        "scores": record.scores.iter().map(|(name, one)| (name.clone(), thinned(&score(one)))).collect::<Map<_, _>>(),
        "model_usage": model_usage(target, &record.usage, &record.roles),
        "started_at": instant(record.started_at),
        "completed_at": instant(record.completed_at),
        "total_time": seconds,
        "working_time": seconds,
        "uuid": uuid(record),
        "retries": record.earlier_attempts.len(),
        "completed": true,
        "message_count": record.messages.len(),
    });
    if !record.roles.is_empty() {
        value["role_usage"] = role_usage(&record.roles);
    }
    if !record.choices.is_empty() {
        value["choices"] = thinned(&json!(record.choices));
    }
    if let Some(error) = record.ending.error() {
        value["error"] = cut(&error.message).into();
    }
    if let Ending::Limit { limit, .. } = &record.ending {
        value["limit"] = json!(limit);
    }
    value
}

fn input(input: &SampleInput) -> Value {
    match input {
        SampleInput::Text(text) => cut(text).into(),
        SampleInput::Messages(messages) => {
            let shown = messages.iter().take(MESSAGES_MAX);
            shown.map(|one| json!({ "role": one.role, "content": text(&one.content) })).collect()
        }
    }
}

fn text(content: &Content) -> String {
    cut(&content.text())
}

/// Simple values only, as Inspect keeps them.
fn metadata(metadata: &Map<String, Value>) -> Value {
    let simple = metadata.iter().filter(|(_, value)| !value.is_object() && !value.is_array() && !value.is_null());
    Value::Object(simple.map(|(key, value)| (key.clone(), thinned(value))).collect())
}

fn thinned(value: &Value) -> Value {
    match value {
        Value::String(text) => cut(text).into(),
        Value::Array(list) => list.iter().map(thinned).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), thinned(value))).collect()),
        other => other.clone(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a list or a comparison needs of a summary; everything else in it is skipped.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SampleSummary {
    #[serde(rename = "id")]
    given_id: Value,
    /// The epoch, from 1.
    pub epoch: u32,
    #[serde(default)]
    scores: Option<BTreeMap<String, Value>>,
    /// Why it failed, where it did.
    #[serde(default)]
    pub error: Option<Value>,
    /// The limit that ended it, where one did.
    #[serde(default)]
    pub limit: Option<Value>,
}

impl SampleSummary {
    /// Reads a summary as it stands in a log.
    ///
    /// # Errors
    /// [`serde_json::Error`] where it is none.
    pub fn parse(document: &[u8]) -> serde_json::Result<Self> {
        crate::lenient::parse(document)
    }

    /// The summary of a whole sample, for logs that have none.
    #[must_use]
    pub fn of_sample(sample: &Value) -> Option<Self> {
        let field = |name: &str| sample.get(name).filter(|value| !value.is_null()).cloned();
        Some(Self {
            given_id: field("id")?,
            epoch: u32::try_from(sample.get("epoch")?.as_u64()?).ok()?,
            scores: field("scores").and_then(|scores| serde_json::from_value(scores).ok()),
            error: field("error").and_then(|error| error.get("message").cloned()),
            limit: field("limit").and_then(|limit| limit.get("type").cloned()),
        })
    }

    /// The item's id.
    #[must_use]
    pub fn id(&self) -> String {
        crate::event::id_in(Some(&self.given_id))
    }

    /// The scores as numbers by scorer; a score that has none is `None`.
    pub fn scores(&self) -> impl Iterator<Item = (&str, Option<f64>)> {
        let all = self.scores.iter().flatten();
        all.map(|(name, one)| (name.as_str(), score_in(one).and_then(|score| score.value.as_number())))
    }

    /// How it ended, in the words of tables: `completed`, `limit (which)` or `error`.
    #[must_use]
    pub fn ending(&self) -> String {
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match (&self.error, &self.limit) {
            (Some(_), _) => "error".to_owned(),
            (None, Some(limit)) => format!("limit ({})", word(limit)),
            (None, None) => "completed".to_owned(),
        }
    }
}
