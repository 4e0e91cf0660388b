//! From logits to a token, and to log-probabilities.
//!
//! Called by the batch once per generated token. A sampler belongs to one sequence and draws from its own stream, so a
//! seed gives the same choices whatever else runs. Log-probabilities are of the untempered distribution.

use ph_model::GenerateConfig;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::LocalError;
use crate::config::SamplingDefaults;

/// Most alternatives per token, as in the OpenAI API.
const TOP_LOGPROBS_MAX: u8 = 20;
/// Most stop texts of a request, and bytes of one.
const STOP_TEXTS_MAX: usize = 64;
const STOP_BYTES_MAX: usize = 4096;

/// Checked settings of one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    temperature: f64,
    top_p: f64,
    seed: u64,
    /// How many alternatives to report; `None` reports no log-probabilities.
    pub(crate) logprobs: Option<usize>,
    /// The most tokens to generate.
    pub(crate) max_tokens: Option<usize>,
    pub(crate) stop: Vec<String>,
}

impl Settings {
    /// Checks what a request asks for. Without a seed, sampling uses seed 0: a local model has no hidden chance.
    pub(crate) fn new(config: &GenerateConfig, defaults: SamplingDefaults) -> Result<Self, LocalError> {
        let refuse = |field, what: String| Err(LocalError::Setting { field, what });
        let temperature = config.temperature.unwrap_or(defaults.temperature);
        if !temperature.is_finite() || temperature < 0.0 {
            return refuse("temperature", format!("is `{temperature}`, not a number from 0 on"));
        }
        let top_p = config.top_p.unwrap_or(defaults.top_p);
        if !(top_p > 0.0 && top_p <= 1.0) {
            return refuse("top_p", format!("is `{top_p}`, not above 0 and at most 1"));
        }
        if config.max_tokens == Some(0) {
            return refuse("max_tokens", "is `0`; the least is 1".to_owned());
        }
        let top = config.top_logprobs.unwrap_or(0);
        if top > TOP_LOGPROBS_MAX {
            return refuse("top_logprobs", format!("is `{top}`; the most is {TOP_LOGPROBS_MAX}"));
        }
        if config.stop.len() > STOP_TEXTS_MAX {
            return refuse("stop", format!("has `{}` texts; the most is {STOP_TEXTS_MAX}", config.stop.len()));
        }
        if let Some(text) = config.stop.iter().find(|text| text.is_empty() || text.len() > STOP_BYTES_MAX) {
            return refuse("stop", format!("has a text of `{}` bytes, not 1 to {STOP_BYTES_MAX}", text.len()));
        }
        refuse_unsupported(config)?;
        Ok(Self {
            temperature,
            top_p,
            seed: config.seed.unwrap_or(0),
            logprobs: (config.logprobs || top > 0).then_some(usize::from(top)),
            max_tokens: config.max_tokens.map(|tokens| tokens as usize),
            stop: config.stop.clone(),
        })
    }
}

/// Refuses what would change the reply and is not done here. How hard to think is no such thing: this runtime's models
/// have no reasoning of their own.
fn refuse_unsupported(config: &GenerateConfig) -> Result<(), LocalError> {
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let asked = [
        ("frequency_penalty", penalty(config.frequency_penalty)),
        ("presence_penalty", penalty(config.presence_penalty)),
        ("top_k", config.top_k.is_some()),
        ("response_schema", config.response_schema.is_some()),
    ];
    match asked.into_iter().find(|(_, is_asked)| *is_asked) {
        Some((field, _)) => Err(LocalError::Setting { field, what: "is not supported by this runtime".to_owned() }),
        None => Ok(()),
    }
}

impl Settings {
    /// The same for raw text, where `max_tokens` may be 0: the prompt is then only read.
    pub(crate) fn raw(config: &GenerateConfig, defaults: SamplingDefaults) -> Result<Self, LocalError> {
        let reads_only = config.max_tokens == Some(0);
        let checked = if reads_only { GenerateConfig { max_tokens: None, ..config.clone() } } else { config.clone() };
        let mut settings = Self::new(&checked, defaults)?;
        if reads_only {
            settings.max_tokens = Some(0);
        }
        Ok(settings)
    }
}

/// A token with its log-probability and the likeliest alternatives, likeliest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scored {
    pub(crate) token: u32,
    pub(crate) logprob: f64,
    pub(crate) top: Vec<(u32, f64)>,
}

/// Chooses the tokens of one sequence.
#[derive(Debug)]
pub(crate) struct Sampler {
    temperature: f64,
    top_p: f64,
    random: ChaCha8Rng,
}

