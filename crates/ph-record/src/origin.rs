//! Where a run comes from that was not run here as it stands.

use ph_base::Digest;
use serde::{Deserialize, Serialize};

use crate::treatment::Treatment;

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
    /// The digest of the log's file, where it is from one; of a run scored again that of the old run's samples, each as
    /// its journal has it, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The program that made the log or scored again, with its version, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How its samples are counted, where it was made to be counted otherwise than by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treatment: Option<Treatment>,
    /// What a run made here has and this one has not; printed wherever its numbers are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}
