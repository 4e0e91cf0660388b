//! The mean of observations that come in clusters (items × epochs: the cluster is the item), with a naive or a
//! clustered standard error. `ph-analysis` calls it for scores that are not one yes/no per item.

use serde::{Deserialize, Serialize};

use crate::distribution::{normal_critical, normal_sf, t_critical, t_sf};
use crate::error::{StatsError, check_finite, check_level};
use crate::interval::{Interval, Method};

/// How the standard error of the mean is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandardError {
    /// s / √n, as if every observation were independent.
    Naive,
    /// Clustered without small-sample factor (Liang and Zeger 1986).
    Cr0,
    /// Clustered, times G/(G − 1): statsmodels' `use_correction=True`. The default choice.
    Cr1,
}

/// Which distribution gives the critical value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// The normal distribution; for many clusters.
    Normal,
    /// Student's t with clusters − 1 degrees of freedom (naive: observations − 1).
    StudentT,
}

/// What [`clustered_mean`] is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanOptions {
    /// The standard error.
    pub standard_error: StandardError,
    /// The reference distribution.
    pub reference: Reference,
    /// Two-sided level, in (0, 1).
    pub level: f64,
}

impl MeanOptions {
    /// CR1 with Student's t, which holds its level best with few clusters.
    pub fn at_level(level: f64) -> Self {
        Self { standard_error: StandardError::Cr1, reference: Reference::StudentT, level }
    }
}

/// A mean, or a difference of means, with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanEstimate {
    /// The estimate and its limits.
    pub interval: Interval,
    /// Standard error of the estimate.
    pub standard_error: f64,
    /// How many observations went in.
    pub observations: usize,
    /// How many clusters (items) they came in.
    pub clusters: usize,
    /// Degrees of freedom of the t distribution; none with the normal.
    pub degrees_of_freedom: Option<u64>,
}

impl MeanEstimate {
    /// One-sided p-value of H0: true value ≤ `margin`, against greater.
    ///
    /// With a standard error of 0 it is 0 if the estimate is above the margin, else 1.
    pub fn p_greater(&self, margin: f64) -> f64 {
        self.upper_tail(self.interval.estimate - margin)
    }

    /// One-sided p-value of H0: true value ≥ `margin`, against less.
    ///
    /// With a standard error of 0 it is 0 if the estimate is below the margin, else 1.
    pub fn p_less(&self, margin: f64) -> f64 {
        self.upper_tail(margin - self.interval.estimate)
    }

    fn upper_tail(&self, beyond: f64) -> f64 {
        if self.standard_error == 0.0 {
            return if beyond > 0.0 { 0.0 } else { 1.0 };
        }
        let score = beyond / self.standard_error;
        self.degrees_of_freedom.map_or_else(|| normal_sf(score), |freedom| t_sf(score, freedom as f64))
    }
}

/// Mean of all observations with a naive or clustered standard error.
///
/// Each entry of `clusters` holds one item's observations (its epochs); every *observation* weighs the same.
/// With all values equal the standard error is 0 and the interval a point.
/// Source: Liang and Zeger, Biometrika 73 (1986) 13–22, for a regression on a constant; small-sample factor
/// G/(G − 1)·(N − 1)/(N − k) at k = 1, Cameron and Miller, Journal of Human Resources 50 (2015) 317–372,
/// § II.B; its use for evaluations, Miller, "Adding error bars to evals", arXiv:2411.00640 (2024), § 2.2.
///
/// # Errors
/// No cluster, fewer than 2 (naive: fewer than 2 observations), an empty cluster, a value that is not finite,
/// a level outside (0, 1).
pub fn clustered_mean<C: AsRef<[f64]>>(clusters: &[C], options: &MeanOptions) -> Result<MeanEstimate, StatsError> {
    check_level(options.level)?;
    let sample = Sample::of(clusters)?;
    let units = match options.standard_error {
        StandardError::Naive => sample.observations,
        StandardError::Cr0 | StandardError::Cr1 => sample.clusters,
    };
    let what = if options.standard_error == StandardError::Naive { "observations" } else { "clusters" };
    if units < 2 {
        return Err(StatsError::TooFew { what, least: 2, got: units as u64 });
    }
    let standard_error = sample.standard_error(clusters, options.standard_error);
    Ok(estimate(Moments { mean: sample.mean, standard_error, units }, &sample, options))
}

/// What an interval around a mean is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    /// The mean.
    pub(crate) mean: f64,
    /// Its standard error.
    pub(crate) standard_error: f64,
    /// Independent units; the degrees of freedom are one less.
    pub(crate) units: usize,
}

