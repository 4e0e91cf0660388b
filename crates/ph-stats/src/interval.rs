//! What most functions here return: an estimate with its limits, its level and the method by name, so that a
//! report can print how it came about. Holds no estimator.

use serde::{Deserialize, Serialize};

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Method {
    /// Exact binomial limits (Clopper and Pearson 1934).
    ClopperPearson,
    /// Score limits of a proportion (Wilson 1927).
    Wilson,
    /// Paired difference by the score test (Tango 1998).
    Tango,
    /// Mean ± normal quantile × standard error.
    Normal,
    /// Mean ± Student's t quantile × standard error.
    StudentT,
    /// Quantiles of bootstrap replicates.
    BootstrapPercentile,
    /// Bias-corrected and accelerated bootstrap (Efron 1987).
    BootstrapBca,
}

/// A point estimate with two-sided limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The point estimate.
    pub estimate: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
    /// Two-sided confidence level, in (0, 1).
    pub level: f64,
    /// How the limits were made.
    pub method: Method,
}

impl Interval {
    /// Whether `value` lies within the closed interval.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether the whole interval lies strictly above `margin`.
    pub fn lies_above(&self, margin: f64) -> bool {
        self.low > margin
    }

    /// Whether the whole interval lies strictly below `margin`.
    pub fn lies_below(&self, margin: f64) -> bool {
        self.high < margin
    }
}
