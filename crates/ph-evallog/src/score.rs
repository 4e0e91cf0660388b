//! Scores, ours to Inspect's and back.

use ph_record::{Score, ScoreValue};
use serde_json::{Map, Value, json};

use crate::numbers::{number, number_in};

/// Where a value stands that Inspect's own cannot hold.
const VALUE: &str = "proofhouse_value";

/// A score as Inspect reads it.
pub(crate) fn score(score: &Score) -> Value {
    let (value, whole) = value(&score.value);
    let mut fields = json!({ "value": value });
    if let Some(answer) = &score.answer {
        fields["answer"] = answer.as_str().into();
    }
    if let Some(explanation) = &score.explanation {
        fields["explanation"] = explanation.as_str().into();
    }
    if !score.metadata.is_empty() {
        fields["metadata"] = Value::Object(score.metadata.clone());
    }
    if let Some(whole) = whole {
        fields[VALUE] = whole;
    }
    fields
}

/// The value for Inspect, and the whole value where that is another one. Inspect holds one level of lists and maps.
fn value(value: &ScoreValue) -> (Value, Option<Value>) {
    match value {
        ScoreValue::Bool(flag) => ((*flag).into(), None),
        ScoreValue::Number(one) => (number(*one), None),
        ScoreValue::Text(text) => (text.as_str().into(), None),
        ScoreValue::Map(map) => {
            let flat: Map<_, _> = map.iter().map(|(key, value)| (key.clone(), scalar(value))).collect();
            let whole = (flat != *map).then(|| Value::Object(map.clone()));
            (Value::Object(flat), whole)
        }
        ScoreValue::List(list) => {
            let flat: Vec<Value> =
                list.iter().map(|value| if value.is_null() { "".into() } else { scalar(value) }).collect();
            let whole = (flat != *list).then(|| Value::Array(list.clone()));
            (Value::Array(flat), whole)
        }
    }
}

fn scalar(value: &Value) -> Value {
    if value.is_object() || value.is_array() { value.to_string().into() } else { value.clone() }
}

/// A log's score; `None` where it has no value.
pub(crate) fn score_in(fields: &Value) -> Option<Score> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut metadata = fields.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for more in ["reason", "history"] {
        if let Some(value) =
            fields.get(more).filter(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()))
        {
            metadata.entry(format!("inspect_{more}")).or_insert_with(|| value.clone());
        }
    }
    let given = fields.get(VALUE).or_else(|| fields.get("value")).unwrap_or(&Value::Null);
    let value = value_in(given, &mut metadata)?;
    Some(Score { value, answer: text("answer"), explanation: text("explanation"), metadata })
}

/// A value as Inspect's `value_to_float` reads it: words for yes and no are true and false, texts of digits are numbers.
/// What was written then stands in the score's metadata as `inspect_value`. Null is what old logs had for NaN.
fn value_in(given: &Value, metadata: &mut Map<String, Value>) -> Option<ScoreValue> {
    Some(match given {
        Value::Null => ScoreValue::Number(f64::NAN),
        Value::Bool(flag) => ScoreValue::Bool(*flag),
        Value::Number(one) => ScoreValue::Number(one.as_f64()?),
        Value::Array(list) => ScoreValue::List(list.clone()),
        Value::Object(map) => ScoreValue::Map(map.clone()),
        Value::String(text) => {
            if let Some(special) = number_in(given) {
                return Some(ScoreValue::Number(special));
            }
            let read = match text.to_lowercase().as_str() {
                _ if matches!(text.as_str(), "C" | "I" | "P" | "N") => None,
                "yes" | "true" => Some(ScoreValue::Bool(true)),
                "no" | "false" => Some(ScoreValue::Bool(false)),
                digits => digits.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(ScoreValue::Number),
            };
            if read.is_some() {
                metadata.insert("inspect_value".to_owned(), given.clone());
            }
            read.unwrap_or_else(|| ScoreValue::Text(text.clone()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_inspect_reads_them() {
        let number = |value: Value| score_in(&json!({ "value": value })).unwrap().value.as_number();
        for (value, wanted) in [
            (json!("C"), Some(1.0)),
            (json!("I"), Some(0.0)),
            (json!("P"), Some(0.5)),
            (json!("N"), Some(0.0)),
            (json!("yes"), Some(1.0)),
            (json!("False"), Some(0.0)),
            (json!("0.25"), Some(0.25)),
            (json!(3), Some(3.0)),
            (json!(true), Some(1.0)),
            (json!("maybe"), None),
            (json!("NaN"), None),
            (Value::Null, None),
            (json!({ "a": 1 }), None),
        ] {
            assert_eq!(number(value.clone()), wanted, "{value}");
        }
    }

    #[test]
    fn nested_values_survive() {
        for value in [json!({ "a": { "b": [1] }, "c": null }), json!([null, [1], "x"]), json!("P"), json!(false)] {
            let ours: Score =
                serde_json::from_value(json!({ "value": value, "answer": "a", "metadata": { "k": 1 } })).unwrap();
            assert_eq!(score_in(&score(&ours)).unwrap(), ours);
        }
    }
}