/// Mean ± critical value × standard error.
pub(crate) fn estimate(moments: Moments, sample: &Sample, options: &MeanOptions) -> MeanEstimate {
    let freedom = moments.units as u64 - 1;
    let (critical, method, degrees_of_freedom) = match options.reference {
        Reference::Normal => (normal_critical(options.level), Method::Normal, None),
        Reference::StudentT => (t_critical(options.level, freedom as f64), Method::StudentT, Some(freedom)),
    };
    let half = critical * moments.standard_error;
    MeanEstimate {
        interval: Interval {
            estimate: moments.mean,
            low: moments.mean - half,
            high: moments.mean + half,
            level: options.level,
            method,
        },
        standard_error: moments.standard_error,
        observations: sample.observations,
        clusters: sample.clusters,
        degrees_of_freedom,
    }
}

/// The checked counts and mean of clustered observations.
pub(crate) struct Sample {
    /// Observations in all clusters.
    pub(crate) observations: usize,
    /// Clusters.
    pub(crate) clusters: usize,
    /// Mean of all observations.
    pub(crate) mean: f64,
}

impl Sample {
    /// Refuses no cluster, an empty one, and values that are not finite.
    pub(crate) fn of<C: AsRef<[f64]>>(clusters: &[C]) -> Result<Self, StatsError> {
        if clusters.is_empty() {
            return Err(StatsError::Empty { what: "clusters" });
        }
        for (index, cluster) in clusters.iter().enumerate() {
            if cluster.as_ref().is_empty() {
                return Err(StatsError::EmptyCluster { index });
            }
            check_finite("value", cluster.as_ref())?;
        }
        let observations = clusters.iter().map(|cluster| cluster.as_ref().len()).sum();
        let all = clusters.iter().flat_map(AsRef::as_ref);
        Ok(Self { observations, clusters: clusters.len(), mean: mean(all, observations) })
    }

    fn standard_error<C: AsRef<[f64]>>(&self, clusters: &[C], kind: StandardError) -> f64 {
        let n = self.observations as f64;
        let g = self.clusters as f64;
        let deviations = |cluster: &C| -> Vec<f64> { cluster.as_ref().iter().map(|x| x - self.mean).collect() };
        if kind == StandardError::Naive {
            let squares: f64 = clusters.iter().flat_map(deviations).map(|d| d * d).sum();
            return (squares / (n - 1.0) / n).sqrt();
        }
        let squares: f64 = clusters.iter().map(|cluster| deviations(cluster).iter().sum::<f64>().powi(2)).sum();
        let factor = if kind == StandardError::Cr1 { g / (g - 1.0) } else { 1.0 };
        (factor * squares).sqrt() / n
    }
}

/// The mean in two passes; exact if all values are equal, so that the deviations are then exactly 0.
pub(crate) fn mean<'a>(values: impl Iterator<Item = &'a f64> + Clone, count: usize) -> f64 {
    let Some(first) = values.clone().next() else { return f64::NAN };
    first + values.map(|x| x - first).sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(clusters: &[Vec<f64>], standard_error: StandardError) -> StatsError {
        let options = MeanOptions { standard_error, reference: Reference::StudentT, level: 0.95 };
        clustered_mean(clusters, &options).unwrap_err()
    }

    #[test]
    fn refuses_what_has_no_answer() {
        let cr1 = StandardError::Cr1;
        assert_eq!(refused(&[], cr1), StatsError::Empty { what: "clusters" });
        assert_eq!(refused(&[vec![1.0], vec![]], cr1), StatsError::EmptyCluster { index: 1 });
        assert_eq!(refused(&[vec![1.0, 2.0]], cr1), StatsError::TooFew { what: "clusters", least: 2, got: 1 });
        assert!(matches!(refused(&[vec![1.0], vec![f64::NAN]], cr1), StatsError::NotFinite { .. }));
        assert!(matches!(refused(&[vec![1.0]], StandardError::Naive), StatsError::TooFew { .. }));
    }

    #[test]
    fn all_equal_is_a_point() {
        let found = clustered_mean(&[vec![0.1; 3], vec![0.1; 5]], &MeanOptions::at_level(0.95)).unwrap();
        assert_eq!((found.interval.low, found.interval.high, found.standard_error), (0.1, 0.1, 0.0));
        assert_eq!((found.p_greater(0.0), found.p_greater(0.1), found.p_less(0.2)), (0.0, 1.0, 0.0));
    }

    #[test]
    fn repeated_epochs_do_not_shrink_the_clustered_error() {
        let once: Vec<Vec<f64>> = (0..20).map(|item| vec![f64::from(item % 2)]).collect();
        let often: Vec<Vec<f64>> = once.iter().map(|item| vec![item[0]; 10]).collect();
        let options = MeanOptions::at_level(0.95);
        let (a, b) = (clustered_mean(&once, &options).unwrap(), clustered_mean(&often, &options).unwrap());
        assert!((a.standard_error - b.standard_error).abs() < 1e-15);
        let naive = MeanOptions { standard_error: StandardError::Naive, ..options };
        assert!(clustered_mean(&often, &naive).unwrap().standard_error < 0.4 * b.standard_error);
    }
}
