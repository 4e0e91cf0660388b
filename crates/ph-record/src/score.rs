//! Scores: what a scorer says of a reply.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A score's value. The letters are Inspect's: `C` correct, `I` incorrect, `P` partly, `N` no answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ScoreValue {
    /// True or false.
    Bool(bool),
    /// A number. One that is not finite has no JSON: it is written as null, and null is read as "not a number".
    Number(#[serde(deserialize_with = "number_or_null")] f64),
    /// A letter or another word.
    Text(String),
    /// Several values by name.
    Map(Map<String, Value>),
    /// Several values in order.
    List(Vec<Value>),
}

fn number_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl ScoreValue {
    /// Correct.
    #[must_use]
    pub fn correct() -> Self {
        ScoreValue::Text("C".to_owned())
    }

    /// Incorrect.
    #[must_use]
    pub fn incorrect() -> Self {
        ScoreValue::Text("I".to_owned())
    }

    /// The value as a number: `C` and true are 1, `P` is 0.5, `I`, `N` and false are 0, a number is itself;
    /// anything else has none.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            ScoreValue::Bool(true) => Some(1.0),
            ScoreValue::Bool(false) => Some(0.0),
            ScoreValue::Number(number) if number.is_finite() => Some(*number),
            ScoreValue::Text(text) => match text.as_str() {
                "C" => Some(1.0),
                "P" => Some(0.5),
                "I" | "N" => Some(0.0),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What one scorer says of one reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Score {
    /// The value.
    pub value: ScoreValue,
    /// The answer as the scorer read it from the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl Score {
    /// Correct or incorrect, with the answer as read.
    #[must_use]
    pub fn of(correct: bool, answer: impl Into<String>) -> Self {
        let value = if correct { ScoreValue::correct() } else { ScoreValue::incorrect() };
        Self { value, answer: Some(answer.into()), explanation: None, metadata: Map::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_numbers_read_as_numbers() {
        let number = |json: &str| serde_json::from_str::<ScoreValue>(json).unwrap().as_number();
        assert_eq!(number("\"C\""), Some(1.0));
        assert_eq!(number("\"P\""), Some(0.5));
        assert_eq!(number("\"N\""), Some(0.0));
        assert_eq!(number("true"), Some(1.0));
        assert_eq!(number("0.25"), Some(0.25));
        assert_eq!(number("\"maybe\""), None);
        assert_eq!(number("{\"a\":1}"), None);
        assert_eq!(ScoreValue::Number(f64::NAN).as_number(), None);
    }

    #[test]
    fn a_score_that_is_no_number_is_read_back_as_none() {
        for odd in [f64::NAN, f64::INFINITY] {
            let json = serde_json::to_string(&ScoreValue::Number(odd)).unwrap();
            assert!(matches!(serde_json::from_str(&json).unwrap(), ScoreValue::Number(number) if number.is_nan()));
        }
    }
}
