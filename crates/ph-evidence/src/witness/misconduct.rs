//! Proof that a log has misbehaved: two heads of one size with different roots, both signed by it.
//!
//! Anybody can check such a pair with the log's keys alone. A proof of consistency that does not hold shows nothing: whoever
//! sent it may have made it up.

use ph_base::Digest;
use ph_proof::canonical_json::to_canonical_exact;
use serde::{Deserialize, Serialize};

use super::decision::Submission;
use super::state::{HeldLog, LatestHead, StateError, json_files};

/// How many conflicts of one log are kept. One is proof enough.
pub const CONFLICTS_OF_A_LOG_MAX: usize = 8;
const VERSION: u32 = 1;

/// Two heads that cannot both be of one log. Its file is its canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// The note that was cosigned.
    pub cosigned: String,
    /// The key of the log that signed it.
    pub cosigned_key: String,
    /// Which log.
    pub origin: String,
    /// The note that was refused.
    pub refused: String,
    /// The key of the log that signed that one.
    pub refused_key: String,
    /// When it came, in seconds since 1970.
    pub seconds: u64,
    /// The version of the format, 1.
    pub version: u32,
}

impl Conflict {
    /// What the submission and the head that was cosigned show.
    #[must_use]
    pub fn of(submission: &Submission, latest: &LatestHead, seconds: u64) -> Self {
        Self {
            cosigned: latest.note.clone(),
            cosigned_key: latest.key.clone(),
            origin: latest.origin.clone(),
            refused: submission.note.to_string(),
            refused_key: submission.key.to_string(),
            seconds,
            version: VERSION,
        }
    }

    /// Keeps it, unless this head is kept already or the log has enough of them. Whether it was written.
    ///
    /// # Errors
    /// [`StateError`].
    pub(super) fn keep(&self, log: &HeldLog<'_>) -> Result<bool, StateError> {
        let (directory, prefix) = log.conflicts();
        let text = self.refused.split_once("\n\n").map_or(self.refused.as_str(), |(text, _)| text);
        let path = directory.join(format!("{prefix}{}.json", Digest::of(text.as_bytes()).hex()));
        let kept =
            json_files(&directory, &prefix).map_err(|source| StateError::Read { path: directory.clone(), source })?;
        if kept.len() >= CONFLICTS_OF_A_LOG_MAX || kept.contains(&path) {
            return Ok(false);
        }
        log.write(&path, &to_canonical_exact(self)?)?;
        Ok(true)
    }
}
