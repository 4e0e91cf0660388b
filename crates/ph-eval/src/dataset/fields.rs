//! From a record of a file whose fields have other names to an item (`dataset = { file, fields = { … } }`).

use ph_record::{ChoiceFields, Expected, FieldMap, Sample, SampleInput};
use serde_json::{Map, Value};

use crate::parameters::list;
use crate::solver::choice_letter::{CHOICES_MAX, letter, place_of};

/// The item that a record holds; `place` is its id where the file has none.
pub(super) fn mapped(fields: &FieldMap, mut record: Map<String, Value>, place: u64) -> Result<Sample, String> {
    let mut part = |own: &str, field: Option<&String>| match field {
        None => Ok(record.shift_remove(own).filter(|value| !value.is_null())),
        Some(field) => match record.shift_remove(field) {
            Some(value) => Ok(Some(value).filter(|value| !value.is_null())),
            None => Err(no_field(field, &record)),
        },
    };
    let id = part("id", fields.id.as_ref())?;
    let input = part("input", fields.input.as_ref())?;
    let target = part("target", fields.target.as_ref())?;
    let choices = match &fields.choices {
        None => part("choices", None)?.map(choice_list).transpose()?,
        Some(ChoiceFields::List(field)) => part("choices", Some(field))?.map(choice_list).transpose()?,
        Some(ChoiceFields::Each(each)) => {
            Some(each.iter().map(|field| one_choice(&mut part, field)).collect::<Result<_, _>>()?)
        }
    }
    .unwrap_or_default();
    let id = match id {
        None if fields.id.is_none() => place.to_string(),
        None => return Err("the id is null".to_owned()),
        Some(id) => text(&id).ok_or("the id is not a text or a number")?,
    };
    let input = match input {
        None => return Err("there is no input".to_owned()),
        Some(Value::Array(messages)) => serde_json::from_value(Value::Array(messages))
            .map(SampleInput::Messages)
            .map_err(|error| format!("the input is not a list of messages: {error}"))?,
        Some(value) => SampleInput::Text(text(&value).ok_or("the input is not a text or a list of messages")?),
    };
    let expected = target.map(|target| expected(&target, &choices)).transpose()?.unwrap_or_default();
    Ok(Sample { id, input, expected, choices, metadata: metadata(fields, record)? })
}

fn one_choice(
    part: &mut impl FnMut(&str, Option<&String>) -> Result<Option<Value>, String>,
    field: &String,
) -> Result<String, String> {
    let value = part("choices", Some(field))?.unwrap_or(Value::Null);
    text(&value).ok_or_else(|| format!("the choice `{field}` is not a text or a number"))
}

