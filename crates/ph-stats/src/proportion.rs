//! Two-sided intervals of one proportion. `ph-analysis` calls the exact one for each suite's rates.
//! Trials must be independent; what comes in clusters has [`clopper_pearson_effective`] and [`crate::clustered_mean`].

use crate::distribution::{beta_quantile, normal_critical};
use crate::error::{StatsError, check_level};
use crate::interval::{Interval, Method};

/// The most trials accepted: up to here the beta distribution function of `statrs` was checked against scipy.
pub const TRIALS_MAX: u64 = 1_000_000;

/// Exact ("Clopper–Pearson") interval of a proportion with `successes` of `trials`.
///
/// Coverage is never below `level`. With no success the lower limit is 0, with only successes the upper is 1.
/// Source: Clopper and Pearson, Biometrika 26 (1934) 404–413; the beta form is Brown, Cai and DasGupta,
/// Statistical Science 16 (2001) 101–133, § 4.2.1.
///
/// # Errors
/// `trials` is 0 or above [`TRIALS_MAX`], `successes` > `trials`, `level` outside (0, 1).
pub fn clopper_pearson(successes: u64, trials: u64, level: f64) -> Result<Interval, StatsError> {
    check_counts(successes, trials)?;
    check_level(level)?;
    let tail = 0.5 * (1.0 - level);
    Ok(Interval {
        estimate: successes as f64 / trials as f64,
        low: exact_low(successes, trials, tail),
        high: exact_high(successes, trials, tail),
        level,
        method: Method::ClopperPearson,
    })
}

/// [`clopper_pearson`] at effective counts that need not be whole: limits (low, high) of a mean of values in [0, 1] that
/// come in clusters, with the clusters as `trials` and the sum of their means as `successes`.
///
/// It takes every cluster as a single trial, as if all values of one agreed, so that more successes never lower a limit
/// and equal clusters give exactly [`clopper_pearson`]. Source: Korn and Graubard, Survey Methodology 24 (1998) 193–201,
/// with the effective sample size at its least.
///
/// # Errors
/// `trials` is 0 or above [`TRIALS_MAX`], `successes` outside [0, `trials`], `level` outside (0, 1).
pub fn clopper_pearson_effective(successes: f64, trials: u64, level: f64) -> Result<(f64, f64), StatsError> {
    check_counts(0, trials)?;
    check_level(level)?;
    let all = trials as f64;
    if !(0.0..=all).contains(&successes) {
        return Err(StatsError::OutOfRange { what: "successes", got: successes, range: "[0, trials]" });
    }
    let tail = 0.5 * (1.0 - level);
    let low = |successes: f64| {
        if successes <= 0.0 { 0.0 } else { beta_quantile(successes, all - successes + 1.0, tail) }
    };
    Ok((low(successes), 1.0 - low(all - successes)))
}

/// Score interval of a proportion with `successes` of `trials`.
///
/// Source: Wilson, Journal of the American Statistical Association 22 (1927) 209–212; recommended by Brown,
/// Cai and DasGupta (2001), § 3.1.1, equation (4).
///
/// # Errors
/// As [`clopper_pearson`].
pub fn wilson(successes: u64, trials: u64, level: f64) -> Result<Interval, StatsError> {
    check_counts(successes, trials)?;
    check_level(level)?;
    let (low, high) = wilson_limits(successes, trials, normal_critical(level));
    Ok(Interval { estimate: successes as f64 / trials as f64, low, high, level, method: Method::Wilson })
}

/// Wilson's limits for the critical value `z`; exactly 0 and 1 at the ends.
pub(crate) fn wilson_limits(successes: u64, trials: u64, z: f64) -> (f64, f64) {
    let (k, n) = (successes as f64, trials as f64);
    let centre = (k + 0.5 * z * z) / (n + z * z);
    let half = z / (n + z * z) * (k * (n - k) / n + 0.25 * z * z).sqrt();
    let low = if successes == 0 { 0.0 } else { centre - half };
    let high = if successes == trials { 1.0 } else { centre + half };
    (low, high)
}

/// The rate at which `successes` or more have probability `tail`; 0 if there are none.
pub(crate) fn exact_low(successes: u64, trials: u64, tail: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    beta_quantile(successes as f64, (trials - successes) as f64 + 1.0, tail)
}

/// The rate at which `successes` or fewer have probability `tail`; 1 if all are.
pub(crate) fn exact_high(successes: u64, trials: u64, tail: f64) -> f64 {
    // Through the complement, so that a small `tail` is not lost in `1 - tail`.
    1.0 - exact_low(trials - successes, trials, tail)
}

/// Refuses no trials, too many, and more successes than trials.
pub(crate) fn check_counts(successes: u64, trials: u64) -> Result<(), StatsError> {
    if trials == 0 {
        return Err(StatsError::Empty { what: "trials" });
    }
    if trials > TRIALS_MAX {
        return Err(StatsError::TooMany { what: "trials", most: TRIALS_MAX, got: trials });
    }
    if successes > trials {
        return Err(StatsError::PartExceedsWhole { part: "successes", got: successes, whole: "trials", of: trials });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::binomial_pmf;

    #[test]
    fn three_of_ten_is_the_textbook_interval() {
        let found = clopper_pearson(3, 10, 0.95).unwrap();
        assert_eq!(format!("{:.1}–{:.1} %", found.low * 100.0, found.high * 100.0), "6.7–65.2 %");
    }

    #[test]
    fn refuses_what_has_no_answer() {
        for (k, n, level) in [(0, 0, 0.95), (2, 1, 0.95), (1, 2, 1.0), (1, 2, f64::NAN), (0, TRIALS_MAX + 1, 0.9)] {
            assert!(clopper_pearson(k, n, level).is_err(), "{k} of {n} at {level}");
            assert!(wilson(k, n, level).is_err(), "{k} of {n} at {level}");
        }
    }

    #[test]
    fn effective_counts_are_the_exact_interval_where_whole_and_rise_between() {
        let mut last = (0.0, 0.0);
        for step in 0_u64..=200 {
            let successes = step as f64 / 5.0;
            let found = clopper_pearson_effective(successes, 40, 0.95).unwrap();
            assert!(last.0 <= found.0 && last.1 <= found.1, "{successes}: {last:?} {found:?}");
            if step % 5 == 0 {
                let exact = clopper_pearson(step / 5, 40, 0.95).unwrap();
                assert!((found.0 - exact.low).abs() < 1e-12 && (found.1 - exact.high).abs() < 1e-12, "{step}");
            }
            last = found;
        }
        for (successes, trials) in [(-0.1, 3), (3.1, 3), (f64::NAN, 3), (0.0, 0)] {
            assert!(clopper_pearson_effective(successes, trials, 0.95).is_err(), "{successes} of {trials}");
        }
    }

    #[test]
    fn exact_coverage_never_falls_below_the_level() {
        for (n, level) in [(5, 0.95), (20, 0.9), (47, 0.99)] {
            for step in 1..100 {
                let p = f64::from(step) / 100.0;
                let covered: f64 = (0..=n)
                    .filter(|&k| clopper_pearson(k, n, level).unwrap().contains(p))
                    .map(|k| binomial_pmf(k, n, p))
                    .sum();
                assert!(covered >= level - 1e-12, "n {n} p {p}: {covered} < {level}");
            }
        }
    }
}
