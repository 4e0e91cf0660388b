//! A scorer in its place in a task: with the parameters that every scorer takes.

use ph_record::{Sample, Score, ScoreValue, ScorerSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::recorded::ScorerPlace;
use super::{Scorer, ScorerError, Subject, build};
use crate::parameters::{ParameterError, read};
use crate::role::RoleAsker;
use crate::sample_state::SampleState;
use crate::step_context::StepContext;

const COMMON: [&str; 4] = ["label", "against", "only", "invert"];

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Common {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    against: Option<String>,
    #[serde(default)]
    only: Map<String, Value>,
    #[serde(default)]
    invert: bool,
}

/// A scorer with its label and what it applies to.
pub(super) struct PlacedScorer {
    pub(super) label: String,
    gold_field: Option<String>,
    only: Map<String, Value>,
    invert: bool,
    pub(super) scorer: Box<dyn Scorer>,
}

impl PlacedScorer {
    /// A scorer of the task, or of the scorer at `around`.
    pub(super) fn new(spec: &ScorerSpec, around: &ScorerPlace, context: &StepContext) -> Result<Self, ParameterError> {
        let name = spec.name();
        let (common, own): (Map<_, _>, Map<_, _>) =
            spec.parameters().into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
        let common: Common = read(&common)?;
        let gold_field = common.against.map(|against| gold_field(&against)).transpose()?;
        let label = common.label.unwrap_or_else(|| name.to_owned());
        if label.is_empty() {
            return Err(ParameterError::of("label", "a label is not empty"));
        }
        let labels = around.labels.iter().chain([&label]).cloned().collect();
        let place = ScorerPlace { labels, inverts: common.invert };
        let scorer = build((name, &own), &place, context)?;
        Ok(Self { label, gold_field, only: common.only, invert: common.invert, scorer })
    }

    /// Whether it can judge this item, or does not have to.
    pub(super) fn check(&self, item: &Sample) -> Result<(), ScorerError> {
        self.check_against(item.expected.all(), item)
    }

    /// The same with these gold answers where it names no field of its own.
    pub(super) fn check_against(&self, expected: &[String], item: &Sample) -> Result<(), ScorerError> {
        if !takes(&self.only, &item.metadata) {
            return Ok(());
        }
        self.scorer.check(&self.gold(expected, &item.metadata)?, item)
    }

    fn gold(&self, expected: &[String], metadata: &Map<String, Value>) -> Result<Vec<String>, ScorerError> {
        match &self.gold_field {
            None => Ok(expected.to_vec()),
            Some(field) => gold_in(metadata, field),
        }
    }

    /// The score against `expected`, unless it names a field of its own; `None` for an item that this scorer does not judge.
    pub(super) async fn score(
        &self,
        state: &SampleState,
        expected: &[String],
        roles: &mut RoleAsker<'_>,
    ) -> Result<Option<Score>, ScorerError> {
        if !takes(&self.only, &state.metadata) {
            return Ok(None);
        }
        let expected = self.gold(expected, &state.metadata)?;
        let subject = Subject { state, expected, reply: state.reply() };
        if !self.scorer.judges(&subject) {
            return Ok(None);
        }
        let mut score = self.scorer.score(&subject, roles).await?;
        if self.invert {
            score.value = inverted(&score.value)?;
        }
        Ok(Some(score))
    }
}

pub(crate) fn takes(only: &Map<String, Value>, metadata: &Map<String, Value>) -> bool {
    only.iter().all(|(key, wanted)| has_value(metadata.get(key), wanted))
}

fn gold_field(against: &str) -> Result<String, ParameterError> {
    match against.strip_prefix("metadata.") {
        Some(field) if !field.is_empty() => Ok(field.to_owned()),
        _ => Err(ParameterError::of("against", format!("`{against}` is not `metadata.KEY`"))),
    }
}

fn has_value(value: Option<&Value>, wanted: &Value) -> bool {
    let is_same = |wanted: &Value| match (value, wanted) {
        // 1 and 1.0 are the same value, whichever file they come from.
        (Some(Value::Number(a)), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Some(value), wanted) => value == wanted,
        (None, _) => false,
    };
    match wanted {
        Value::Array(any) => is_same(wanted) || any.iter().any(is_same),
        one => is_same(one),
    }
}

fn gold_in(metadata: &Map<String, Value>, field: &str) -> Result<Vec<String>, ScorerError> {
    let wrong = || ScorerError(format!("the item's `metadata.{field}` is not a text, a number or a list of them"));
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(wrong()),
    };
    match metadata.get(field) {
        None => Err(ScorerError(format!("the item has no `metadata.{field}`"))),
        Some(Value::Array(all)) => all.iter().map(one).collect(),
        Some(value) => Ok(vec![one(value)?]),
    }
}

pub(super) fn inverted(value: &ScoreValue) -> Result<ScoreValue, ScorerError> {
    match value {
        ScoreValue::Bool(flag) => Ok(ScoreValue::Bool(!flag)),
        ScoreValue::Number(number) => Ok(ScoreValue::Number(1.0 - number)),
        ScoreValue::Text(letter) if letter == "C" => Ok(ScoreValue::incorrect()),
        ScoreValue::Text(letter) if letter == "I" || letter == "N" => Ok(ScoreValue::correct()),
        ScoreValue::Text(letter) if letter == "P" => Ok(value.clone()),
        other => Err(ScorerError(format!("{other:?} cannot be inverted"))),
    }
}
