//! The difference of means of two targets on the same items, over epochs. For
//! items that have more than one observation a side; with one yes/no a side [`crate::tango_interval`] is better.

use crate::cluster::{MeanEstimate, MeanOptions, Moments, Reference, Sample, StandardError, estimate, mean};
use crate::error::{StatsError, check_level};

/// First minus second: the mean over items of the difference of the item's means, with the item as the cluster.
///
/// `first[i]` and `second[i]` are the epochs of item i on either side; their numbers may differ. Every *item*
/// weighs the same. The standard error is that of the item differences, s_d / √items; with equal numbers of
/// epochs it equals CR1 on the paired differences. Source: Miller, "Adding error bars to evals",
/// arXiv:2411.00640 (2024), § 4.2 (paired differences) with § 2.2 (clusters). Margins: [`MeanEstimate::p_greater`].
///
/// # Errors
/// As [`crate::clustered_mean`] for either side, different numbers of items, fewer than 2 items.
pub fn paired_mean_difference<C: AsRef<[f64]>>(
    first: &[C],
    second: &[C],
    reference: Reference,
    level: f64,
) -> Result<MeanEstimate, StatsError> {
    check_level(level)?;
    if first.len() != second.len() {
        return Err(StatsError::LengthMismatch { first: first.len(), second: second.len() });
    }
    let (one, two) = (Sample::of(first)?, Sample::of(second)?);
    let items = first.len();
    if items < 2 {
        return Err(StatsError::TooFew { what: "items", least: 2, got: items as u64 });
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| item_mean(a) - item_mean(b)).collect();
    let centre = mean(differences.iter(), items);
    let squares: f64 = differences.iter().map(|d| (d - centre).powi(2)).sum();
    let standard_error = (squares / (items - 1) as f64 / items as f64).sqrt();
    let sample = Sample { observations: one.observations + two.observations, clusters: items, mean: centre };
    let options = MeanOptions { standard_error: StandardError::Cr1, reference, level };
    Ok(estimate(Moments { mean: centre, standard_error, units: items }, &sample, &options))
}

fn item_mean<C: AsRef<[f64]>>(epochs: &C) -> f64 {
    mean(epochs.as_ref().iter(), epochs.as_ref().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_has_no_answer() {
        let check = |first: &[Vec<f64>], second: &[Vec<f64>]| {
            paired_mean_difference(first, second, Reference::StudentT, 0.95).unwrap_err()
        };
        assert!(matches!(check(&[], &[]), StatsError::Empty { .. }));
        assert!(matches!(check(&[vec![1.0]], &[]), StatsError::LengthMismatch { first: 1, second: 0 }));
        assert!(matches!(check(&[vec![1.0]], &[vec![0.0]]), StatsError::TooFew { .. }));
        assert!(matches!(check(&[vec![1.0], vec![]], &[vec![0.0], vec![1.0]]), StatsError::EmptyCluster { index: 1 }));
    }

    #[test]
    fn swapping_the_sides_mirrors_the_interval() {
        let (a, b) = (vec![vec![1.0, 0.0], vec![1.0], vec![0.5]], vec![vec![0.0], vec![1.0, 0.0], vec![0.25, 0.0]]);
        let one = paired_mean_difference(&a, &b, Reference::StudentT, 0.9).unwrap();
        let two = paired_mean_difference(&b, &a, Reference::StudentT, 0.9).unwrap();
        assert!((one.interval.low + two.interval.high).abs() < 1e-15);
        assert!((one.p_greater(0.1) - two.p_less(-0.1)).abs() < 1e-15);
    }
}
