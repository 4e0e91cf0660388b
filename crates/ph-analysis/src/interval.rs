//! Limits around an estimate as the report prints them. Level, method and both ends; no end is ever NaN.

use serde::{Deserialize, Serialize};

/// How limits were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Exact binomial limits (Clopper and Pearson 1934), one trial per item.
    Exact,
    /// Exact binomial limits with a whole cluster counted as one trial, where all observations agree.
    ExactByCluster,
    /// Mean ± Student's t × clustered standard error; of yes/no values never narrower than the exact limits with a whole
    /// cluster counted as one trial (Korn and Graubard 1998).
    Clustered,
    /// Paired difference by the score test (Tango 1998); the margin lies outside only where the exact test says so too.
    PairedScore,
    /// The same with a whole cluster counted as one pair, where all clusters agree.
    PairedScoreByCluster,
    /// The wider of the paired score limits and mean difference ± Student's t × clustered standard error; on the side of
    /// the fault never narrower than the score limit with a whole cluster counted as one pair.
    PairedClustered,
    /// Mean ± normal quantile × the error of sampling replies to these very items.
    Replies,
}

/// Two-sided limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Limits {
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
    /// Confidence level of these limits taken alone, in (0, 1).
    pub level: f64,
    /// How they were made.
    pub method: IntervalMethod,
}

impl Limits {
    /// Limits cut to the range in which the value can lie; none where an end is not a number.
    pub(crate) fn within(self, range: (f64, f64)) -> Option<Limits> {
        let limits = Limits { low: self.low.clamp(range.0, range.1), high: self.high.clamp(range.0, range.1), ..self };
        (limits.low.is_finite() && limits.high.is_finite()).then_some(limits)
    }
}
