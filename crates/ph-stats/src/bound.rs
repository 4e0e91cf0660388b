//! One-sided exact bounds of a rate, and how many trials a claim needs. `ph-analysis` prints them
//! beside every rate, on the side of the fault. Trials must be independent.

use crate::distribution::binomial_cdf;
use crate::error::{StatsError, check_level, check_open_unit};
use crate::proportion::{TRIALS_MAX, check_counts, exact_high, exact_low};

/// The largest rate that `successes` or fewer of `trials` do not rule out at one-sided `level`.
///
/// With 0 of n it is 1 − (1 − level)^(1/n), near 3/n at 95 % (Hanley and Lippman-Hand, JAMA 249 (1983)
/// 1743–1745). Source: Clopper and Pearson, Biometrika 26 (1934) 404–413, one tail.
///
/// # Errors
/// As [`crate::clopper_pearson`].
pub fn upper_bound(successes: u64, trials: u64, level: f64) -> Result<f64, StatsError> {
    check_counts(successes, trials)?;
    check_level(level)?;
    Ok(exact_high(successes, trials, 1.0 - level))
}

/// The smallest rate that `successes` or more of `trials` do not rule out at one-sided `level`.
///
/// Source: Clopper and Pearson (1934), one tail.
///
/// # Errors
/// As [`crate::clopper_pearson`].
pub fn lower_bound(successes: u64, trials: u64, level: f64) -> Result<f64, StatsError> {
    check_counts(successes, trials)?;
    check_level(level)?;
    Ok(exact_low(successes, trials, 1.0 - level))
}

/// The fewest trials with which `failures` failures still give an [`upper_bound`] of at most `rate`.
///
/// It is the least n with P(X ≤ failures | n, rate) ≤ 1 − level: "success-run" sampling, Clopper and Pearson
/// (1934) read the other way round.
///
/// # Errors
/// `rate` or `level` outside (0, 1), or more than [`TRIALS_MAX`] trials would be needed.
pub fn n_needed_for_upper_bound(rate: f64, failures: u64, level: f64) -> Result<u64, StatsError> {
    check_open_unit("rate", rate)?;
    check_level(level)?;
    let suffices = |n: u64| binomial_cdf(failures, n, rate) <= 1.0 - level;
    if failures >= TRIALS_MAX || !suffices(TRIALS_MAX) {
        return Err(StatsError::TooMany { what: "trials needed", most: TRIALS_MAX, got: TRIALS_MAX + 1 });
    }
    // Never enough with as many trials as failures, always enough with the most; more trials only help.
    let (mut short, mut enough) = (failures, TRIALS_MAX);
    while enough - short > 1 {
        let middle = short + (enough - short) / 2;
        if suffices(middle) {
            enough = middle;
        } else {
            short = middle;
        }
    }
    Ok(enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_sizes_of_the_plan() {
        let table = [(0.01, [299, 473, 628]), (0.001, [2_995, 4_742, 6_294])];
        for (rate, sizes) in table {
            for (failures, n) in (0..).zip(sizes) {
                assert_eq!(n_needed_for_upper_bound(rate, failures, 0.95), Ok(n), "{failures} at {rate}");
                assert!(upper_bound(failures, n, 0.95).unwrap() <= rate);
                assert!(upper_bound(failures, n - 1, 0.95).unwrap() > rate);
            }
        }
    }

    #[test]
    fn no_failure_is_the_closed_form() {
        let found = upper_bound(0, 200, 0.95).unwrap();
        assert!((found - (1.0 - 0.05_f64.powf(1.0 / 200.0))).abs() < 1e-14);
        assert_eq!(lower_bound(0, 200, 0.95), Ok(0.0));
        assert_eq!(upper_bound(200, 200, 0.95), Ok(1.0));
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert!(upper_bound(0, 0, 0.95).is_err());
        assert!(lower_bound(3, 2, 0.95).is_err());
        assert!(n_needed_for_upper_bound(0.0, 0, 0.95).is_err());
        assert!(n_needed_for_upper_bound(1e-9, 0, 0.95).is_err());
        assert!(n_needed_for_upper_bound(0.5, u64::MAX, 0.95).is_err());
    }
}
