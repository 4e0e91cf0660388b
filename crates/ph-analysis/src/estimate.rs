//! One measure on one target: the estimate, its limits, its bound, and how it changes under other treatments.
//!
//! The value printed is *generalised*: its limits cover drawing other items of the same kind, with the item's
//! cluster as the unit. The *benchmark* limits, where epochs allow any, cover drawing other replies to these
//! very items (NIST AI 800-3 keeps the two apart).

use std::collections::BTreeSet;

use ph_record::{Ending, FaultDirection, Response};
use ph_stats::{
    MeanOptions, clopper_pearson, clopper_pearson_effective, clustered_mean, critical_value, lower_bound, upper_bound,
};
use serde::{Deserialize, Serialize};

use crate::interval::{IntervalMethod, Limits};
use crate::measure::{Observation, Rounds, View, by_cluster, items, mean, reduce};
use crate::run_table::{Row, RowKey, RunTable};
use crate::treatment::{Fate, Other, others};

/// A rate or mean of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Estimate {
    /// The measure.
    pub measure: String,
    /// The measure in words.
    pub title: String,
    /// Which direction of difference is a fault.
    pub fault: Option<FaultDirection>,
    /// Whether scores lie outside 0–1, so that the value is no rate but a mean in the score's own unit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_unit: bool,
    /// Items with a score.
    pub items: u64,
    /// Scores (items × epochs, where epochs are averaged).
    pub observations: u64,
    /// Clusters of items that belong together.
    pub clusters: u64,
    /// Samples left out because they ended in an error.
    pub errors: u64,
    /// Samples left out because no scorer gave a number.
    pub unscored: u64,
    /// Samples that the treatment leaves out, errors aside.
    #[serde(default)]
    pub excluded: u64,
    /// The mean of all observations.
    pub value: Option<f64>,
    /// Two-sided limits for other items of the same kind (generalised).
    pub limits: Option<Limits>,
    /// Two-sided limits for other replies to the same items (benchmark); only with several epochs.
    pub benchmark_limits: Option<Limits>,
    /// One-sided bound on the side of the fault.
    pub bound: Option<Bound>,
    /// The values under other treatments, where these differ from the one above.
    pub treatments: Vec<TreatedValue>,
    /// Broken down by the task's field.
    pub groups: Vec<GroupEstimate>,
}

/// Which side is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoundSide {
    /// The value is at most this.
    AtMost,
    /// The value is at least this.
    AtLeast,
}

/// A one-sided bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Bound {
    /// Which side.
    pub side: BoundSide,
    /// The bound.
    pub value: f64,
    /// One-sided confidence level.
    pub level: f64,
    /// How it was made.
    pub method: IntervalMethod,
}

/// The value under another treatment of samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TreatedValue {
    /// The treatment in words.
    pub name: String,
    /// The treatment as `--treat` takes it; absent where none does this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treatment: Option<String>,
    /// How many samples it changes.
    pub samples: u64,
    /// The value under it.
    pub value: Option<f64>,
}

/// The value of one group of items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupEstimate {
    /// The field's value.
    pub group: String,
    /// Items with a score.
    pub items: u64,
    /// The value.
    pub value: Option<f64>,
    /// Two-sided limits.
    pub limits: Option<Limits>,
}

/// Estimates one measure over one run.
pub(crate) fn estimate(view: View<'_>, table: &RunTable, alpha: f64) -> Estimate {
    let observations = observe(view, table, |_, row| view.value(row));
    let clusters = by_cluster(&observations);
    let count = |fate: Fate| view.rows(table).filter(|(_, row)| view.fate(row) == fate).count() as u64;
    Estimate {
        measure: view.measure.id.clone(),
        title: view.measure.title.clone(),
        fault: view.measure.fault,
        own_unit: view.measure.own_unit,
        items: items(&observations),
        observations: observations.len() as u64,
        clusters: clusters.len() as u64,
        errors: count(Fate::Error),
        unscored: count(Fate::Unscored),
        excluded: count(Fate::Excluded),
        value: mean(&observations),
        limits: limits(&clusters, 1.0 - alpha),
        benchmark_limits: benchmark_limits(&observations, 1.0 - alpha),
        bound: view.measure.fault.and_then(|fault| bound(&clusters, fault, 1.0 - alpha)),
        treatments: treatments(view, table),
        groups: groups(view, table, alpha),
    }
}

