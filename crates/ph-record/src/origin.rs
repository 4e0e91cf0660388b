//! Where a run comes from that was not run here as it stands.

use ph_base::Digest;
use serde::{Deserialize, Serialize};

/// How a run came to be other than by asking a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// Read from an evaluation log that was made elsewhere.
    Imported,
    /// The replies of another run, scored again.
    Rescored,
}

/// Where a run comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Origin {
    /// How it came to be.
    pub kind: OriginKind,
    /// The log's file name, or the id of the run whose replies these are.
    pub of: String,
    /// The digest of the log's file, where it is from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The program that made the log or scored again, with its version, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What a run made here has and this one has not; printed wherever its numbers are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}
