//! What is the same in a reply and in all its chunks.

use serde_json::{Value, json};

use crate::catalogue::Endpoint;
use crate::options::ServedModel;

/// Who answered what, and when.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    id: String,
    created: i64,
    /// The model's name as it is served.
    model: String,
    fingerprint: Option<String>,
}

impl Heading {
    /// The heading of a new reply, whose id begins with `prefix`.
    pub(super) fn of(endpoint: &Endpoint, prefix: &str, served: &ServedModel) -> Self {
        Self {
            id: endpoint.id(prefix),
            created: endpoint.now_seconds(),
            model: served.id.clone(),
            fingerprint: served.model.fingerprint().map(|digest| digest.to_string()),
        }
    }

    /// A reply or chunk of this kind.
    pub(super) fn object(&self, kind: &str, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": choices,
        })
    }
}