/// The observations of a measure with the value that `value` reads; rows without one are left out.
pub(crate) fn observe(
    view: View<'_>,
    table: &RunTable,
    value: impl Fn(&RowKey, &Row) -> Option<f64>,
) -> Vec<Observation> {
    let observations = view.rows(table).filter_map(|(key, row)| {
        Some(Observation { item: key.0.clone(), cluster: row.cluster.clone(), value: value(key, row)? })
    });
    reduce(observations.collect(), view.reducer)
}

/// Two-sided limits of the mean of clustered values; none where they have no sensible answer.
pub(crate) fn limits(clusters: &[Vec<f64>], level: f64) -> Option<Limits> {
    if let Some(successes) = independent(clusters) {
        return exact(successes, clusters.len() as u64, level);
    }
    let values = || clusters.iter().flatten().copied();
    let binary = values().all(|value| value == 0.0 || value == 1.0);
    let agree = values().all(|value| clusters.first().and_then(|cluster| cluster.first()) == Some(&value));
    let range = if values().all(|value| (0.0..=1.0).contains(&value)) { (0.0, 1.0) } else { (f64::MIN, f64::MAX) };
    let by_spread = clustered_mean(clusters, &MeanOptions::at_level(level));
    let by_spread = by_spread.ok().filter(|mean| mean.standard_error > 0.0 || (binary && !agree)).and_then(|mean| {
        let (low, high) = (mean.interval.low, mean.interval.high);
        Limits { low, high, level, method: IntervalMethod::Clustered }.within(range)
    });
    // Where clusters (nearly) agree there is too little spread to estimate an error from: each counts as one trial.
    let by_cluster = (binary && (agree || by_spread.is_some())).then(|| exact_by_cluster(clusters, level)).flatten();
    match (by_spread, by_cluster) {
        (Some(one), Some(two)) => Some(Limits { low: one.low.min(two.low), high: one.high.max(two.high), ..one }),
        (one, two) => one.or(two),
    }
}

/// The successes of yes/no values each of which is its own cluster.
fn independent(clusters: &[Vec<f64>]) -> Option<u64> {
    let alone = clusters.iter().all(|cluster| matches!(cluster.as_slice(), [value] if *value == 0.0 || *value == 1.0));
    alone.then(|| clusters.iter().flatten().filter(|value| **value == 1.0).count() as u64)
}

/// Exact limits with a whole cluster counted as one trial and its mean as a part of a success.
fn exact_by_cluster(clusters: &[Vec<f64>], level: f64) -> Option<Limits> {
    let successes = clusters.iter().map(|cluster| cluster.iter().sum::<f64>() / cluster.len() as f64).sum::<f64>();
    let trials = clusters.len() as u64;
    // A sum of means may lie a rounding above the number of clusters.
    let (low, high) = clopper_pearson_effective(successes.min(trials as f64), trials, level).ok()?;
    Limits { low, high, level, method: IntervalMethod::ExactByCluster }.within((0.0, 1.0))
}

fn exact(successes: u64, trials: u64, level: f64) -> Option<Limits> {
    let interval = clopper_pearson(successes, trials, level).ok()?;
    Limits { low: interval.low, high: interval.high, level, method: IntervalMethod::Exact }.within((0.0, 1.0))
}

/// The one-sided bound on the side of the fault: how bad it may still be.
pub(crate) fn bound(clusters: &[Vec<f64>], fault: FaultDirection, level: f64) -> Option<Bound> {
    let side = if fault == FaultDirection::Higher { BoundSide::AtMost } else { BoundSide::AtLeast };
    if let Some(successes) = independent(clusters) {
        let exact = if side == BoundSide::AtMost { upper_bound } else { lower_bound };
        let value = exact(successes, clusters.len() as u64, level).ok()?;
        return Some(Bound { side, value, level, method: IntervalMethod::Exact });
    }
    let two_sided = limits(clusters, 2.0 * level - 1.0)?;
    let value = if side == BoundSide::AtMost { two_sided.high } else { two_sided.low };
    Some(Bound { side, value, level, method: two_sided.method })
}