fn no_field(field: &str, record: &Map<String, Value>) -> String {
    format!("there is no field `{field}`; there are {}", list(record.keys().take(30).map(String::as_str)))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A list of choices, or a text that is one in JSON.
fn choice_list(value: Value) -> Result<Vec<String>, String> {
    let wrong = || "the choices are not a list of texts".to_owned();
    let value = match value {
        Value::String(json) => serde_json::from_str(&json).map_err(|_| wrong())?,
        other => other,
    };
    value.as_array().ok_or_else(wrong)?.iter().map(|choice| text(choice).ok_or_else(wrong)).collect()
}

/// The gold answer. With choices it becomes the letter of the one meant: a whole number names it from 0, and a text that
/// is no letter must be the choice's own.
fn expected(target: &Value, choices: &[String]) -> Result<Expected, String> {
    let one = |value: &Value| {
        let plain = text(value).ok_or("the target is not a text, a number or a list of them")?;
        if choices.is_empty() || choices.len() > CHOICES_MAX {
            return Ok(plain);
        }
        let by_number =
            value.as_u64().and_then(|place| usize::try_from(place).ok()).filter(|place| *place < choices.len());
        let by_text =
            || choices.iter().position(|choice| *choice == plain).filter(|_| place_of(&plain, choices.len()).is_none());
        Ok::<_, String>(by_number.or_else(by_text).map_or(plain, |place| letter(place).to_string()))
    };
    match target {
        Value::Array(all) => all.iter().map(one).collect::<Result<_, _>>().map(Expected::AnyOf),
        value => one(value).map(Expected::One),
    }
}

/// What is left of the record, with the object `metadata` laid flat and fields renamed as asked.
fn metadata(fields: &FieldMap, mut record: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut metadata = Map::new();
    for (name, field) in &fields.metadata {
        let value = record.shift_remove(field).ok_or_else(|| no_field(field, &record))?;
        metadata.insert(name.clone(), value);
    }
    if let Some(Value::Object(inner)) = record.shift_remove("metadata") {
        metadata.extend(inner);
    }
    for (name, value) in record {
        metadata.entry(name).or_insert(value);
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(fields: &Value, record: &Value, wanted: Result<Value, &str>) {
        let fields: FieldMap = serde_json::from_value(fields.clone()).unwrap();
        let sample = mapped(&fields, record.as_object().unwrap().clone(), 7);
        match (sample, wanted) {
            (Ok(sample), Ok(wanted)) => assert_eq!(serde_json::to_value(sample).unwrap(), wanted),
            (Err(error), Err(wanted)) => assert!(error.contains(wanted), "{error}"),
            (sample, wanted) => panic!("{sample:?}, wanted {wanted:?}"),
        }
    }

    #[test]
    fn fields_are_mapped() {
        check(
            &json!({ "input": "question", "target": "answer" }),
            &json!({ "question": "2+2?", "answer": 4, "level": 3, "metadata": { "source": "x" } }),
            Ok(json!({ "id": "7", "input": "2+2?", "target": "4", "metadata": { "source": "x", "level": 3 } })),
        );
        let multiple = json!({ "id": "key", "input": "q", "target": "gold", "choices": "options" });
        check(
            &multiple,
            &json!({ "key": 12, "q": "?", "gold": 1, "options": ["x", "y"] }),
            Ok(json!({ "id": "12", "input": "?", "target": "B", "choices": ["x", "y"] })),
        );
        check(
            &multiple,
            &json!({ "key": "k", "q": "?", "gold": "y", "options": "[\"x\",\"y\"]" }),
            Ok(json!({ "id": "k", "input": "?", "target": "B", "choices": ["x", "y"] })),
        );
        check(
            &json!({ "input": "q", "choices": ["right", "wrong"], "metadata": { "topic": "Subject" } }),
            &json!({ "q": "?", "right": "x", "wrong": 2, "target": "A", "Subject": "law" }),
            Ok(
                json!({ "id": "7", "input": "?", "target": "A", "choices": ["x", "2"], "metadata": { "topic": "law" } }),
            ),
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        check(
            &json!({ "input": "q" }),
            &json!({ "question": "?" }),
            Err("there is no field `q`; there are `question`"),
        );
        check(&json!({ "target": "t" }), &json!({ "t": "x" }), Err("there is no input"));
        check(&json!({ "id": "k" }), &json!({ "k": null, "input": "?" }), Err("the id is null"));
        check(&json!({ "input": "q" }), &json!({ "q": { "a": 1 } }), Err("the input is not a text"));
        check(&json!({ "input": "q" }), &json!({ "q": [{ "a": 1 }] }), Err("not a list of messages"));
        check(&json!({ "choices": "c" }), &json!({ "input": "?", "c": "x" }), Err("the choices are not a list"));
        check(&json!({ "choices": ["c"] }), &json!({ "input": "?", "c": [] }), Err("the choice `c`"));
        check(&json!({ "target": "t" }), &json!({ "input": "?", "t": {} }), Err("the target is not a text"));
        check(&json!({ "metadata": { "a": "b" } }), &json!({ "input": "?" }), Err("no field `b`"));
    }
}
