//! Samples as Inspect wrote them until the autumn of 2024: the transcript with its long texts stood in one field.

use serde_json::{Map, Value};

/// Gives such a sample today's shape; any other stays as it is.
pub(crate) fn renew(sample: &mut Map<String, Value>) {
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
