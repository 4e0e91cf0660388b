//! `numeric {tolerance = 0, relative = 0}`: the reply's number against the gold answer. It is right where it differs by at
//! most `tolerance`, or by at most `relative` times the gold answer's size. The number is the first after the last
//! `ANSWER:`, else the last of the reply.

use async_trait::async_trait;
use ph_record::{Sample, Score};
use schemars::JsonSchema;
use serde::Deserialize;

use super::number::{gold_number, numbers};
use super::{Scorer, ScorerError, Subject, present};
use crate::parameters::ParameterError;
use crate::role::RoleAsker;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct NumericParameters {
    /// The most by which the number may differ.
    #[serde(default)]
    tolerance: f64,
    /// The same as a share of the gold answer: 0.01 is one per cent.
    #[serde(default)]
    relative: f64,
}

pub(super) struct Numeric {
    tolerance: f64,
    relative: f64,
}

impl Numeric {
    pub(super) fn new(parameters: &NumericParameters) -> Result<Self, ParameterError> {
        let NumericParameters { tolerance, relative } = *parameters;
        for (name, value) in [("tolerance", tolerance), ("relative", relative)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(ParameterError::of(name, format!("`{value}` is not a number of at least 0")));
            }
        }
        Ok(Self { tolerance, relative })
    }
}

#[async_trait]
impl Scorer for Numeric {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let gold = subject.gold()?.iter().map(|gold| gold_number(gold)).collect::<Result<Vec<_>, _>>()?;
        let Some(number) = answer(&subject.reply) else {
            let explanation = Some("the reply contains no number".to_owned());
            return Ok(Score { explanation, answer: None, ..Score::of(false, "") });
        };
        let is_right = gold.iter().any(|gold| (gold - number).abs() <= self.tolerance.max(self.relative * gold.abs()));
        Ok(Score::of(is_right, number.to_string()))
    }

    fn check(&self, gold: &[String], _: &Sample) -> Result<(), ScorerError> {
        present(gold)?.iter().try_for_each(|gold| gold_number(gold).map(|_| ()))
    }
}

fn answer(reply: &str) -> Option<f64> {
    let lower = reply.to_ascii_lowercase();
    let marked = lower.rfind("answer:").and_then(|at| numbers(&reply[at..]).first().copied());
    marked.or_else(|| numbers(reply).last().copied())
}
