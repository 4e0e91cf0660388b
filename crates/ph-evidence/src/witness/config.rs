//! The logs that a witness accepts: their keys, each of which speaks for its own name and for every origin below it.

use std::collections::BTreeSet;

use ph_proof::note::{KeyName, NoteVerifier, SignatureType};

/// Why keys cannot be those of accepted logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptedLogsError {
    /// A witness that accepts no log.
    #[error("there is no log's key")]
    None,
    /// A key that signs cosignatures.
    #[error("the key `{0}` is a witness's, not a log's")]
    NotALog(String),
}

/// The accepted logs.
#[derive(Debug, Clone)]
pub struct AcceptedLogs {
    keys: Vec<NoteVerifier>,
}

impl AcceptedLogs {
    /// The logs of these keys; a key that is given twice counts once.
    ///
    /// # Errors
    /// [`AcceptedLogsError`] where there is none, or one is a cosigner's.
    pub fn new(keys: impl IntoIterator<Item = NoteVerifier>) -> Result<Self, AcceptedLogsError> {
        let mut seen = BTreeSet::new();
        let keys: Vec<_> = keys.into_iter().filter(|key| seen.insert(key.to_string())).collect();
        if let Some(key) = keys.iter().find(|key| key.kind() != SignatureType::Ed25519) {
            return Err(AcceptedLogsError::NotALog(key.name().as_str().to_owned()));
        }
        if keys.is_empty() { Err(AcceptedLogsError::None) } else { Ok(Self { keys }) }
    }

    /// The keys as they were given.
    #[must_use]
    pub fn keys(&self) -> &[NoteVerifier] {
        &self.keys
    }

    /// The keys that may sign heads of `origin`, under the name that they do it by, which is the origin itself; none: the
    /// log is unknown.
    #[must_use]
    pub fn keys_of(&self, origin: &str) -> Vec<NoteVerifier> {
        let Ok(name) = KeyName::new(origin) else { return Vec::new() };
        let accepted = self.keys.iter().filter(|key| is_at_or_below(origin, key.name().as_str()));
        accepted.map(|key| key.renamed(name.clone())).collect()
    }
}

/// Whether `origin` is `name`, or `name`, a slash and something.
fn is_at_or_below(origin: &str, name: &str) -> bool {
    match origin.strip_prefix(name) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('/').is_some_and(|below| !below.is_empty()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_speaks_for_its_name_and_what_lies_below() {
        let check =
            |origin: &str, expected: bool| assert_eq!(is_at_or_below(origin, "lab.example/p"), expected, "{origin}");
        check("lab.example/p", true);
        check("lab.example/p/run_1", true);
        check("lab.example/p/a/b", true);
        check("lab.example/p/", false);
        check("lab.example/pq", false);
        check("lab.example", false);
        check("other.example/lab.example/p", false);
        check("", false);
    }
}
