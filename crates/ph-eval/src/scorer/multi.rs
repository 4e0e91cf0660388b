//! `multi {scorers, reducer = "mean"}`: several scorers made into one. `all` is correct where every one gives 1. Each
//! one's score is kept in the metadata; one that does not judge the item is left out, one that fails makes this one fail.

use async_trait::async_trait;
use ph_record::{Sample, Score, ScoreValue, ScorerSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::placed::PlacedScorer;
use super::recorded::ScorerPlace;
use super::{Scorer, ScorerError, Subject};
use crate::parameters::ParameterError;
use crate::role::RoleAsker;
use crate::step_context::StepContext;

/// How several scores become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Joining {
    /// Their mean.
    #[default]
    Mean,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// The commonest; of equals the first.
    Mode,
    /// Whether all are 1.
    All,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct MultiParameters {
    scorers: Vec<ScorerSpec>,
    #[serde(default)]
    reducer: Joining,
}

pub(super) struct Multi {
    scorers: Vec<PlacedScorer>,
    reducer: Joining,
}

impl Multi {
    pub(super) fn new(
        parameters: MultiParameters,
        place: &ScorerPlace,
        context: &StepContext,
    ) -> Result<Self, ParameterError> {
        let wrong = |problem: String| ParameterError::of("scorers", problem);
        let mut scorers: Vec<PlacedScorer> = Vec::new();
        for spec in &parameters.scorers {
            let scorer = PlacedScorer::new(spec, place, context).map_err(|error| ParameterError {
                parameter: Some("scorers".to_owned()),
                problem: format!("scorer `{}`: {}", spec.name(), error.problem),
                hint: error.hint,
            })?;
            if scorers.iter().any(|earlier| earlier.label == scorer.label) {
                return Err(ParameterError {
                    hint: Some("give one of them a `label`".to_owned()),
                    ..wrong(format!("another scorer already records under `{}`", scorer.label))
                });
            }
            scorers.push(scorer);
        }
        match scorers.len() {
            0 => Err(wrong("there is no scorer".to_owned())),
            _ => Ok(Self { scorers, reducer: parameters.reducer }),
        }
    }

    fn joined(&self, given: &[(String, Score)]) -> Result<ScoreValue, ScorerError> {
        let number = |(label, score): &(String, Score)| {
            score.value.as_number().ok_or_else(|| ScorerError(format!("the score of `{label}` is not a number")))
        };
        if self.reducer == Joining::Mode {
            let count = |score: &Score| given.iter().filter(|(_, other)| other.value == score.value).count();
            // `max_by_key` takes the last of equals; the first is wanted.
            let most = given.iter().rev().max_by_key(|(_, score)| count(score));
            return most.map(|(_, score)| score.value.clone()).ok_or_else(nothing);
        }
        let numbers = given.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        Ok(match self.reducer {
            Joining::Min => ScoreValue::Number(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
            Joining::Max => ScoreValue::Number(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            Joining::All if numbers.iter().all(|number| *number >= 1.0) => ScoreValue::correct(),
            Joining::All => ScoreValue::incorrect(),
            Joining::Mean | Joining::Mode => ScoreValue::Number(numbers.iter().sum::<f64>() / numbers.len() as f64),
        })
    }
}

fn nothing() -> ScorerError {
    ScorerError("none of its scorers judges this item".to_owned())
}

#[async_trait]
impl Scorer for Multi {
    async fn score(&self, subject: &Subject<'_>, roles: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let mut given = Vec::new();
        for scorer in &self.scorers {
            let named = |error: ScorerError| ScorerError(format!("`{}`: {error}", scorer.label));
            if let Some(score) = scorer.score(subject.state, &subject.expected, roles).await.map_err(named)? {
                given.push((scorer.label.clone(), score));
            }
        }
        if given.is_empty() {
            return Err(nothing());
        }
        let value = self.joined(&given)?;
        let answer = given.first().and_then(|(_, score)| score.answer.clone());
        let kept: Map<String, Value> = given.into_iter().map(|(label, score)| (label, json!(score))).collect();
        Ok(Score { value, answer, explanation: None, metadata: Map::from_iter([("scores".to_owned(), kept.into())]) })
    }

    fn check(&self, gold: &[String], item: &Sample) -> Result<(), ScorerError> {
        self.scorers.iter().try_for_each(|scorer| {
            scorer.check_against(gold, item).map_err(|error| ScorerError(format!("`{}`: {error}", scorer.label)))
        })
    }

    fn roles(&self) -> Vec<String> {
        self.scorers.iter().flat_map(|scorer| scorer.scorer.roles()).collect()
    }
}
