//! Tango's score statistic of a paired difference and the interval that inverts it. `margin.rs` turns the same
//! statistic into p-values, so interval and test always agree.

use crate::distribution::normal_critical;
use crate::error::{StatsError, check_level};
use crate::interval::{Interval, Method};
use crate::paired::PairedTable;
use crate::root::bisect;

/// Score interval of the paired difference of proportions, first minus second, at any level.
///
/// Its two-sided `level` interval excludes `margin` upwards exactly when `p_greater` of
/// [`crate::tango_margin_test`] is below (1 − level)/2, and downwards likewise with `p_less`. Without
/// discordant pairs it is ±z²/(n + z²), never a point. The limits solve T(δ) = ±z for
/// T(δ) = (b − c − nδ) / √(n(2q̂ + δ(1 − δ))), with q̂ the maximum-likelihood rate of "second only" given δ.
/// Source: Tango, Statistics in Medicine 17 (1998) 891–908.
///
/// # Errors
/// No pairs or more than [`crate::TRIALS_MAX`], `level` outside (0, 1).
pub fn tango_interval(table: &PairedTable, level: f64) -> Result<Interval, StatsError> {
    table.check()?;
    check_level(level)?;
    let counts = Discordance::of(table);
    let z = normal_critical(level);
    let (low, high) = counts.limits(z);
    Ok(Interval { estimate: table.difference(), low, high, level, method: Method::Tango })
}

/// [`tango_interval`] at rates of discordance that need not be whole counts: limits (low, high) of a paired difference
/// whose pairs come in clusters, with the clusters as `pairs` and both rates as means over clusters.
///
/// It takes every cluster as a single pair, as if all pairs of one agreed; equal clusters give exactly
/// [`tango_interval`]. Source: Tango (1998), with the effective sample size of Korn and Graubard, Survey Methodology 24
/// (1998) 193–201, at its least.
///
/// # Errors
/// No pairs or more than [`crate::TRIALS_MAX`], a rate outside [0, 1], rates above 1 together, `level` outside (0, 1).
pub fn tango_interval_effective(rates: (f64, f64), pairs: u64, level: f64) -> Result<(f64, f64), StatsError> {
    PairedTable { neither: pairs, ..PairedTable::default() }.check()?;
    check_level(level)?;
    let (first_only, second_only) = rates;
    for (what, got) in
        [("first only", first_only), ("second only", second_only), ("discordance", first_only + second_only)]
    {
        // A sum of means may lie a rounding above 1.
        if !(0.0..=1.0 + 1e-9).contains(&got) {
            return Err(StatsError::OutOfRange { what, got, range: "[0, 1]" });
        }
    }
    let all = pairs as f64;
    let counts = Discordance { first_only: first_only * all, second_only: second_only * all, pairs: all };
    Ok(counts.limits(normal_critical(level)))
}

/// What the score statistic depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Discordance {
    /// Yes on the first side only.
    pub(crate) first_only: f64,
    /// Yes on the second side only.
    pub(crate) second_only: f64,
    /// All pairs.
    pub(crate) pairs: f64,
}

impl Discordance {
    /// The counts of a checked table.
    pub(crate) fn of(table: &PairedTable) -> Self {
        Self { first_only: table.first_only as f64, second_only: table.second_only as f64, pairs: table.pairs() as f64 }
    }

    /// The differences at which the statistic is ±z.
    fn limits(&self, z: f64) -> (f64, f64) {
        let estimate = ((self.first_only - self.second_only) / self.pairs).clamp(-1.0, 1.0);
        let low = if estimate <= -1.0 { -1.0 } else { bisect(-1.0, estimate, |x| self.score(x) >= z) };
        let high = if estimate >= 1.0 { 1.0 } else { bisect(estimate, 1.0, |x| self.score(x) > -z) };
        (low, high)
    }

