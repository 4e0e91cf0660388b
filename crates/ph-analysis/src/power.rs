//! The smallest difference that a comparison could have found. Printed with the plan before the run and beside
//! every difference after it, so that "not shown" is read rightly.

use ph_stats::{MeanOptions, Reference, StandardError, clustered_mean};

/// The power at which it is stated.
const POWER: f64 = 0.8;

/// The smallest true difference that is found beyond `margin` with probability 80 %, for so many independent pairs
/// and `tests` tests that share `alpha` evenly. None where even a difference of 1 is found too seldom.
///
/// For a fault that goes one way: wherever the two sides differ it is the target that shows it. In two steps: the
/// observed difference x at which Tango's statistic (Statistics in Medicine 17 (1998) 891–908, equation (6)) reaches
/// the critical value, (x − margin)·√n = z₁₋α/₂·√(2q̃ + margin·(1 − margin)) with q̃ the restricted maximum-likelihood
/// rate of the other discordance; then the true δ that is observed at x or beyond with 80 %, by the normal
/// approximation (δ − x)·√n = z·√(δ·(1 − δ)).
#[must_use]
pub fn minimum_detectable_difference(pairs: u64, tests: u64, alpha: f64, margin: f64) -> Option<f64> {
    let critical = normal_critical(1.0 - alpha / tests.max(1) as f64)?;
    let spread = normal_critical(2.0 * POWER - 1.0)?;
    if pairs == 0 || !(0.0..1.0).contains(&margin) {
        return None;
    }
    let root = (pairs as f64).sqrt();
    let rejects = |seen: f64| {
        let other = ((seen - (2.0 - seen) * margin) / 2.0).clamp(0.0, (1.0 - margin) / 2.0);
        (seen - margin) * root >= critical * (2.0 * other + margin * (1.0 - margin)).sqrt()
    };
    let threshold = least(margin, rejects)?;
    least(threshold, |truth| (truth - threshold) * root >= spread * (truth * (1.0 - truth)).sqrt())
}

/// The least value from `low` to 1 at which a condition that stays true holds; none where it does not hold at 1.
fn least(low: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    if !holds(1.0) {
        return None;
    }
    let (mut short, mut enough) = (low, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(short, enough);
        if holds(middle) {
            enough = middle;
        } else {
            short = middle;
        }
    }
    Some(enough)
}

/// The two-sided normal critical value, read off an interval whose standard error is 1; none for a level outside (0, 1).
pub(crate) fn normal_critical(level: f64) -> Option<f64> {
    // Two observations ±1 have mean 0 and a naive standard error of 1.
    let options = MeanOptions { standard_error: StandardError::Naive, reference: Reference::Normal, level };
    clustered_mean(&[[-1.0], [1.0]], &options).ok().map(|mean| mean.interval.high)
}

#[cfg(test)]
mod tests {
    use ph_stats::{PairedTable, tango_margin_test};

    use super::*;

    #[test]
    fn more_pairs_see_more_and_more_tests_see_less() {
        let seen = |pairs, tests| minimum_detectable_difference(pairs, tests, 0.05, 0.1).unwrap();
        assert!(seen(400, 1) < seen(100, 1));
        assert!(seen(100, 20) > seen(100, 1));
        assert!(seen(1_000_000, 1) > 0.1 && seen(1_000_000, 1) < 0.102);
    }

    #[test]
    fn too_few_pairs_see_nothing() {
        assert_eq!(minimum_detectable_difference(0, 1, 0.05, 0.1), None);
        assert_eq!(minimum_detectable_difference(3, 20, 0.05, 0.1), None);
        assert_eq!(minimum_detectable_difference(100, 1, f64::NAN, 0.1), None);
    }

    /// The power of the test itself, summed over all tables without discordance the other way.
    fn power(pairs: u64, tests: u64, difference: f64) -> f64 {
        let mut probability = (1.0 - difference).powi(i32::try_from(pairs).unwrap());
        let mut total = 0.0;
        for first_only in 0..=pairs {
            let table = PairedTable { first_only, neither: pairs - first_only, ..PairedTable::default() };
            if 2.0 * tango_margin_test(&table, 0.1).unwrap().p_greater < 0.05 / tests as f64 {
                total += probability;
            }
            probability *= (pairs - first_only) as f64 / (first_only + 1) as f64 * difference / (1.0 - difference);
        }
        total
    }

    #[test]
    fn the_stated_difference_is_found_about_as_often_as_stated() {
        for (pairs, tests) in [(40, 2), (100, 1), (200, 20), (400, 20)] {
            let difference = minimum_detectable_difference(pairs, tests, 0.05, 0.1).unwrap();
            let power = power(pairs, tests, difference);
            assert!((0.72..0.90).contains(&power), "{pairs} pairs, {tests} tests: {difference} found with {power}");
        }
    }
}
