//! The compact rows of one run: what estimates need of a sample, so that transcripts are not held.
//!
//! Fed record by record, in any order; of several attempts at one item and epoch the last counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ph_base::{Digest, Money};
use ph_model::Message;
use ph_record::{LabelKind, MetricSpec, Response, SampleInput, SampleRecord, TaskSpec};
use serde_json::Value;

use crate::endings::failures;
use crate::excerpt::{Excerpts, TranscriptExcerpt};
use crate::measure::Measure;

/// The rows of one run and a bounded choice of its transcripts.
#[derive(Debug, Clone)]
pub struct RunTable {
    measures: Vec<Measure>,
    group_by: Option<String>,
    /// The metadata fields that the task's metrics read.
    fields: Vec<String>,
    names: BTreeSet<Arc<str>>,
    rows: BTreeMap<RowKey, Row>,
    excerpts: Excerpts,
    /// The first message of every kind of failure, by ending and code.
    messages: BTreeMap<(&'static str, String), String>,
}

/// Item and epoch.
pub(crate) type RowKey = (Arc<str>, u32);

/// One item at one epoch.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    attempt: (u32, i64),
    /// The task source's round.
    pub(crate) round: u32,
    /// The group of items that belong together.
    pub(crate) cluster: Arc<str>,
    /// Tells whether two rows of the same id were given the same input.
    pub(crate) input: u64,
    /// Scores by scorer, those that are numbers.
    pub(crate) scores: Vec<(Arc<str>, f64)>,
    /// Per measure: what the item is there.
    pub(crate) places: Vec<Place>,
    /// The value of the field by which tables are broken down.
    pub(crate) group: Option<Arc<str>>,
    /// The values of the fields that the task's metrics read; see [`RunTable::field`].
    pub(crate) fields: Vec<Option<Arc<str>>>,
    /// The ending's name.
    pub(crate) ending: &'static str,
    /// Code of the failure, where it failed.
    pub(crate) error: Option<Arc<str>>,
    /// How the target responded.
    pub(crate) response: Option<Response>,
    /// What it cost, where that is known.
    pub(crate) cost: Option<Money>,
    /// Whether somebody labelled it void or the task broken.
    pub(crate) void: bool,
    /// Whether somebody labelled it cheated.
    pub(crate) cheated: bool,
}

/// What an item is in one measure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// Whether it counts.
    pub(crate) counts: bool,
    /// Whether it asks the same without a candidate.
    pub(crate) is_baseline: bool,
    /// The candidate tried.
    pub(crate) candidate: Option<Arc<str>>,
    /// Candidates tried all at once.
    pub(crate) together: Vec<Arc<str>>,
    /// What it shares with its counterpart with or without the candidate.
    pub(crate) pair: Option<Arc<str>>,
}

impl Row {
    /// The score of this scorer; none for a row that failed.
    pub(crate) fn score(&self, scorer: &str) -> Option<f64> {
        if self.error.is_some() {
            return None;
        }
        self.scores.iter().find(|(name, _)| &**name == scorer).map(|(_, score)| *score)
    }
}

impl RunTable {
    /// An empty table for runs of this task.
    #[must_use]
    pub fn new(task: &TaskSpec) -> Self {
        let measures = Measure::of_task(task);
        Self {
            excerpts: Excerpts::new(measures.len()),
            measures,
            group_by: task.analysis.group_by.clone(),
            fields: metric_fields(task),
            names: BTreeSet::new(),
            rows: BTreeMap::new(),
            messages: BTreeMap::new(),
        }
    }

    /// Takes what estimates need of one finished sample.
    pub fn observe(&mut self, record: &SampleRecord) {
        let key = (self.name(&record.sample), record.epoch);
        let row = self.row(record);
        let newer = self.rows.get(&key).is_none_or(|old| old.attempt < row.attempt);
        if newer {
            if let Some(error) = record.ending.error() {
                let kind = (record.ending.name(), error.code.clone());
                self.messages.entry(kind).or_insert_with(|| error.message.clone());
            }
            let faulty = self.measures.iter().enumerate().filter(|(index, measure)| {
                row.places[*index].counts && row.score(&measure.score).is_some_and(|score| measure.is_faulty(score))
            });
            let faulty: Vec<usize> = faulty.map(|(index, _)| index).collect();
            self.excerpts.observe(record, &faulty);
            self.rows.insert(key, row);
        }
    }