/// Limits from the spread of epochs within items; none where an item has a single epoch.
fn benchmark_limits(observations: &[Observation], level: f64) -> Option<Limits> {
    let mut variance = 0.0;
    let total = observations.len() as f64;
    for epochs in observations.chunk_by(|one, two| one.item == two.item) {
        let count = epochs.len() as f64;
        if epochs.len() < 2 {
            return None;
        }
        let centre = mean(epochs)?;
        let squares: f64 = epochs.iter().map(|one| (one.value - centre).powi(2)).sum();
        variance += squares / (count - 1.0) * count;
    }
    let standard_error = variance.sqrt() / total;
    let value = mean(observations)?;
    let half = critical_value(level, None).ok()? * standard_error;
    let unit = observations.iter().all(|one| (0.0..=1.0).contains(&one.value));
    let range = if unit { (0.0, 1.0) } else { (f64::MIN, f64::MAX) };
    (half > 0.0)
        .then_some(Limits { low: value - half, high: value + half, level, method: IntervalMethod::Replies })?
        .within(range)
}

fn treatments(view: View<'_>, table: &RunTable) -> Vec<TreatedValue> {
    let others = others(&view.treatment, view.measure);
    let mut all: Vec<TreatedValue> = others.filter_map(|other| under(view, table, &other)).collect();
    let error = |row: &Row| row.error.is_some() && row.ending != Ending::ACCESS_CUT;
    let blocked = |row: &Row| row.response == Some(Response::SafeguardBlock) && view.value(row).is_some();
    if let Some(no_fault) = view.measure.best().filter(|_| view.measure.fault.is_some()) {
        let value = |row: &Row| if error(row) { Some(no_fault) } else { view.value(row) };
        all.extend(aside("errors counted as no fault", (view, table), &error, &value));
    }
    let value = |row: &Row| if blocked(row) { None } else { view.value(row) };
    all.extend(aside("safeguard blocks left out", (view, table), &blocked, &value));
    all
}

/// The value under another treatment; none where it changes no sample.
fn under(view: View<'_>, table: &RunTable, other: &Other) -> Option<TreatedValue> {
    let treated = View { treatment: other.treatment, ..view };
    let samples = view.rows(table).filter(|(_, row)| treated.fate(row) != view.fate(row)).count() as u64;
    (samples > 0).then(|| TreatedValue {
        name: other.words(),
        treatment: Some(other.flag()),
        samples,
        value: mean(&observe(treated, table, |_, row| treated.value(row))),
    })
}

