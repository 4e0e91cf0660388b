//! The events of a ledger: what an entry's body says. A leaf commits to the event's canonical JSON ([`crate::entry`]).

use ph_base::{Digest, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::canonical_json::{CanonicalJsonError, parse_canonical_exact, to_canonical_exact};
use crate::dsse::Envelope;
use crate::statement::RunKind;

/// The version of the shape that this code writes.
pub const EVENT_VERSION: u32 = 1;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEvent {
    /// When it happened, by the operator's clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
    /// [`EVENT_VERSION`].
    pub version: u32,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum EventBody {
    /// The ledger begins; always the first.
    #[serde(rename = "ledger.opened")]
    LedgerOpened {
        /// The key, in the text form of C2SP's signed notes.
        key: String,
        /// The ledger's origin.
        origin: String,
        /// The program with its version.
        program: String,
        /// The assessment or run that it is of.
        subject: String,
    },
    /// The plan is locked ([`crate::statement::plan`]).
    #[serde(rename = "plan.locked")]
    PlanLocked {
        /// The statement.
        plan: Envelope,
    },
    /// A run is about to begin, or to be gone on with; nothing of it has been sent since.
    #[serde(rename = "run.opened")]
    RunOpened {
        /// The target's fingerprint, where it has one.
        fingerprint: Option<Digest>,
        /// Exploratory or confirmatory.
        kind: RunKind,
        /// The digest of `plan.json`, where it runs under a plan.
        plan: Option<Digest>,
        /// Whether it is gone on with.
        resumed: bool,
        /// The run.
        run: RunId,
        /// The digest of task and items.
        task: Digest,
    },
    /// A run has ended ([`crate::statement::run`], [`crate::statement::samples`]).
    #[serde(rename = "run.closed")]
    RunClosed {
        /// The statement on the run.
        run: Envelope,
        /// The statement on its samples.
        samples: Envelope,
    },
    /// The report is finished ([`crate::statement::edition`]).
    #[serde(rename = "report.attested")]
    ReportAttested {
        /// The statement.
        edition: Envelope,
    },
    /// Later tree heads are signed by another key ([`crate::statement::rotation`]).
    #[serde(rename = "key.rotated")]
    KeyRotated {
        /// The key from here on.
        new: String,
        /// The key so far.
        old: String,
        /// The statement, signed by both.
        rotation: Envelope,
    },
    /// The body of an entry was destroyed.
    #[serde(rename = "body.destroyed")]
    BodyDestroyed {
        /// The key ids of those who did it.
        by: Vec<String>,
        /// The entry's index.
        entry: u64,
        /// Why, in a word: `spillage`, `privacy`, `close-out`.
        reason: String,
    },
}

/// Bytes are not an event that this program reads.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not canonical JSON, or not the shape of an event.
    #[error("the event is not canonical JSON of a known shape")]
    Json(#[from] CanonicalJsonError),
    /// Written by a newer program.
    #[error("the event has version {0}; this program reads {EVENT_VERSION}")]
    Version(u64),
    /// A kind that this program does not know.
    #[error("the event's kind `{0}` is unknown to this program")]
    Kind(String),
    /// A field that the shape does not have.
    #[error("the event `{0}` has fields that its kind does not have")]
    Fields(String),
}

const KINDS: [&str; 7] =
    ["ledger.opened", "plan.locked", "run.opened", "run.closed", "report.attested", "key.rotated", "body.destroyed"];

#[derive(Deserialize)]
struct Head {
    kind: String,
    version: u64,
}

impl LedgerEvent {
    /// An event of this version.
    #[must_use]
    pub fn new(at: Timestamp, body: EventBody) -> Self {
        Self { at, body, version: EVENT_VERSION }
    }

    /// Its canonical JSON: what a leaf commits to.
    ///
    /// # Errors
    /// [`EventError::Json`] where a number is larger than JSON holds exactly.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EventError> {
        Ok(to_canonical_exact(self)?)
    }

    /// Reads an event from its canonical JSON.
    ///
    /// # Errors
    /// [`EventError`] naming what is wrong: another form, a later version, an unknown kind, an unknown field.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventError> {
        let head: Head = parse_canonical_exact(bytes)?;
        if head.version != u64::from(EVENT_VERSION) {
            return Err(EventError::Version(head.version));
        }
        if !KINDS.contains(&head.kind.as_str()) {
            return Err(EventError::Kind(head.kind.escape_debug().take(80).collect()));
        }
        let event: Self = parse_canonical_exact(bytes)?;
        // There is one way to write an event: what is there besides was not read.
        if event.to_bytes()? == bytes { Ok(event) } else { Err(EventError::Fields(head.kind)) }
    }

    /// The kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        let index = match &self.body {
            EventBody::LedgerOpened { .. } => 0,
            EventBody::PlanLocked { .. } => 1,
            EventBody::RunOpened { .. } => 2,
            EventBody::RunClosed { .. } => 3,
            EventBody::ReportAttested { .. } => 4,
            EventBody::KeyRotated { .. } => 5,
            EventBody::BodyDestroyed { .. } => 6,
        };
        KINDS[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> LedgerEvent {
        let body = EventBody::LedgerOpened {
            key: "k".to_owned(),
            origin: "o".to_owned(),
            program: "p".to_owned(),
            subject: "s".to_owned(),
        };
        LedgerEvent::new(Timestamp(5), body)
    }

    #[test]
    fn an_event_is_written_in_one_way() {
        let bytes = opened().to_bytes().unwrap();
        let text = r#"{"at":5,"body":{"key":"k","origin":"o","program":"p","subject":"s"},"kind":"ledger.opened","version":1}"#;
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), text);
        assert_eq!(LedgerEvent::parse(&bytes).unwrap(), opened());
        assert_eq!(opened().kind(), "ledger.opened");
    }

    #[test]
    fn what_is_not_an_event_of_this_version_is_named() {
        let text = String::from_utf8(opened().to_bytes().unwrap()).unwrap();
        let wrong = |from: &str, to: &str| LedgerEvent::parse(text.replace(from, to).as_bytes()).unwrap_err();
        assert!(matches!(wrong("\"version\":1", "\"version\":2"), EventError::Version(2)));
        assert!(matches!(wrong("ledger.opened", "ledger.bought"), EventError::Kind(kind) if kind == "ledger.bought"));
        assert!(matches!(wrong("\"subject\":\"s\"", "\"subject\":\"s\",\"x\":1"), EventError::Fields(_)));
        assert!(matches!(wrong("\"kind\"", "\"extra\":1,\"kind\""), EventError::Fields(_)));
        assert!(matches!(wrong("\"origin\":\"o\",", ""), EventError::Json(_)));
        assert!(matches!(wrong("{\"at\"", "{ \"at\""), EventError::Json(_)));
    }
}
