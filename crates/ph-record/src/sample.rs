//! A sample: one item of a task, as its file or generator gives it.

use std::borrow::Cow;

use ph_model::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the target is given: a text that becomes one user message, or a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum SampleInput {
    /// One user message.
    Text(String),
    /// A conversation so far.
    Messages(Vec<Message>),
}

/// The gold answer; several texts are alternatives, each of them right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Expected {
    /// The one right answer.
    One(String),
    /// Any of these is right.
    AnyOf(Vec<String>),
}

impl Expected {
    /// All right answers.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Expected::One(one) => std::slice::from_ref(one),
            Expected::AnyOf(all) => all,
        }
    }
}

impl Default for Expected {
    fn default() -> Self {
        Expected::AnyOf(Vec::new())
    }
}

/// One item. In files the gold answer is called `target`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Unique in its task.
    pub id: String,
    /// What the target is given.
    pub input: SampleInput,
    /// The gold answer; for items with choices the letter of the right one.
    #[serde(rename = "target", default)]
    pub expected: Expected,
    /// The options of a multiple-choice item, in the file's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Anything else about the item. `cluster` (a text or a number) names the group of items that belong together in statistics.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

impl Sample {
    /// The group to which the item belongs in statistics: its metadata's `cluster`, else the item itself.
    #[must_use]
    pub fn cluster(&self) -> Cow<'_, str> {
        cluster(&self.metadata, &self.id)
    }
}

/// The `cluster` of these metadata, a number as it is written; where there is none the item `id`.
pub(crate) fn cluster<'a>(metadata: &'a Map<String, Value>, id: &'a str) -> Cow<'a, str> {
    match metadata.get("cluster") {
        None | Some(Value::Null) => Cow::Borrowed(id),
        Some(Value::String(name)) => Cow::Borrowed(name),
        Some(other) => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_line_reads_as_documented() {
        let line = r#"{"id":"1","input":"2 + 2?","target":"4"}"#;
        let sample: Sample = serde_json::from_str(line).unwrap();
        assert_eq!(sample.expected.all(), ["4"]);
        assert_eq!(sample.cluster(), "1");
        assert_eq!(serde_json::to_string(&sample).unwrap(), line);
    }

    #[test]
    fn a_conversation_with_several_answers_reads() {
        let line =
            r#"{"id":"b","input":[{"role":"user","content":"hi"}],"target":["x","y"],"metadata":{"cluster":"pair-3"}}"#;
        let sample: Sample = serde_json::from_str(line).unwrap();
        assert_eq!(sample.expected.all(), ["x", "y"]);
        assert_eq!(sample.cluster(), "pair-3");
    }

    #[test]
    fn a_cluster_may_be_a_number() {
        let cluster = |cluster: &str| {
            let line = format!(r#"{{"id":"b","input":"hi","metadata":{{"cluster":{cluster}}}}}"#);
            serde_json::from_str::<Sample>(&line).unwrap().cluster().into_owned()
        };
        assert_eq!([cluster("7"), cluster("7.5"), cluster("null")], ["7", "7.5", "b"]);
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let error = serde_json::from_str::<Sample>(r#"{"id":"1","input":"a","answer":"4"}"#).unwrap_err();
        assert!(error.to_string().contains("answer"), "{error}");
    }
}
