//! `tool_call {arguments = true, ignore_case = false}`: the first tool call of the last reply against the gold call, a
//! JSON text `{"name": …, "arguments": {…}}`. With `arguments = false` only the function's name counts.

use async_trait::async_trait;
use ph_model::ToolCall;
use ph_record::{Sample, Score};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Scorer, ScorerError, Subject, present};
use crate::role::RoleAsker;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ToolCallScorer {
    #[serde(default = "yes")]
    arguments: bool,
    #[serde(default)]
    ignore_case: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldCall {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

#[async_trait]
impl Scorer for ToolCallScorer {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let gold = subject.gold()?.iter().map(|gold| parse_gold(gold)).collect::<Result<Vec<_>, _>>()?;
        let call = subject.state.output.as_ref().and_then(|output| output.message.tool_calls.first());
        let Some(call) = call else {
            let explanation = Some("the reply calls no tool".to_owned());
            return Ok(Score { explanation, answer: None, ..Score::of(false, "") });
        };
        let answer = serde_json::json!({ "name": call.function, "arguments": call.arguments }).to_string();
        let is_right = gold.iter().any(|gold| self.is_same(call, gold));
        Ok(Score { explanation: call.parse_error.clone(), ..Score::of(is_right, answer) })
    }

    fn check(&self, gold: &[String], _: &Sample) -> Result<(), ScorerError> {
        present(gold)?.iter().try_for_each(|gold| parse_gold(gold).map(|_| ()))
    }
}

impl ToolCallScorer {
    fn is_same(&self, call: &ToolCall, gold: &GoldCall) -> bool {
        call.function == gold.name
            && (!self.arguments || {
                call.parse_error.is_none()
                    && call.arguments.as_object().is_some_and(|arguments| self.are_same(arguments, &gold.arguments))
            })
    }

    fn are_same(&self, given: &Map<String, Value>, gold: &Map<String, Value>) -> bool {
        given.len() == gold.len()
            && gold.iter().all(|(key, wanted)| given.get(key).is_some_and(|value| self.is_value(value, wanted)))
    }

    fn is_value(&self, value: &Value, wanted: &Value) -> bool {
        match (value, wanted) {
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Value::String(a), Value::String(b)) => a == b || self.ignore_case && a.to_lowercase() == b.to_lowercase(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.is_value(a, b))
            }
            (Value::Object(a), Value::Object(b)) => self.are_same(a, b),
            (a, b) => a == b,
        }
    }
}

fn parse_gold(gold: &str) -> Result<GoldCall, ScorerError> {
    serde_json::from_str(gold).map_err(|error| ScorerError(format!("the gold answer is not a tool call: {error}")))
}
