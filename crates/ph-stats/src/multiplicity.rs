//! Several findings in one table: adjusted p-values and the level at which their intervals are printed.
//! `ph-analysis` adjusts across the whole table of a report.
//!
//! **Which intervals.** [`bonferroni_level`] intervals hold all at once with probability 1 − α whatever the
//! dependence (Dunn 1961); a report prints these and decides by them. [`holm`] decides at least as often, but the
//! intervals that belong to its steps are not simultaneous, and the strictly simultaneous ones say no more of a rejected
//! row than "beyond the margin" (Guilbaud, Biometrical Journal 50 (2008) 678–692; Strassburger and Bretz, Statistics in
//! Medicine 27 (2008) 4914–4927). Its adjusted p-values stand beside as a column.
//!
//! **Two conditions in one finding.** Where a finding must hold against two references, its p-value is the larger of the
//! two: the intersection–union test, which needs no adjustment of its own (Berger, Technometrics 24 (1982) 295–300).

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
    fn refuses_what_has_no_answer() {
        assert_eq!(holm(&[]), Ok(vec![]));
        assert!(holm(&[0.1, f64::NAN]).is_err());
        assert!(holm(&[1.1]).is_err());
        assert!(bonferroni_level(0.05, 0).is_err());
    }
}
