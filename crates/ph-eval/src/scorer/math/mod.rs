//! `math {relative}`: whether the reply's mathematical answer is the gold answer, however it is written.
//!
//! Fractions, percentages, units, surds, powers, sets, tuples, intervals and their unions, in LaTeX or plain text. Two
//! expressions are the same where they have the same value at several points for their variables; what is no mathematics
//! is compared as words. Nothing is evaluated that grows with its input: texts and depths are bounded.

mod answer;
mod compare;
mod expression;
mod parser;
mod tokens;

use async_trait::async_trait;
use ph_record::Score;
use schemars::JsonSchema;
use serde::Deserialize;

use self::answer::final_answer;
use self::compare::are_equal;
use super::{Scorer, ScorerError, Subject};
use crate::parameters::ParameterError;
use crate::role::RoleAsker;

/// By which share of its size a value may differ where the task does not say: rounding of floating-point numbers alone.
const RELATIVE: f64 = 1e-9;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct MathParameters {
    /// By which share of the gold answer's size a value may differ.
    #[serde(default)]
    relative: Option<f64>,
}

pub(super) struct Math {
    relative: f64,
}

impl Math {
    pub(super) fn new(parameters: &MathParameters) -> Result<Self, ParameterError> {
        let relative = parameters.relative.unwrap_or(RELATIVE);
        if !(0.0..1.0).contains(&relative) {
            return Err(ParameterError::of("relative", format!("`{relative}` is not a number from 0 to below 1")));
        }
        Ok(Self { relative: relative.max(RELATIVE) })
    }
}

#[async_trait]
impl Scorer for Math {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let gold = subject.gold()?;
        let Some(answer) = final_answer(&subject.reply) else {
            let explanation = Some("the reply contains no answer".to_owned());
            return Ok(Score { explanation, answer: None, ..Score::of(false, "") });
        };
        let is_right = gold.iter().any(|gold| {
            // A gold answer may itself be a worked solution with its answer in a box.
            let gold = answer::boxed(gold).unwrap_or_else(|| gold.clone());
            are_equal(&answer, &gold, self.relative)
        });
        Ok(Score::of(is_right, answer))
    }
}