impl Sampler {
    pub(crate) fn new(settings: &Settings) -> Self {
        let Settings { temperature, top_p, seed, .. } = *settings;
        Self { temperature, top_p, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next token. Refuses logits with a value that is not a number.
    pub(crate) fn pick(&mut self, logits: &[f32]) -> Result<u32, LocalError> {
        let best = likeliest(logits)?;
        if self.temperature == 0.0 {
            return Ok(best);
        }
        let largest = f64::from(logits[best as usize]);
        let weight = |logit: f32| ((f64::from(logit) - largest) / self.temperature).exp();
        let mut weights: Vec<(u32, f64)> = (0_u32..).zip(logits.iter().map(|logit| weight(*logit))).collect();
        if self.top_p < 1.0 {
            keep_nucleus(&mut weights, self.top_p);
        }
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut left = self.random.random_range(0.0..1.0) * total;
        for (token, weight) in &weights {
            left -= weight;
            if left < 0.0 {
                return Ok(*token);
            }
        }
        Ok(best)
    }
}

/// The token with the largest logit; the lowest id where several have it. Refuses a value that is not a number.
pub(crate) fn likeliest(logits: &[f32]) -> Result<u32, LocalError> {
    let mut best = (0_u32, f32::NEG_INFINITY);
    for (token, logit) in (0_u32..).zip(logits) {
        if !logit.is_finite() {
            return Err(LocalError::NotFinite { what: format!("the logit `{logit}` for token `{token}`") });
        }
        if *logit > best.1 {
            best = (token, *logit);
        }
    }
    Ok(best.0)
}

/// Keeps the likeliest tokens up to and with the one at which their share reaches `top_p`.
fn keep_nucleus(weights: &mut Vec<(u32, f64)>, top_p: f64) {
    weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let mut share = 0.0;
    let kept = weights.iter().position(|(_, weight)| {
        share += weight / total;
        share >= top_p
    });
    weights.truncate(kept.map_or(weights.len(), |last| last + 1));
}

/// Log-probabilities of `token` and of the `top` likeliest tokens under the untempered distribution.
pub(crate) fn score(logits: &[f32], token: u32, top: usize) -> Scored {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    let normaliser = f64::from(largest) + total.ln();
    let logprob = |id: u32| f64::from(logits[id as usize]) - normaliser;
    let mut ids: Vec<u32> = (0_u32..).take(logits.len()).collect();
    let order = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let top = top.min(ids.len());
    if top > 0 && top < ids.len() {
        ids.select_nth_unstable_by(top - 1, order);
    }
    ids.truncate(top);
    ids.sort_by(order);
    Scored { token, logprob: logprob(token), top: ids.into_iter().map(|id| (id, logprob(id))).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: SamplingDefaults = SamplingDefaults { temperature: 0.0, top_p: 1.0 };

    fn sampler(temperature: f64, top_p: f64, seed: u64) -> Sampler {
        let config = GenerateConfig {
            temperature: Some(temperature),
            top_p: Some(top_p),
            seed: Some(seed),
            ..GenerateConfig::default()
        };
        Sampler::new(&Settings::new(&config, GREEDY).unwrap())
    }

    #[test]
    fn greedy_takes_the_lowest_id_of_equals() {
        assert_eq!(sampler(0.0, 1.0, 1).pick(&[1.0, 3.0, 3.0, 2.0]).unwrap(), 1);
    }

    #[test]
    fn frequencies_follow_the_tempered_distribution() {
        let logits = [0.0_f32, 1.0, 2.0];
        let mut sampler = sampler(2.0, 1.0, 9);
        let mut counts = [0_u32; 3];
        for _ in 0..20_000 {
            counts[sampler.pick(&logits).unwrap() as usize] += 1;
        }
        let weights = logits.map(|logit| f64::from(logit / 2.0).exp());
        let total: f64 = weights.iter().sum();
        for (count, weight) in counts.iter().zip(weights) {
            let (got, want) = (f64::from(*count) / 20_000.0, weight / total);
            assert!((got - want).abs() < 0.015, "{got} {want}");
        }
    }

    #[test]
    fn the_nucleus_leaves_out_the_tail() {
        let logits = [0.5_f32.ln(), 0.3_f32.ln(), 0.15_f32.ln(), 0.05_f32.ln()];
        let mut sampler = sampler(1.0, 0.7, 3);
        let drawn: std::collections::BTreeSet<u32> = (0..500).map(|_| sampler.pick(&logits).unwrap()).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        let draws = |seed| {
            let mut sampler = sampler(1.5, 0.95, seed);
            (0..50).map(|_| sampler.pick(&[0.0, 0.1, 0.2, 0.3]).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draws(5), draws(5));
        assert_ne!(draws(5), draws(6));
    }

    #[test]
    fn log_probabilities_are_untempered_and_ordered() {
        let scored = score(&[0.0, 1.0, 3.0, 1.0], 1, 3);
        let total: f64 = [0.0, 1.0, 3.0, 1.0_f64].iter().map(|logit| logit.exp()).sum();
        assert!((scored.logprob - (1.0 - total.ln())).abs() < 1e-6);
        assert_eq!(scored.top.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2, 1, 3]);
        assert!(score(&[0.0], 0, 20).logprob.abs() < 1e-12);
    }

    #[test]
    fn numbers_that_are_not_are_refused() {
        let message = sampler(0.0, 1.0, 0).pick(&[0.0, f32::NAN]).unwrap_err().to_string();
        assert!(message.contains("NaN") && message.contains("token `1`"), "{message}");
    }

    #[test]
    fn senseless_settings_name_their_field() {
        let base = GenerateConfig::default();
        let cases = [
            (GenerateConfig { temperature: Some(-1.0), ..base.clone() }, "temperature"),
            (GenerateConfig { temperature: Some(f64::NAN), ..base.clone() }, "temperature"),
            (GenerateConfig { top_p: Some(0.0), ..base.clone() }, "top_p"),
            (GenerateConfig { top_p: Some(1.1), ..base.clone() }, "top_p"),
            (GenerateConfig { max_tokens: Some(0), ..base.clone() }, "max_tokens"),
            (GenerateConfig { top_logprobs: Some(21), ..base.clone() }, "top_logprobs"),
            (GenerateConfig { stop: vec![String::new()], ..base.clone() }, "stop"),
            (GenerateConfig { stop: vec!["x".into(); 65], ..base.clone() }, "stop"),
            (GenerateConfig { frequency_penalty: Some(0.5), ..base.clone() }, "frequency_penalty"),
            (GenerateConfig { top_k: Some(5), ..base }, "top_k"),
        ];
        for (config, field) in cases {
            let message = Settings::new(&config, GREEDY).unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
    }
}