    /// The score statistic of the hypothesis "the difference is `delta`": positive if the data lie above.
    ///
    /// Where its variance is 0 it is 0 if the data fit the hypothesis perfectly, else infinite.
    pub(crate) fn score(&self, delta: f64) -> f64 {
        let surplus = self.first_only - self.second_only - self.pairs * delta;
        let variance = self.pairs * (2.0 * self.second_only_rate(delta) + delta * (1.0 - delta));
        if variance > 0.0 {
            surplus / variance.sqrt()
        } else if surplus == 0.0 {
            0.0
        } else {
            surplus.signum() * f64::INFINITY
        }
    }

    /// The maximum-likelihood rate of "second only" if the difference is `delta`: the larger root of the
    /// quadratic 2n·q² + B·q + C = 0, in the form that does not cancel.
    fn second_only_rate(&self, delta: f64) -> f64 {
        let (b, c, n) = (self.first_only, self.second_only, self.pairs);
        let linear = (2.0 * n - b + c) * delta - b - c;
        let constant = -c * delta * (1.0 - delta);
        let root = (linear * linear - 8.0 * n * constant).max(0.0).sqrt();
        let rate = if linear <= 0.0 { (root - linear) / (4.0 * n) } else { -2.0 * constant / (root + linear) };
        rate.clamp((-delta).max(0.0), 0.5 * (1.0 - delta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cells: [u64; 4], expected: &str) {
        let [both, first_only, second_only, neither] = cells;
        let found = tango_interval(&PairedTable { both, first_only, second_only, neither }, 0.95).unwrap();
        assert_eq!(format!("{:.3} {:.3}", found.low, found.high), expected, "{cells:?}");
    }

    #[test]
    fn published_and_closed_form_intervals() {
        // Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850–2875, first example.
        check([1, 1, 7, 12], "-0.517 -0.026");
        // No discordance: ±z²/(n + z²) at n = 100.
        check([60, 0, 0, 40], "-0.037 0.037");
        check([0, 7, 0, 0], "0.291 1.000");
    }

    #[test]
    fn score_is_monotone_in_the_hypothesis() {
        for (b, c, n) in [(0.0, 0.0, 10.0), (3.0, 5.0, 20.0), (10.0, 0.0, 10.0), (0.0, 4.0, 300.0)] {
            let counts = Discordance { first_only: b, second_only: c, pairs: n };
            let scores: Vec<f64> = (-99..=99).map(|x| counts.score(f64::from(x) / 100.0)).collect();
            assert!(scores.windows(2).all(|w| w[0] >= w[1] - 1e-12), "b {b} c {c} n {n}");
        }
    }

    #[test]
    fn effective_rates_are_the_interval_of_the_table_where_whole() {
        for table in [
            PairedTable { first_only: 7, second_only: 2, neither: 31, both: 0 },
            PairedTable { first_only: 40, ..PairedTable::default() },
            PairedTable { neither: 40, ..PairedTable::default() },
        ] {
            let exact = tango_interval(&table, 0.999).unwrap();
            let rates = (table.first_only as f64 / 40.0, table.second_only as f64 / 40.0);
            let found = tango_interval_effective(rates, 40, 0.999).unwrap();
            assert!((found.0 - exact.low).abs() < 1e-12 && (found.1 - exact.high).abs() < 1e-12, "{table:?}");
        }
        let (_, more) = tango_interval_effective((0.01, 0.0), 40, 0.95).unwrap();
        let (_, none) = tango_interval_effective((0.0, 0.0), 40, 0.95).unwrap();
        assert!(more > none);
        for (first_only, second_only) in [(-0.1, 0.0), (0.6, 0.6), (f64::NAN, 0.0)] {
            assert!(tango_interval_effective((first_only, second_only), 40, 0.95).is_err());
        }
        assert!(tango_interval_effective((0.0, 0.0), 0, 0.95).is_err());
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert!(tango_interval(&PairedTable::default(), 0.95).is_err());
        assert!(tango_interval(&PairedTable { both: 3, ..PairedTable::default() }, f64::NAN).is_err());
    }
}
