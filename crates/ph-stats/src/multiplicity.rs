//! Several findings in one table: adjusted p-values and the levels at which their intervals are printed.
//! `ph-analysis` adjusts across the whole table of a report.
//!
//! **Which intervals.** [`bonferroni_level`] intervals hold all at once with probability 1 − α whatever the
//! dependence (Dunn 1961); print them where all rows are to be read together. [`holm_levels`] gives each row
//! the level of the Holm step at which it was decided: such an interval excludes its margin exactly when Holm
//! rejects that row, so table and intervals never contradict each other, but only the *decisions* keep the
//! family-wise error rate: the intervals of rejected rows, taken as ranges, are not simultaneous. (The strictly
//! simultaneous Holm intervals say no more of a rejected row than "beyond the margin": Guilbaud, Biometrical
//! Journal 50 (2008) 678–692; Strassburger and Bretz, Statistics in Medicine 27 (2008) 4914–4927.)

use crate::error::{StatsError, check_open_unit, check_p_values};

/// Holm's step-down adjusted p-values, in the order given; reject where they are ≤ α.
///
/// No hypotheses give an empty list. Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65–70; adjusted
/// form, Wright, Biometrics 48 (1992) 1005–1013.
///
/// # Errors
/// A p-value outside [0, 1].
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    check_p_values(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in ascending(p_values).into_iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        largest = largest.max((factor * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    Ok(adjusted)
}

/// The level of each row's interval by Holm's steps at family-wise error rate `alpha`, in the order given.
///
/// The row of rank i gets 1 − α/(m − i + 1) as long as Holm rejects; from the first row not rejected on, all
/// get the level of that step. With *two-sided* p-values these are levels of two-sided intervals. With
/// *one-sided* p-values they are levels of one-sided bounds: the two-sided interval whose relevant end is that
/// bound has level 2·level − 1. Source: Holm (1979); see the head of this module for what they do not promise.
///
/// # Errors
/// A p-value outside [0, 1], `alpha` outside (0, 1).
pub fn holm_levels(p_values: &[f64], alpha: f64) -> Result<Vec<f64>, StatsError> {
    check_p_values(p_values)?;
    check_open_unit("alpha", alpha)?;
    let mut levels = vec![0.0; p_values.len()];
    let mut left = p_values.len();
    for index in ascending(p_values) {
        let step = alpha / left as f64;
        levels[index] = 1.0 - step;
        // Once one is not rejected, neither is any later: its p-value is no smaller and the step stays.
        if p_values[index] <= step {
            left -= 1;
        }
    }
    Ok(levels)
}

/// The level at which each of `intervals` intervals is made so that all hold at once with probability 1 − `alpha`.
///
/// Source: Dunn, Journal of the American Statistical Association 56 (1961) 52–64.
///
/// # Errors
/// `alpha` outside (0, 1), no intervals.
pub fn bonferroni_level(alpha: f64, intervals: usize) -> Result<f64, StatsError> {
    check_open_unit("alpha", alpha)?;
    if intervals == 0 {
        return Err(StatsError::Empty { what: "intervals" });
    }
    Ok(1.0 - alpha / intervals as f64)
}

/// Positions from the smallest to the largest value; ties in the order given.
fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_the_steps_and_stop() {
        let found = holm_levels(&[0.9, 0.001, 0.02, 0.5], 0.05).unwrap();
        let expected = [1.0 - 0.05 / 3.0, 1.0 - 0.05 / 4.0, 1.0 - 0.05 / 3.0, 1.0 - 0.05 / 3.0];
        assert_eq!(found, expected);
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert_eq!(holm(&[]), Ok(vec![]));
        assert!(holm(&[0.1, f64::NAN]).is_err());
        assert!(holm(&[1.1]).is_err());
        assert!(holm_levels(&[0.1], 0.0).is_err());
        assert!(bonferroni_level(0.05, 0).is_err());
    }
}
