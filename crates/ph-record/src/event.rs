//! Transcript events: everything that happened to a sample, in a tree of spans.
//!
//! The kinds and their tag `event` are Inspect's long-standing ones, so that a transcript exports without loss.
//! What Proofhouse adds goes into `info` events whose `source` begins with `proofhouse.`.

use ph_base::Timestamp;
use ph_model::{GenerateConfig, Message, ModelErrorKind, ModelOutput, ToolChoice, ToolDefinition};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::sample::{Expected, SampleInput};
use crate::sample_record::{LimitKind, RecordedError};
use crate::score::Score;

/// One event of a sample's transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Place in the sample's transcript, from 0.
    pub sequence: u32,
    /// The span in which it happened; a `span_begin` names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// When it happened (began, for a call).
    pub timestamp: Timestamp,
    /// Milliseconds since the sample began, without waiting for a place.
    #[serde(default)]
    pub working_start_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventKind {
    /// A kind that this version knows.
    Known(Box<KnownEvent>),
    /// A kind that it does not: kept as it came.
    Other(Map<String, Value>),
}

impl EventKind {
    /// The event, where this version knows its kind.
    #[must_use]
    pub fn known(&self) -> Option<&KnownEvent> {
        match self {
            EventKind::Known(known) => Some(known),
            EventKind::Other(_) => None,
        }
    }
}

impl From<KnownEvent> for EventKind {
    fn from(known: KnownEvent) -> Self {
        EventKind::Known(Box::new(known))
    }
}

/// The kinds that this version writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum KnownEvent {
    /// The sample as it came.
    SampleInit(SampleInit),
    /// A span begins.
    SpanBegin(SpanBegin),
    /// A span ends.
    SpanEnd {
        /// The span.
        id: String,
    },
    /// A call to a model.
    Model(Box<ModelEvent>),
    /// A tool ran.
    Tool(ToolEvent),
    /// A scorer gave a score.
    Score {
        /// The scorer.
        scorer: String,
        /// The score.
        score: Score,
    },
    /// A limit ended the sample.
    SampleLimit {
        /// Which limit.
        #[serde(rename = "type")]
        kind: LimitKind,
        /// The limit's value, where it has one.
        limit: Option<f64>,
        /// What happened.
        message: String,
    },
    /// Something failed.
    Error {
        /// What failed.
        error: RecordedError,
    },
    /// Anything else worth keeping.
    Info {
        /// Who says it.
        source: String,
        /// What.
        data: Value,
    },
}

/// The sample as it came, before any solver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleInit {
    /// The item's id.
    pub id: String,
    /// Its input.
    pub input: SampleInput,
    /// Its gold answer.
    #[serde(rename = "target")]
    pub expected: Expected,
    /// Its options, in the order in which they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// A span begins: `init`, `solvers` ▸ `solver`, `scorers` ▸ `scorer`, later `agent` and `tool`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanBegin {
    /// Unique in the transcript.
    pub id: String,
    /// The span around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// What kind of span.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name, for instance the solver's.
    pub name: String,
}

/// One call to a model: exactly one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEvent {
    /// The target.
    pub model: String,
    /// The role in which it is used, where the task names roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The conversation sent.
    pub input: Vec<Message>,
    /// The tools offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Which of them had to be called.
    #[serde(default)]
    pub tool_choice: ToolChoice,
    /// The settings.
    pub config: GenerateConfig,
    /// The reply; absent where the call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ModelOutput>,
    /// The failure; absent where the call succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ModelCallError>,
    /// Set where the reply is one that the target gave earlier: nobody was asked, and nothing was charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheHit>,
    /// When the reply was there.
    pub completed: Timestamp,
}

/// The call of which a reply that was served from a cache came. What it used then is in the output's usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheHit {
    /// When it began; absent where nobody wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// Milliseconds that the target took then; absent where nobody wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCallError {
    /// What kind of failure.
    pub kind: ModelErrorKind,
    /// What happened.
    pub message: String,
}

/// A tool ran on behalf of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolEvent {
    /// The call's id.
    pub id: String,
    /// The tool.
    pub function: String,
    /// Its arguments.
    pub arguments: Value,
    /// What it returned, whole.
    pub result: Value,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it ended.
    pub completed: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &Value, is_known: bool) {
        let event: Event = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(event.kind.known().is_some(), is_known, "{json}");
        assert_eq!(&serde_json::to_value(&event).unwrap(), json);
    }

    #[test]
    fn events_round_trip_known_or_not() {
        let common = |more: Value| {
            let mut event =
                serde_json::json!({ "sequence": 3, "span_id": "s1", "timestamp": 5, "working_start_ms": 2 });
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        check(&common(serde_json::json!({ "event": "info", "source": "proofhouse.test", "data": [1] })), true);
        check(
            &common(serde_json::json!({ "event": "span_begin", "id": "s1", "type": "solver", "name": "generate" })),
            true,
        );
        check(
            &common(serde_json::json!({ "event": "sample_limit", "type": "token", "limit": 5.0, "message": "m" })),
            true,
        );
        check(&common(serde_json::json!({ "event": "sentinel", "suspicion": 0.5 })), false);
    }
}
