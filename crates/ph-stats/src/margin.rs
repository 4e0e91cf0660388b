//! Is a paired difference beyond a margin locked in the plan? `ph-analysis` asks both tests of every comparison, in the
//! direction that counts as worse, takes the larger p-value and adjusts these with [`crate::holm`].

use serde::{Deserialize, Serialize};

use crate::distribution::{binomial_pmf, binomial_sf_inclusive, normal_cdf, normal_sf};
use crate::error::{StatsError, check_margin};
use crate::paired::PairedTable;
use crate::root::maximum;
use crate::tango::Discordance;

/// The most pairs [`exact_margin_test`] takes: its time grows with their square.
pub const EXACT_PAIRS_MAX: u64 = 2_000;

/// Cells of the grid over the nuisance parameter.
const NUISANCE_CELLS: u32 = 400;

/// One-sided p-values of a paired difference (first minus second) against a margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MarginTest {
    /// First rate minus second rate.
    pub difference: f64,
    /// The margin, in (−1, 1).
    pub margin: f64,
    /// Tango's score statistic at the margin; positive if the difference lies above.
    pub score: f64,
    /// p-value of H0: difference ≤ margin, against greater.
    pub p_greater: f64,
    /// p-value of H0: difference ≥ margin, against less.
    pub p_less: f64,
}

/// Score test of a margin: its p-values are those that [`crate::tango_interval`] inverts.
///
/// At margin 0 the statistic is McNemar's without correction. It can exceed its nominal error rate, most where
/// one side almost never says yes: by enumeration at margin 0.1 and 200 pairs the worst rates are 6.7 % for 5 %,
/// 2.8 % for 2.5 %, and 0.54 % for 0.25 % (an adjusted row). A decision that must hold its rate is made with
/// [`exact_margin_test`]. With no discordant pairs and margin 0 both p-values are ½. Source: Tango, Statistics
/// in Medicine 17 (1998) 891–908; the statistic is T(δ) of [`crate::tango_interval`] at δ = margin.
///
/// # Errors
/// No pairs or more than [`crate::TRIALS_MAX`], `margin` outside (−1, 1).
pub fn tango_margin_test(table: &PairedTable, margin: f64) -> Result<MarginTest, StatsError> {
    table.check()?;
    check_margin(margin)?;
    let score = Discordance::of(table).score(margin);
    Ok(MarginTest {
        difference: table.difference(),
        margin,
        score,
        p_greater: normal_sf(score),
        p_less: normal_cdf(score),
    })
}

/// Exact unconditional test of a margin: tables are ordered by Tango's statistic, and the p-value is the largest
/// probability of a table at least as extreme, over the unknown rate of discordance, at difference = margin.
///
/// Its error rate never exceeds the nominal one (up to the search over the nuisance parameter: a grid of 400
/// cells, refined at its peak); the supremum over H0 lies on its boundary because extreme tables stay extreme when
/// "first only" grows or "second only" shrinks. Source: Sidik, Statistics in Medicine 22 (2003) 265–278; Berger
/// and Sidik, Statistical Methods in Medical Research 12 (2003) 91–108.
///
/// # Errors
/// No pairs or more than [`EXACT_PAIRS_MAX`], `margin` outside (−1, 1).
pub fn exact_margin_test(table: &PairedTable, margin: f64) -> Result<MarginTest, StatsError> {
    let score = tango_margin_test(table, margin)?;
    let got = table.pairs();
    if got > EXACT_PAIRS_MAX {
        return Err(StatsError::TooMany { what: "pairs", most: EXACT_PAIRS_MAX, got });
    }
    Ok(MarginTest {
        p_greater: exact_greater(table, margin),
        p_less: exact_greater(&table.swapped(), -margin),
        ..score
    })
}

fn exact_greater(table: &PairedTable, margin: f64) -> f64 {
    let thresholds = rejection_thresholds(table, margin);
    let (low, high) = ((-margin).max(0.0), 0.5 * (1.0 - margin));
    maximum(low, high, NUISANCE_CELLS, |rate| tail_probability(&thresholds, rate, margin)).clamp(0.0, 1.0)
}

/// For each count of "second only", the least "first only" that is at least as extreme as the table, if any.
///
/// The statistic rises with "first only", so that the extreme tables of one row are its upper end.
fn rejection_thresholds(table: &PairedTable, margin: f64) -> Vec<Option<u64>> {
    let pairs = table.pairs();
    let observed = Discordance::of(table).score(margin) - 1e-9;
    let extreme = |first_only: u64, second_only: u64| {
        let counts =
            Discordance { first_only: first_only as f64, second_only: second_only as f64, pairs: pairs as f64 };
        counts.score(margin) >= observed
    };
    (0..=pairs)
        .map(|second_only| (0..=pairs - second_only).find(|&first_only| extreme(first_only, second_only)))
        .collect()
}

/// Probability of an extreme table if "second only" has rate `rate` and "first only" `rate + margin`.
fn tail_probability(thresholds: &[Option<u64>], rate: f64, margin: f64) -> f64 {
    let pairs = thresholds.len() as u64 - 1;
    let share = if rate < 1.0 { ((rate + margin) / (1.0 - rate)).clamp(0.0, 1.0) } else { 0.0 };
    (0..)
        .zip(thresholds)
        .filter_map(|(second_only, least)| {
            let weight = binomial_pmf(second_only, pairs, rate);
            let least = least.filter(|_| weight > 1e-18)?;
            Some(weight * binomial_sf_inclusive(least, pairs - second_only, share))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_lens_example_of_tango() {
        // Tango (1998): 44 pairs, one discordant, margin −0.1: z = 1.709, p = 0.044.
        let table = PairedTable { both: 43, first_only: 0, second_only: 1, neither: 0 };
        let found = tango_margin_test(&table, -0.1).unwrap();
        assert_eq!(format!("{:.3} {:.3}", found.score, found.p_greater), "1.709 0.044");
    }

    #[test]
    fn extreme_tables_stay_extreme_as_the_difference_grows() {
        let pairs = 17;
        let table = PairedTable { both: 3, first_only: 6, second_only: 3, neither: 5 };
        for margin in [-0.4, -0.1, 0.0, 0.1, 0.5] {
            let observed = Discordance::of(&table).score(margin) - 1e-9;
            let thresholds = rejection_thresholds(&table, margin);
            // None stands for "not even the largest".
            let rising = |pair: &[Option<u64>]| pair[0].unwrap_or(u64::MAX) <= pair[1].unwrap_or(u64::MAX);
            assert!(thresholds.windows(2).all(rising), "margin {margin}: {thresholds:?}");
            for (second_only, least) in thresholds.iter().enumerate() {
                for first_only in 0..=pairs - second_only as u64 {
                    let (b, c) = (first_only as f64, second_only as f64);
                    let score = Discordance { first_only: b, second_only: c, pairs: pairs as f64 }.score(margin);
                    let expected = least.is_some_and(|least| first_only >= least);
                    assert_eq!(score >= observed, expected, "{first_only} {second_only} {margin}");
                }
            }
        }
    }

    #[test]
    fn refuses_what_has_no_answer() {
        let table = PairedTable { both: 2_001, ..PairedTable::default() };
        assert!(tango_margin_test(&PairedTable::default(), 0.1).is_err());
        assert!(exact_margin_test(&table, 0.1).is_err());
        for margin in [-1.0, 1.0, f64::NAN] {
            assert!(tango_margin_test(&table, margin).is_err(), "{margin}");
        }
    }
}
