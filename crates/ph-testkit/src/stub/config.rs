//! How a stub behaves: seed, waits, faults by rate, scripted replies. Read from TOML, or from JSON where the file's
//! name ends so; unknown keys are refused.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::fault::Fault;
use super::latency::Latency;

/// The behaviour of a stub. The default answers at once and never fails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StubConfig {
    /// The port on 127.0.0.1; 0 lets the system choose a free one.
    pub port: u16,
    /// Changes which calls fail, how long they wait and which of several replies they get.
    pub seed: u64,
    /// The wait before the first byte.
    pub first_byte: Latency,
    /// The wait between the events of a stream.
    pub between_chunks: Latency,
    /// The share of calls, 0 to 1, that meets each fault. Their sum must not be above 1.
    pub faults: BTreeMap<Fault, f64>,
    /// Replies by what the prompt says; the first rule that fits is taken.
    pub rules: Vec<Rule>,
    /// Models that are listed. Calls may name any model.
    pub models: Vec<String>,
    /// The only key that is taken; any key, and none, where this is absent.
    pub key: Option<String>,
    /// Calls with more input tokens (as the stub counts: four bytes each) get `context_too_long`.
    pub context_tokens: Option<u64>,
    /// Calls above so many at once get `rate_limited`.
    pub in_flight_limit: Option<u64>,
    /// `Retry-After` of the two faults that carry it.
    pub retry_after_s: u64,
    /// The pause of `slow_drip` before each piece.
    pub drip: Latency,
    /// The size of such a piece.
    pub drip_bytes: usize,
    /// Size of `huge_reply`.
    pub huge_bytes: u64,
    /// Size of the header of `huge_header`.
    pub huge_header_bytes: usize,
    /// Streams are written in pieces of so many bytes, whatever their events; an event at a time where absent.
    pub chunk_bytes: Option<usize>,
}

impl Default for StubConfig {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 0,
            first_byte: Latency::None,
            between_chunks: Latency::None,
            faults: BTreeMap::new(),
            rules: Vec::new(),
            models: vec!["stub".to_owned()],
            key: None,
            context_tokens: None,
            in_flight_limit: None,
            retry_after_s: 1,
            drip: Latency::Fixed { ms: 20.0 },
            drip_bytes: 1,
            huge_bytes: 1 << 30,
            huge_header_bytes: 1 << 20,
            chunk_bytes: None,
        }
    }
}

/// A reply by what the prompt says. The fields are those of the markers, see [`crate::stub`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The rule fits when the last user message holds this text; every prompt holds the empty one.
    pub contains: String,
    /// The rule fits only this model.
    pub model: Option<String>,
    /// What the model says. Of several texts one is drawn, by seed, prompt and times seen.
    pub say: Vec<String>,
    /// Name of the tool that is called, where it is offered; empty for the first one.
    pub tool: Option<String>,
    /// Arguments of that call; made from the tool's schema where absent.
    pub arguments: Option<serde_json::Value>,
    /// Reasoning before the answer.
    pub reasoning: Option<String>,
    /// The model refuses, in the dialect's form.
    pub refuse: bool,
    /// The service's filter stops the answer.
    pub filter: bool,
    /// The answer has so many words.
    pub words: Option<usize>,
    /// The fault that the call meets.
    pub fault: Option<Fault>,
    /// The fault happens only the first so many times that the prompt is seen.
    pub fault_times: Option<u32>,
}

/// A configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the stub's configuration `{path}`")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("`{path}` is not a configuration of the stub: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The rates of the faults are no shares.
    #[error("the rates of the faults add up to {sum}: each must be 0 to 1, and so must their sum")]
    Rates {
        /// Their sum.
        sum: f64,
    },
}

impl StubConfig {
    /// Reads a configuration: JSON where the file's name ends in `.json`, else TOML.
    ///
    /// # Errors
    /// The file cannot be read, or is no configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: name.clone(), source })?;
        let parsed = if name.ends_with(".json") {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        } else {
            toml::from_str(&text).map_err(|error| error.to_string())
        };
        let config: Self = parsed.map_err(|reason| ConfigError::Malformed { path: name, reason })?;
        config.check()?;
        Ok(config)
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// The rates of the faults are no shares.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sum: f64 = self.faults.values().sum();
        let wrong = self.faults.values().any(|rate| !(0.0..=1.0).contains(rate)) || sum > 1.0 + 1e-9;
        if wrong { Err(ConfigError::Rates { sum }) } else { Ok(()) }
    }

    /// The same configuration with a fault at a rate.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault, rate: f64) -> Self {
        self.faults.insert(fault, rate);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<StubConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_configuration_says_everything() {
        let config = parse(
            "seed = 7\nfirst_byte = \"lognormal:50,0.4\"\n[faults]\nrate_limited = 0.1\nhang = 0.01\n\
             [[rules]]\ncontains = \"capital\"\nsay = [\"Paris\"]\n",
        )
        .unwrap();
        assert_eq!(config.faults[&Fault::Hang], 0.01);
        assert_eq!(config.rules[0].say, ["Paris"]);
        assert_eq!(config.first_byte, Latency::Lognormal { median_ms: 50.0, sigma: 0.4 });
    }

    #[test]
    fn what_is_not_known_or_not_possible_is_refused() {
        for text in ["sed = 7", "first_byte = \"soon\"", "[faults]\nflood = 0.1", "[[rules]]\nsays = []"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let config = StubConfig::default().with_fault(Fault::Hang, 0.6).with_fault(Fault::Garbage, 0.6);
        assert!(matches!(config.check(), Err(ConfigError::Rates { .. })));
        assert!(StubConfig::default().with_fault(Fault::Hang, f64::NAN).check().is_err());
    }
}
