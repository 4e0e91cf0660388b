//! Resampling whole clusters (items), for statistics without a formula. The caller passes the
//! items and a closure; the same seed gives the same interval on every machine.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::cluster::mean;
use crate::distribution::{normal_cdf, normal_quantile};
use crate::error::{StatsError, check_finite, check_level};
use crate::interval::{Interval, Method};

/// The most resamples: bounds the memory for replicates at 8 MB.
const RESAMPLES_MAX: usize = 1_000_000;

/// Which interval is read off the replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootstrapKind {
    /// Quantiles of the replicates.
    Percentile,
    /// Bias-corrected and accelerated quantiles.
    Bca,
}

/// What [`cluster_bootstrap`] is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootstrapOptions {
    /// How many resamples; 2,000 or more for a 95 % interval.
    pub resamples: usize,
    /// Seed of the resampling.
    pub seed: u64,
    /// Two-sided level, in (0, 1).
    pub level: f64,
    /// The kind of interval.
    pub kind: BootstrapKind,
}

/// Bootstrap interval of `statistic` over clusters drawn whole, with replacement.
///
/// For a paired comparison a cluster holds both sides of an item. Quantiles interpolate linearly (Hyndman and
/// Fan 1996, type 7). If all replicates are equal the interval is that point. Source: Efron and Tibshirani, "An
/// introduction to the bootstrap" (1993), equation (13.5) for the percentile and (14.9), (14.10), (14.14),
/// (14.15) for the BCa interval (Efron 1987); clusters as units, Field and Welsh, JRSS B 69 (2007) 369–390.
///
/// # Errors
/// Fewer than 2 clusters, fewer than 2 or more than 1,000,000 resamples, `level` outside (0, 1), a statistic that is
/// not finite on some resample, BCa with all replicates on one side of the estimate.
pub fn cluster_bootstrap<T>(
    clusters: &[T],
    statistic: impl Fn(&[&T]) -> f64,
    options: &BootstrapOptions,
) -> Result<Interval, StatsError> {
    check_level(options.level)?;
    check_sizes(clusters.len(), options.resamples)?;
    let mut drawn: Vec<&T> = clusters.iter().collect();
    let estimate = statistic(&drawn);
    check_finite("statistic", &[estimate])?;
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut replicates = Vec::with_capacity(options.resamples);
    for _ in 0..options.resamples {
        for slot in &mut drawn {
            *slot = &clusters[random.random_range(0..clusters.len() as u64) as usize];
        }
        replicates.push(statistic(&drawn));
    }
    check_finite("replicate", &replicates)?;
    replicates.sort_by(f64::total_cmp);
    let jackknife = match options.kind {
        BootstrapKind::Percentile => Vec::new(),
        BootstrapKind::Bca => leave_one_out(clusters, statistic)?,
    };
    limits(estimate, &replicates, &jackknife, options)
}

fn check_sizes(clusters: usize, resamples: usize) -> Result<(), StatsError> {
    for (what, got) in [("clusters", clusters), ("resamples", resamples)] {
        if got < 2 {
            return Err(StatsError::TooFew { what, least: 2, got: got as u64 });
        }
    }
    if resamples > RESAMPLES_MAX {
        return Err(StatsError::TooMany { what: "resamples", most: RESAMPLES_MAX as u64, got: resamples as u64 });
    }
    Ok(())
}

/// The statistic without each cluster in turn.
fn leave_one_out<T>(clusters: &[T], statistic: impl Fn(&[&T]) -> f64) -> Result<Vec<f64>, StatsError> {
    let mut left: Vec<&T> = clusters.iter().skip(1).collect();
    let mut values = Vec::with_capacity(clusters.len());
    for (index, cluster) in clusters.iter().enumerate() {
        values.push(statistic(&left));
        // Puts the cluster just left out in the place of the next one.
        if let Some(slot) = left.get_mut(index) {
            *slot = cluster;
        }
    }
    check_finite("jackknife value", &values)?;
    Ok(values)
}

/// The interval from sorted replicates; `jackknife` is read for BCa only.
fn limits(
    estimate: f64,
    replicates: &[f64],
    jackknife: &[f64],
    options: &BootstrapOptions,
) -> Result<Interval, StatsError> {
    let tail = 0.5 * (1.0 - options.level);
    let constant = replicates.first() == replicates.last();
    let (low_at, high_at, method) = match options.kind {
        BootstrapKind::Percentile => (tail, 1.0 - tail, Method::BootstrapPercentile),
        BootstrapKind::Bca if constant => (tail, 1.0 - tail, Method::BootstrapBca),
        BootstrapKind::Bca => {
            let bias = bias_correction(estimate, replicates)?;
            let acceleration = acceleration(jackknife);
            let at = |p: f64| bca_position(bias, acceleration, normal_quantile(p));
            (at(tail), at(1.0 - tail), Method::BootstrapBca)
        }
    };
    let (low, high) = (quantile(replicates, low_at), quantile(replicates, high_at));
    Ok(Interval { estimate, low, high, level: options.level, method })
}