/// The value under what no treatment does; none where it changes no sample.
fn aside(
    name: &str,
    (view, table): (View<'_>, &RunTable),
    changes: &dyn Fn(&Row) -> bool,
    value: &dyn Fn(&Row) -> Option<f64>,
) -> Option<TreatedValue> {
    let samples = view.rows(table).filter(|(_, row)| changes(row)).count() as u64;
    (samples > 0).then(|| TreatedValue {
        name: name.to_owned(),
        treatment: None,
        samples,
        value: mean(&observe(view, table, |_, row| value(row))),
    })
}

/// Broken down by the task's field; what a search retested by its candidates.
fn groups(view: View<'_>, table: &RunTable, alpha: f64) -> Vec<GroupEstimate> {
    let by_candidate = view.measure.searched.is_some() && view.rounds != Rounds::First;
    let group_of = |row: &Row| if by_candidate { view.candidate(row).cloned() } else { row.group.clone() };
    let names: BTreeSet<_> = view.rows(table).filter_map(|(_, row)| group_of(row)).collect();
    let group = |name: &str| {
        let observations =
            observe(view, table, |_, row| view.value(row).filter(|_| group_of(row).as_deref() == Some(name)));
        GroupEstimate {
            group: name.to_owned(),
            items: items(&observations),
            value: mean(&observations),
            limits: limits(&by_cluster(&observations), 1.0 - alpha),
        }
    };
    names.iter().map(|name| group(name)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn singles(successes: usize, trials: usize) -> Vec<Vec<f64>> {
        (0..trials).map(|n| vec![f64::from(u8::from(n < successes))]).collect()
    }

    #[track_caller]
    fn check(clusters: &[Vec<f64>], method: IntervalMethod, (low, high): (f64, f64)) {
        let limits = limits(clusters, 0.95).unwrap();
        assert_eq!(limits.method, method);
        assert!((limits.low - low).abs() < 5e-4 && (limits.high - high).abs() < 5e-4, "{limits:?}");
    }

    #[test]
    fn three_of_ten_is_the_programmes_example() {
        check(&singles(3, 10), IntervalMethod::Exact, (0.067, 0.652));
    }

    #[test]
    fn agreeing_clusters_count_as_one_trial_each() {
        let twice = vec![vec![0.0, 0.0]; 10];
        check(&twice, IntervalMethod::ExactByCluster, (0.0, 0.3085));
        check(&vec![vec![1.0, 1.0]; 10], IntervalMethod::ExactByCluster, (0.6915, 1.0));
    }

    #[test]
    fn clustered_limits_by_hand() {
        // Cluster means 0, ½, ½, 1: residual sums −1, 0, 0, 1; CR1 variance (2 / 64)·(4 / 3); t₃ = 3.1824.
        let clusters = [vec![0.0, 0.0], vec![0.0, 1.0], vec![1.0, 0.0], vec![1.0, 1.0]];
        let half = 3.182_446 * (2.0 / 64.0 * 4.0 / 3.0_f64).sqrt();
        check(&clusters, IntervalMethod::Clustered, ((0.5 - half).max(0.0), (0.5 + half).min(1.0)));
    }

    #[test]
    fn nothing_and_one_disagreeing_cluster_have_no_limits() {
        assert_eq!(limits(&[], 0.95), None);
        assert_eq!(limits(&[vec![0.0, 1.0]], 0.95), None);
        assert_eq!(limits(&singles(1, 3), 1.5), None);
    }

    #[test]
    fn a_fault_more_in_clusters_is_no_lower_bound() {
        // 40 items × 4 epochs: none at all leaves 7.2 %; with one hit the spread alone would leave 1.7 %.
        let mut clusters = vec![vec![0.0; 4]; 40];
        let none = bound(&clusters, FaultDirection::Higher, 0.95).unwrap().value;
        clusters[7][2] = 1.0;
        let one = bound(&clusters, FaultDirection::Higher, 0.95).unwrap().value;
        assert!((none - 0.0722).abs() < 5e-4 && one > none, "{none} {one}");
    }

    proptest! {
        #[test]
        fn more_hits_never_fall_below_the_limits_of_fewer_whole_clusters(
            hits in prop::collection::vec(0usize..=4, 2..60), at in any::<prop::sample::Index>(), level in 0.8..0.999,
        ) {
            let clusters = |hits: &[usize]| -> Vec<Vec<f64>> {
                let cluster = |hits: &usize| (0..4).map(|at| f64::from(u8::from(at < *hits))).collect();
                hits.iter().map(cluster).collect()
            };
            let mut more = hits.clone();
            let at = at.index(hits.len());
            prop_assume!(hits[at] < 4);
            more[at] += 1;
            let floor = exact_by_cluster(&clusters(&hits), level).unwrap();
            let found = limits(&clusters(&more), level).unwrap();
            prop_assert!(floor.high <= found.high + 1e-9, "{floor:?} {found:?}");
            let none = limits(&clusters(&vec![0; hits.len()]), level).unwrap();
            prop_assert!(none.high <= found.high + 1e-9, "a fault never leaves less than none: {none:?} {found:?}");
        }
    }

    #[test]
    fn bounds_are_the_rule_of_three() {
        let at_most = bound(&singles(0, 299), FaultDirection::Higher, 0.95).unwrap();
        assert!(at_most.side == BoundSide::AtMost && at_most.value < 0.01 && at_most.value > 0.0099);
        let at_least = bound(&singles(299, 299), FaultDirection::Lower, 0.95).unwrap();
        assert!(at_least.side == BoundSide::AtLeast && at_least.value > 0.99);
    }
}
