//! How hard a run may press its target, and how that was changed while it ran.

use ph_base::Timestamp;
use serde::{Deserialize, Serialize};

/// The limits of a run, each a knob of its own. Those of sandboxes and commands join with the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunLimits {
    /// The most calls under way at once (at least 1).
    pub connections: u32,
    /// Whether fewer are under way as long as the target does not show that it takes more.
    #[serde(default)]
    pub adaptive: bool,
    /// The most requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// The most tokens a minute, of requests and replies together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// The most samples under way at once; as many as connections where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
}

impl RunLimits {
    /// So many calls at once, and nothing else limited.
    #[must_use]
    pub fn connections(connections: u32) -> Self {
        Self { connections, adaptive: false, requests_per_minute: None, tokens_per_minute: None, samples: None }
    }

    /// The most samples under way at once (at least 1).
    #[must_use]
    pub fn samples_max(&self) -> usize {
        self.samples.unwrap_or(self.connections).max(1) as usize
    }
}

/// When a call that failed was tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RetryLimits {
    /// The most attempts after the first that failed for another reason than being turned away with a time to come back
    /// at; 0 for no second attempt whatever the reason.
    pub most: u32,
    /// Seconds that a call may take with all its attempts and waits.
    pub seconds: u64,
}

/// The limits were changed while the run was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LimitChange {
    /// When they came into effect.
    pub at: Timestamp,
    /// The limits from then on.
    pub limits: RunLimits,
}