/// z₀: equation (14.14), ties counted half.
fn bias_correction(estimate: f64, replicates: &[f64]) -> Result<f64, StatsError> {
    let below = replicates.partition_point(|&x| x < estimate);
    let up_to = replicates.partition_point(|&x| x <= estimate);
    let share = 0.5 * (below + up_to) as f64 / replicates.len() as f64;
    if share <= 0.0 || share >= 1.0 {
        return Err(StatsError::BcaUndefined { resamples: replicates.len() });
    }
    Ok(normal_quantile(share))
}

/// â: equation (14.15); 0 if leaving a cluster out changes nothing.
fn acceleration(jackknife: &[f64]) -> f64 {
    let centre = mean(jackknife.iter(), jackknife.len());
    let squares: f64 = jackknife.iter().map(|x| (centre - x).powi(2)).sum();
    let cubes: f64 = jackknife.iter().map(|x| (centre - x).powi(3)).sum();
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// α₁ or α₂ of equation (14.10) for the normal quantile `z`.
fn bca_position(bias: f64, acceleration: f64, z: f64) -> f64 {
    let shrink = 1.0 - acceleration * (bias + z);
    // Beyond the pole of the transformation the outermost replicate is meant.
    if shrink <= 0.0 {
        return if bias + z > 0.0 { 1.0 } else { 0.0 };
    }
    normal_cdf(bias + (bias + z) / shrink)
}

/// Quantile of sorted values with linear interpolation.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = at.floor();
    let index = below as usize;
    let next = sorted[(index + 1).min(sorted.len() - 1)];
    sorted[index] + (at - below) * (next - sorted[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: BootstrapOptions =
        BootstrapOptions { resamples: 2_000, seed: 7, level: 0.95, kind: BootstrapKind::Bca };

    fn mean_of(values: &[&f64]) -> f64 {
        mean(values.iter().copied(), values.len())
    }

    fn numbers(value: &serde_json::Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    }

    #[test]
    fn limits_of_given_replicates_are_those_of_scipy() {
        let text = include_str!("../tests/fixtures/fixtures.json");
        let fixtures: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in fixtures["limits"].as_array().unwrap() {
            let data = numbers(&case["data"]);
            let mut replicates = numbers(&case["replicates"]);
            replicates.sort_by(f64::total_cmp);
            let jackknife = leave_one_out(&data, mean_of).unwrap();
            let estimate = mean_of(&data.iter().collect::<Vec<_>>());
            for (kind, name) in [(BootstrapKind::Bca, "bca"), (BootstrapKind::Percentile, "percentile")] {
                let options = BootstrapOptions { kind, level: case["level"].as_f64().unwrap(), ..OPTIONS };
                let found = limits(estimate, &replicates, &jackknife, &options).unwrap();
                let expected = numbers(&case[name]);
                assert!((found.low - expected[0]).abs() < 1e-9, "{name} {found:?} {expected:?}");
                assert!((found.high - expected[1]).abs() < 1e-9, "{name} {found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn leaves_each_cluster_out_once() {
        let left = leave_one_out(&[1.0, 2.0, 4.0, 8.0], |kept: &[&f64]| kept.iter().copied().sum()).unwrap();
        assert_eq!(left, [14.0, 13.0, 11.0, 7.0]);
    }

    #[test]
    fn the_seed_decides_the_interval() {
        let data: Vec<f64> = (0..30).map(|x| f64::from(x * x)).collect();
        let draw = |seed| cluster_bootstrap(&data, mean_of, &BootstrapOptions { seed, ..OPTIONS }).unwrap();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn all_equal_is_a_point() {
        let found = cluster_bootstrap(&[2.0; 5], mean_of, &OPTIONS).unwrap();
        assert_eq!((found.low, found.high), (2.0, 2.0));
    }

    #[test]
    fn refuses_what_has_no_answer() {
        let draw = |data: &[f64], options: BootstrapOptions| cluster_bootstrap(data, mean_of, &options).unwrap_err();
        assert!(matches!(draw(&[], OPTIONS), StatsError::TooFew { what: "clusters", .. }));
        assert!(matches!(draw(&[1.0], OPTIONS), StatsError::TooFew { what: "clusters", .. }));
        assert!(matches!(draw(&[1.0, f64::NAN], OPTIONS), StatsError::NotFinite { .. }));
        assert!(draw(&[1.0, 2.0], BootstrapOptions { resamples: 0, ..OPTIONS }).to_string().contains("resamples"));
        assert!(draw(&[1.0, 2.0], BootstrapOptions { resamples: usize::MAX, ..OPTIONS }).to_string().contains("most"));
        let one_sided = limits(0.0, &[1.0, 2.0, 3.0], &[1.0, 2.0], &OPTIONS);
        assert_eq!(one_sided, Err(StatsError::BcaUndefined { resamples: 3 }));
    }
}
