//! How a model is asked to generate.

use serde::{Deserialize, Serialize};

/// Settings of one call; what is absent is left to the target's own default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateConfig {
    /// The most tokens to generate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Sampling temperature; 0 takes the likeliest token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling: the smallest set of tokens whose probability reaches this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Texts at which generation ends; the text itself is not part of the reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Seed of the sampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether to return the log-probability of every generated token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub logprobs: bool,
    /// How many alternatives to return per token (0 to 20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u8>,
}

impl GenerateConfig {
    /// These settings over `defaults`: what is set here wins.
    #[must_use]
    pub fn over(&self, defaults: &GenerateConfig) -> GenerateConfig {
        GenerateConfig {
            max_tokens: self.max_tokens.or(defaults.max_tokens),
            temperature: self.temperature.or(defaults.temperature),
            top_p: self.top_p.or(defaults.top_p),
            stop: if self.stop.is_empty() { defaults.stop.clone() } else { self.stop.clone() },
            seed: self.seed.or(defaults.seed),
            logprobs: self.logprobs || defaults.logprobs,
            top_logprobs: self.top_logprobs.or(defaults.top_logprobs),
        }
    }
}
