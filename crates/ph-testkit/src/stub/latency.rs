//! How long the endpoint lets a client wait.

use std::str::FromStr;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use statrs::distribution::{ContinuousCDF as _, LogNormal};

/// A distribution of waiting times, in milliseconds. No wait is longer than [`Latency::LONGEST_MS`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Latency {
    /// No wait at all.
    #[default]
    None,
    /// Always the same.
    Fixed {
        /// The wait.
        ms: f64,
    },
    /// Anything between two bounds, equally likely.
    Uniform {
        /// The shortest wait.
        low_ms: f64,
        /// The longest wait.
        high_ms: f64,
    },
    /// Log-normal: most waits near the median, a few much longer.
    Lognormal {
        /// The median wait.
        median_ms: f64,
        /// Standard deviation of the wait's logarithm.
        sigma: f64,
    },
}

impl Latency {
    /// Ten minutes, in milliseconds.
    pub const LONGEST_MS: f64 = 600_000.0;

    /// One wait.
    pub(super) fn draw(self, random: &mut ChaCha8Rng) -> Duration {
        let ms = match self {
            Latency::None => return Duration::ZERO,
            Latency::Fixed { ms } => ms,
            Latency::Uniform { low_ms, high_ms } => low_ms + random.random::<f64>() * (high_ms - low_ms),
            Latency::Lognormal { median_ms, sigma } => LogNormal::new(median_ms.ln(), sigma)
                .map_or(median_ms, |distribution| distribution.inverse_cdf(random.random::<f64>())),
        };
        Duration::from_secs_f64(ms.clamp(0.0, Self::LONGEST_MS) / 1000.0)
    }

    /// Whether there is never a wait.
    pub(super) fn is_none(self) -> bool {
        self == Latency::None
    }
}

/// What was given is no distribution of waiting times.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a latency in milliseconds; write `none`, `fixed:20`, `uniform:10,50` or `lognormal:50,0.4` (median, sigma)"
)]
pub struct LatencyError(String);

impl FromStr for Latency {
    type Err = LatencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, numbers) = text.split_once(':').unwrap_or((text, ""));
        let numbers: Option<Vec<f64>> = numbers
            .split(',')
            .filter(|number| !number.is_empty())
            .map(|number| number.trim().parse().ok().filter(|ms| (0.0..=Self::LONGEST_MS).contains(ms)))
            .collect();
        match (kind.trim(), numbers.as_deref()) {
            ("none", Some([])) => Ok(Latency::None),
            ("fixed", Some(&[ms])) => Ok(Latency::Fixed { ms }),
            ("uniform", Some(&[low_ms, high_ms])) if low_ms <= high_ms => Ok(Latency::Uniform { low_ms, high_ms }),
            ("lognormal", Some(&[median_ms, sigma])) if median_ms > 0.0 && sigma > 0.0 => {
                Ok(Latency::Lognormal { median_ms, sigma })
            }
            _ => Err(LatencyError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Latency {
    type Error = LatencyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn mean_ms(text: &str) -> f64 {
        let latency: Latency = text.parse().unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        (0..4000).map(|_| latency.draw(&mut random).as_secs_f64()).sum::<f64>() / 4.0
    }

    #[test]
    fn draws_have_the_distribution_that_was_asked_for() {
        assert_eq!(mean_ms("none"), 0.0);
        assert!((mean_ms("fixed:20") - 20.0).abs() < 1e-6);
        assert!((mean_ms("uniform:10,50") - 30.0).abs() < 1.0);
        // The mean of a log-normal: median × exp(σ²/2).
        assert!((mean_ms("lognormal:50,0.4") - 50.0 * (0.08_f64).exp()).abs() < 2.0);
    }

    #[test]
    fn what_is_no_latency_is_refused() {
        for text in ["", "fixed", "fixed:-1", "uniform:5,1", "lognormal:0,1", "fixed:NaN", "fixed:1e9", "gauss:1,2"] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
    }
}
