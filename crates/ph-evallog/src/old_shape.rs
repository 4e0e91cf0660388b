//! Logs as Inspect wrote them in 2024. Until the autumn a sample's transcript with its long texts stood in one field; until the
//! summer there was one scorer, and a sample had its score in a field of its own.

use serde_json::{Map, Value};

/// The scorer of a score whose log does not name one.
const UNNAMED: &str = "score";

/// Gives such a log today's shape; any other stays as it is.
pub(crate) fn renew_log(log: &mut Value) {
    let Some(log) = log.as_object_mut() else { return };
    if let Some(results) = log.get_mut("results").and_then(Value::as_object_mut) {
        renew_results(results);
    }
    let first = log.get("results").and_then(|results| results.pointer("/scores/0/name")).and_then(Value::as_str);
    let scorer = first.unwrap_or(UNNAMED).to_owned();
    for sample in log.get_mut("samples").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(sample) = sample.as_object_mut() {
            renew_score(sample, &scorer);
        }
    }
}

/// One `scorer` beside its `metrics` is the only one of the `scores`.
fn renew_results(results: &mut Map<String, Value>) {
    if results.contains_key("scores") || !results.get("scorer").is_some_and(Value::is_object) {
        return;
    }
    let metrics = results.shift_remove("metrics").filter(Value::is_object);
    let Some(Value::Object(mut scorer)) = results.shift_remove("scorer") else { return };
    if let Some(metrics) = metrics {
        scorer.insert("metrics".to_owned(), metrics);
    }
    if let Some(name) = scorer.get("name").cloned() {
        scorer.insert("scorer".to_owned(), name);
    }
    results.insert("scores".to_owned(), Value::Array(vec![Value::Object(scorer)]));
}

fn renew_score(sample: &mut Map<String, Value>, scorer: &str) {
    if sample.get("scores").is_some_and(|scores| !scores.is_null()) {
        return;
    }
    if let Some(score) = sample.shift_remove("score").filter(|score| !score.is_null()) {
        sample.insert("scores".to_owned(), Value::Object(Map::from_iter([(scorer.to_owned(), score)])));
    }
}

/// Gives such a sample today's shape; any other stays as it is.
pub(crate) fn renew(sample: &mut Map<String, Value>) {
    renew_score(sample, UNNAMED);
    let Some(Value::Object(mut transcript)) = sample.shift_remove("transcript") else { return };
    for (old, name) in [("events", "events"), ("content", "attachments")] {
        if let Some(value) = transcript.shift_remove(old) {
            sample.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condense::{GROWTH_BYTES_MAX, expand};
    use serde_json::json;

    #[test]
    fn the_one_score_is_that_of_the_first_scorer() {
        let metrics = json!({ "accuracy": { "name": "accuracy", "value": 1.0 } });
        let mut log = json!({
            "results": { "scorer": { "name": "match", "params": {} }, "metrics": metrics },
            "samples": [{ "id": 1, "score": { "value": "C" } }, { "id": 2, "score": null }, { "id": 3 }],
        });
        renew_log(&mut log);
        let scorer = json!({ "name": "match", "scorer": "match", "params": {}, "metrics": metrics });
        let samples = json!([{ "id": 1, "scores": { "match": { "value": "C" } } }, { "id": 2 }, { "id": 3 }]);
        assert_eq!(log, json!({ "results": { "scores": [scorer] }, "samples": samples }));
        let wanted = log.clone();
        renew_log(&mut log);
        assert_eq!(log, wanted);
        let mut failed = json!({ "results": null, "samples": [{ "id": 1, "score": { "value": 1 } }] });
        renew_log(&mut failed);
        assert_eq!(failed["samples"], json!([{ "id": 1, "scores": { "score": { "value": 1 } } }]));
    }

    #[test]
    fn a_transcript_in_one_field_is_events_with_their_texts() {
        let mut sample = json!({ "id": 1, "transcript": {
            "events": [{ "event": "info", "data": "tc://k" }], "content": { "k": "a long text" } } });
        let fields = sample.as_object_mut().unwrap();
        renew(fields);
        expand(fields, GROWTH_BYTES_MAX).unwrap();
        assert_eq!(sample["events"], json!([{ "event": "info", "data": "a long text" }]));
        assert!(sample.get("transcript").is_none());
        let mut new = json!({ "id": 1, "events": [], "attachments": {} });
        let wanted = new.clone();
        renew(new.as_object_mut().unwrap());
        assert_eq!(new, wanted);
    }
}
