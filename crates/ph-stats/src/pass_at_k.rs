//! Success in k tries: at least once (pass@k) or every time (pass^k), unbiased from n ≥ k tries of one item.
//! A suite's value is the mean over its items, with [`crate::clustered_mean`] for the interval.

use crate::error::StatsError;

/// Unbiased probability that at least one of `k` tries succeeds, from `successes` of `tries`.
///
/// Source: Chen et al., "Evaluating large language models trained on code", arXiv:2107.03374 (2021), equation (1).
///
/// # Errors
/// `tries` or `k` is 0, `k` > `tries`, `successes` > `tries`.
pub fn pass_at_k(successes: u64, tries: u64, k: u64) -> Result<f64, StatsError> {
    check(successes, tries, k)?;
    Ok(1.0 - draw_all(tries - successes, tries, k))
}

/// Unbiased probability that all of `k` tries succeed, from `successes` of `tries` ("pass^k").
///
/// Source: Yao et al., "τ-bench", arXiv:2406.12045 (2024): C(successes, k)/C(tries, k).
///
/// # Errors
/// As [`pass_at_k`].
pub fn pass_hat_k(successes: u64, tries: u64, k: u64) -> Result<f64, StatsError> {
    check(successes, tries, k)?;
    Ok(draw_all(successes, tries, k))
}

/// C(marked, k) / C(all, k): the chance that `k` drawn without replacement are all marked.
fn draw_all(marked: u64, all: u64, k: u64) -> f64 {
    if marked < k {
        return 0.0;
    }
    // C(m, k)/C(n, k) is also a product over the n − m unmarked; the shorter product is taken.
    let unmarked = all - marked;
    if unmarked < k {
        return (0..unmarked).map(|i| 1.0 - k as f64 / (all - i) as f64).product();
    }
    (0..k).map(|i| (marked - i) as f64 / (all - i) as f64).product()
}

fn check(successes: u64, tries: u64, k: u64) -> Result<(), StatsError> {
    for (what, got) in [("tries", tries), ("k", k)] {
        if got == 0 {
            return Err(StatsError::TooFew { what, least: 1, got });
        }
    }
    for (part, got) in [("k", k), ("successes", successes)] {
        if got > tries {
            return Err(StatsError::PartExceedsWhole { part, got, whole: "tries", of: tries });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_try_is_the_rate() {
        assert!((pass_at_k(3, 10, 1).unwrap() - 0.3).abs() < 1e-15);
        assert!((pass_hat_k(3, 10, 1).unwrap() - 0.3).abs() < 1e-15);
        assert_eq!((pass_at_k(8, 10, 3), pass_hat_k(2, 10, 3)), (Ok(1.0), Ok(0.0)));
    }

    #[test]
    fn refuses_what_has_no_answer() {
        for (successes, tries, k) in [(0, 0, 0), (0, 5, 0), (1, 5, 6), (6, 5, 1)] {
            assert!(pass_at_k(successes, tries, k).is_err(), "{successes} {tries} {k}");
            assert!(pass_hat_k(successes, tries, k).is_err(), "{successes} {tries} {k}");
        }
    }
}