    /// The failures with their counts, each with the message of the first: (ending, code, count, message).
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, String, u64, String)> + '_ {
        failures(self).into_iter().map(|(kind, count)| {
            let message = self.messages.get(&kind).cloned().unwrap_or_default();
            (kind.0, kind.1, count, message)
        })
    }

    /// How many samples × epochs it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows by item and epoch.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&RowKey, &Row)> {
        self.rows.iter()
    }

    /// The place of a metadata field among a row's `fields`.
    pub(crate) fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field == name)
    }

    /// One row.
    pub(crate) fn get(&self, key: &RowKey) -> Option<&Row> {
        self.rows.get(key)
    }

    /// The task's measures; for a task without any, the mean of every scorer's score, compared with nothing.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        if !self.measures.is_empty() {
            return self.measures.iter().cloned().map(|measure| self.scaled(measure)).collect();
        }
        let scorers: BTreeSet<&Arc<str>> =
            self.rows.values().flat_map(|row| &row.scores).map(|(name, _)| name).collect();
        scorers.into_iter().map(|scorer| self.scaled(Measure::implicit(scorer))).collect()
    }

    /// The measure, told whether its scores here lie outside 0–1.
    pub(crate) fn scaled(&self, measure: Measure) -> Measure {
        let mut scores = self.rows.values().filter_map(|row| row.score(&measure.score));
        Measure { own_unit: scores.any(|score| !(0.0..=1.0).contains(&score)), ..measure }
    }

    /// The chosen transcripts.
    pub(crate) fn transcripts(&self) -> Vec<TranscriptExcerpt> {
        let titles: Vec<&str> = self.measures.iter().map(|measure| measure.title.as_str()).collect();
        self.excerpts.chosen(&titles)
    }

    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(text);
        self.names.insert(Arc::clone(&name));
        name
    }

    fn place(&mut self, index: usize, record: &SampleRecord) -> Place {
        let measure = &self.measures[index];
        let (counts, is_baseline) = (measure.takes(&record.metadata), measure.takes_as_baseline(&record.metadata));
        let candidate = measure.searched.as_ref().and_then(|field| field_text(record, field));
        let several = measure.searched.as_ref().map(|field| format!("{field}s"));
        let pair = measure.baseline.as_ref().and_then(|baseline| field_text(record, &baseline.pair));
        Place {
            counts,
            is_baseline,
            candidate: candidate.map(|text| self.name(&text)),
            together: several.iter().flat_map(|field| field_list(record, field)).map(|text| self.name(text)).collect(),
            pair: pair.map(|text| self.name(&text)),
        }
    }

    fn row(&mut self, record: &SampleRecord) -> Row {
        let numbers = record.scores.iter().filter_map(|(name, score)| Some((name, score.value.as_number()?)));
        let scores = numbers.map(|(name, number)| (self.name(name), number)).collect();
        let places = (0..self.measures.len()).map(|index| self.place(index, record)).collect();
        let group = self.group_by.as_ref().and_then(|field| field_text(record, field));
        let fields: Vec<Option<String>> = self.fields.iter().map(|field| field_text(record, field)).collect();
        let labelled = |kinds: &[LabelKind]| record.labels.iter().any(|label| kinds.contains(&label.kind));
        Row {
            attempt: (record.attempt, record.completed_at.0),
            round: record.round,
            cluster: self.name(&record.cluster()),
            input: input_mark(record),
            scores,
            places,
            group: group.map(|text| self.name(&text)),
            fields: fields.into_iter().map(|text| text.map(|text| self.name(&text))).collect(),
            ending: record.ending.name(),
            error: record.ending.error().map(|error| self.name(&error.code)),
            response: record.response,
            cost: record.cost_of_all_attempts(),
            void: labelled(&[LabelKind::Void, LabelKind::BrokenTask]),
            cheated: labelled(&[LabelKind::Cheated]),
        }
    }
}

/// The fields that the task's metrics read, each once.
fn metric_fields(task: &TaskSpec) -> Vec<String> {
    let tables = task.metrics.iter().map(MetricSpec::table);
    let names: BTreeSet<String> = tables.flat_map(|metric| [metric.group_by, metric.cluster]).flatten().collect();
    names.into_iter().collect()
}

/// The texts of the list in a metadata field; empty where it is no list.
fn field_list<'a>(record: &'a SampleRecord, field: &str) -> impl Iterator<Item = &'a str> {
    record.metadata.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// A metadata field as text; texts as they are, anything else as JSON. Absent and null are none.
fn field_text(record: &SampleRecord, field: &str) -> Option<String> {
    match record.metadata.get(field)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Input and options as asked, as a number to compare by. Of a message only what a model reads counts: logs give every
/// message an id of its own.
fn input_mark(record: &SampleRecord) -> u64 {
    let read = |one: &Message| (one.role, one.content.clone(), one.tool_calls.clone(), one.tool_call_id.clone());
    let input = match &record.input {
        SampleInput::Text(text) => serde_json::to_vec(text),
        SampleInput::Messages(messages) => serde_json::to_vec(&messages.iter().map(read).collect::<Vec<_>>()),
    };
    let input = input.unwrap_or_default();
    let choices = record.choices.iter().map(String::as_bytes);
    Digest::of_parts(std::iter::once(input.as_slice()).chain(choices)).first_u64()
}
