//! What a paired comparison against a margin can see: printed beside every difference, so that "not shown" is read
//! rightly.

use serde::{Deserialize, Serialize};

use crate::distribution::{critical, normal_quantile};
use crate::error::{StatsError, check_level, check_margin};
use crate::root::bisect;
use crate::tango::Discordance;

/// A paired comparison of two yes/no rates that is decided by an interval lying beyond a margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MarginDesign {
    /// Independent pairs; where pairs come in clusters the clusters, as if all pairs of one agreed.
    pub pairs: u64,
    /// Share of pairs that differ against the direction looked for, in [0, 0.5).
    pub opposite: f64,
    /// The margin, in [0, 1).
    pub margin: f64,
    /// Two-sided level of the interval, after any adjustment for multiplicity.
    pub level: f64,
    /// Wanted probability to find the difference, in [0.5, 1).
    pub power: f64,
    /// Degrees of freedom where the interval is made with Student's t.
    pub degrees_of_freedom: Option<u64>,
}

/// The smallest true difference that the design finds with about its power; none where even the largest possible one
/// is missed too often.
///
/// In two steps: the observed difference x at which the score statistic of [`crate::tango_margin_test`] reaches the
/// critical value, with the opposite share as designed; then the true δ that is observed at x or beyond often enough,
/// by the normal approximation (δ − x)·√n = z·√(δ + 2·opposite − δ²), the variance of a paired difference. Source:
/// Tango, Statistics in Medicine 17 (1998) 891–908, equation (6); Connor, Biometrics 43 (1987) 207–211.
///
/// # Errors
/// No pairs, or a parameter outside its range.
pub fn minimum_detectable_difference(design: &MarginDesign) -> Result<Option<f64>, StatsError> {
    check(design)?;
    let (root, opposite) = ((design.pairs as f64).sqrt(), design.opposite);
    let needed = critical(design.level, design.degrees_of_freedom);
    let spread = normal_quantile(design.power);
    let accepts = |seen: f64| {
        let counts = Discordance { first_only: seen + opposite, second_only: opposite, pairs: 1.0 };
        counts.score(design.margin) * root < needed
    };
    let largest = 1.0 - 2.0 * opposite;
    if design.margin >= largest || accepts(largest) {
        return Ok(None);
    }
    let threshold = bisect(design.margin, largest, accepts);
    let missed = |truth: f64| (truth - threshold) * root < spread * (truth + 2.0 * opposite - truth * truth).sqrt();
    if missed(largest) {
        return Ok(None);
    }
    Ok(Some(bisect(threshold, largest, missed)))
}

fn check(design: &MarginDesign) -> Result<(), StatsError> {
    let range = |what, got, range| Err(StatsError::OutOfRange { what, got, range });
    if design.pairs == 0 {
        return Err(StatsError::Empty { what: "pairs" });
    }
    if !(0.0..0.5).contains(&design.opposite) {
        return range("opposite", design.opposite, "[0, 0.5)");
    }
    if !(0.5..1.0).contains(&design.power) {
        return range("power", design.power, "[0.5, 1)");
    }
    if design.margin < 0.0 {
        return range("margin", design.margin, "[0, 1)");
    }
    check_margin(design.margin)?;
    check_level(design.level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PairedTable, bonferroni_level, tango_margin_test};

    fn design(pairs: u64, tests: usize, opposite: f64) -> MarginDesign {
        let level = bonferroni_level(0.05, tests).unwrap();
        MarginDesign { pairs, opposite, margin: 0.1, level, power: 0.8, degrees_of_freedom: None }
    }

    fn seen(design: MarginDesign) -> f64 {
        minimum_detectable_difference(&design).unwrap().unwrap()
    }

    #[test]
    fn more_pairs_see_more_and_more_tests_or_noise_see_less() {
        assert!(seen(design(400, 1, 0.0)) < seen(design(100, 1, 0.0)));
        assert!(seen(design(100, 20, 0.0)) > seen(design(100, 1, 0.0)));
        assert!(seen(design(100, 20, 0.1)) > seen(design(100, 20, 0.0)));
        assert!(
            seen(MarginDesign { degrees_of_freedom: Some(9), ..design(100, 20, 0.0) }) > seen(design(100, 20, 0.0))
        );
        let many = seen(design(1_000_000, 1, 0.0));
        assert!(many > 0.1 && many < 0.102, "{many}");
    }

    #[test]
    fn what_has_no_answer_is_none_or_refused() {
        assert_eq!(minimum_detectable_difference(&design(3, 20, 0.0)), Ok(None));
        assert_eq!(minimum_detectable_difference(&design(100, 1, 0.46)), Ok(None));
        assert!(minimum_detectable_difference(&design(0, 1, 0.0)).is_err());
        for broken in [
            MarginDesign { level: f64::NAN, ..design(10, 1, 0.0) },
            MarginDesign { margin: -0.1, ..design(10, 1, 0.0) },
            MarginDesign { opposite: 0.5, ..design(10, 1, 0.0) },
            MarginDesign { power: 0.4, ..design(10, 1, 0.0) },
        ] {
            assert!(minimum_detectable_difference(&broken).is_err(), "{broken:?}");
        }
    }

    /// The power of the score test itself, summed over all tables.
    fn power(design: &MarginDesign, difference: f64) -> f64 {
        let (first, second) = (difference + design.opposite, design.opposite);
        let pairs = design.pairs;
        let mut total = 0.0;
        for second_only in 0..=pairs {
            let weight = crate::distribution::binomial_pmf(second_only, pairs, second);
            let rest = pairs - second_only;
            for first_only in (0..=rest).filter(|_| weight > 1e-12) {
                let table = PairedTable { first_only, second_only, neither: rest - first_only, both: 0 };
                if 2.0 * tango_margin_test(&table, design.margin).unwrap().p_greater < 1.0 - design.level {
                    let share = (first / (1.0 - second)).min(1.0);
                    total += weight * crate::distribution::binomial_pmf(first_only, rest, share);
                }
            }
        }
        total
    }

    #[test]
    fn the_stated_difference_is_found_about_as_often_as_stated() {
        for (pairs, tests) in [(40, 2), (40, 29), (100, 1), (200, 20), (400, 20)] {
            for opposite in [0.0, 0.025, 0.075, 0.15] {
                let design = design(pairs, tests, opposite);
                let difference = seen(design);
                let power = power(&design, difference);
                assert!((0.72..0.90).contains(&power), "{design:?}: {difference} found with {power}");
            }
        }
    }
}
