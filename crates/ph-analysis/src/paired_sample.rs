//! The differences of a paired comparison: limits at any level, the test against the margin, what could have been seen.
//!
//! Limits and test agree: the limits at level L leave the margin out on the side of the fault exactly where the one-sided
//! p-value is below (1 − L) / 2.

use ph_record::FaultDirection;
use ph_stats::{
    EXACT_PAIRS_MAX, MarginDesign, MeanEstimate, MeanOptions, PairedTable, clustered_mean, critical_value,
    exact_margin_test, mcnemar, minimum_detectable_difference, tango_interval, tango_interval_effective,
    tango_margin_test,
};

use crate::interval::{IntervalMethod, Limits};
use crate::measure::{Observation, by_cluster};
use crate::pairing::Pairs;

/// From here on a p-value decides nothing, so that the slow exact test is left out.
const P_IDLE: f64 = 0.1;

/// What is tested: that the difference is *not* beyond the margin on the side of the fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hypothesis {
    /// The margin, at least 0.
    pub(crate) margin: f64,
    /// The side of the fault.
    pub(crate) fault: FaultDirection,
}

impl Hypothesis {
    /// The difference at the margin.
    fn signed(self) -> f64 {
        if self.fault == FaultDirection::Higher { self.margin } else { -self.margin }
    }

    /// Whether these limits lie wholly beyond the margin on the side of the fault.
    pub(crate) fn is_beyond(self, limits: Limits) -> bool {
        match self.fault {
            FaultDirection::Higher => limits.low > self.margin,
            FaultDirection::Lower => limits.high < -self.margin,
        }
    }

    /// The limits, stretched to the margin where they left it out.
    fn stretched(self, limits: Limits) -> Limits {
        match self.fault {
            FaultDirection::Higher => Limits { low: limits.low.min(self.signed()), ..limits },
            FaultDirection::Lower => Limits { high: limits.high.max(self.signed()), ..limits },
        }
    }
}

/// The differences of a comparison, ready to be tested at any level.
#[derive(Debug, Clone)]
pub(crate) struct PairedSample {
    differences: Vec<Vec<f64>>,
    /// Whether all scores lie in 0–1. Where they do not nothing is tested, for the margin is in points of that scale.
    pub(crate) unit: bool,
    hypothesis: Hypothesis,
    /// Yes/no on both sides: the counts.
    pub(crate) table: Option<PairedTable>,
    agreeing: Option<PairedTable>,
    /// One-sided p-value of the hypothesis.
    pub(crate) p_margin: Option<f64>,
}

impl PairedSample {
    /// The differences target − comparator of these pairs.
    pub(crate) fn of(pairs: &Pairs, hypothesis: Hypothesis) -> Self {
        let both = || pairs.target.iter().zip(&pairs.comparator);
        let subtracted = both().map(|(ours, theirs)| Observation { value: ours.value - theirs.value, ..ours.clone() });
        let differences = by_cluster(&subtracted.collect::<Vec<_>>());
        let values = || pairs.target.iter().chain(&pairs.comparator).map(|one| one.value);
        let unit = !pairs.own_unit && values().all(|value| (0.0..=1.0).contains(&value));
        let binary = unit && values().all(|value| value == 0.0 || value == 1.0);
        let outcomes = both().map(|(ours, theirs)| (ours.value == 1.0, theirs.value == 1.0));
        let mut sample = Self {
            agreeing: agreeing(&differences).filter(|_| unit),
            unit,
            hypothesis,
            table: (binary && !pairs.target.is_empty()).then(|| PairedTable::from_outcomes(outcomes)),
            differences,
            p_margin: None,
        };
        sample.p_margin = if unit { sample.p() } else { None };
        sample
    }

    /// Whether limits can be made of it: a test was possible, or only the margin's unit stands against one.
    pub(crate) fn can_be_read(&self) -> bool {
        self.p_margin.is_some() || (!self.unit && !self.differences.is_empty())
    }

    /// Clusters.
    pub(crate) fn clusters(&self) -> u64 {
        self.differences.len() as u64
    }

    /// Two-sided limits of the difference.
    pub(crate) fn limits(&self, level: f64) -> Option<Limits> {
        let limits = self.limits_without_exact_test(level)?;
        if !self.unit {
            return Some(limits);
        }
        let rejects = self.p_margin.is_some_and(|p| p < 0.5 * (1.0 - level));
        Some(if rejects { limits } else { self.hypothesis.stretched(limits) })
    }

    /// Two-sided p-value of "no difference": McNemar's exact test where every pair is its own cluster.
    pub(crate) fn p_no_difference(&self) -> Option<f64> {
        if let Some(table) = self.independent() {
            return mcnemar(table).ok().map(|test| test.p_exact);
        }
        match self.mean(0.95) {
            Some(mean) => Some((2.0 * mean.p_greater(0.0).min(mean.p_less(0.0))).min(1.0)),
            None => mcnemar(self.agreeing.as_ref()?).ok().map(|test| test.p_exact),
        }
    }

    /// The smallest true difference beyond the margin that limits at this level find with about this probability, where
    /// as many pairs differ the other way as here. Pairs of one cluster count as one. None where nothing is tested.
    pub(crate) fn detectable(&self, level: f64, power: f64) -> Option<f64> {
        if !self.unit {
            return None;
        }
        let Some(table) = &self.table else { return self.detectable_mean(level, power) };
        let against =
            if self.hypothesis.fault == FaultDirection::Higher { table.second_only } else { table.first_only };
        let by_t = self.independent().is_none() && self.agreeing.is_none();
        let design = MarginDesign {
            pairs: self.clusters(),
            opposite: against as f64 / table.pairs() as f64,
            margin: self.hypothesis.margin,
            level,
            power,
            degrees_of_freedom: by_t.then(|| self.clusters().saturating_sub(1)),
        };
        minimum_detectable_difference(&design).ok().flatten()
    }

    /// The same for scores that are not yes/no, by the spread that was seen.
    fn detectable_mean(&self, level: f64, power: f64) -> Option<f64> {
        let error = self.mean(level)?.standard_error;
        let decides = critical_value(level, Some(self.clusters().checked_sub(1)?)).ok()?;
        let spread = critical_value(2.0 * power - 1.0, None).ok()?;
        let difference = self.hypothesis.margin + (decides + spread) * error;
        (difference.is_finite() && difference <= 1.0).then_some(difference)
    }

    /// Whether every pair is its own cluster and yes/no.
    fn independent(&self) -> Option<&PairedTable> {
        self.table.as_ref().filter(|_| self.differences.iter().all(|cluster| cluster.len() == 1))
    }

    fn limits_without_exact_test(&self, level: f64) -> Option<Limits> {
        if let Some(table) = self.independent() {
            return score_limits(table, level, IntervalMethod::PairedScore);
        }
        let Some(mean) = self.mean(level) else {
            return score_limits(self.agreeing.as_ref()?, level, IntervalMethod::PairedScoreByCluster);
        };
        let range = if self.unit { (-1.0, 1.0) } else { (f64::MIN, f64::MAX) };
        let (low, high) = (mean.interval.low, mean.interval.high);
        let clustered = Limits { low, high, level, method: IntervalMethod::Clustered }.within(range)?;
        let Some(table) = &self.table else { return Some(clustered) };
        let paired = score_limits(table, level, IntervalMethod::PairedClustered)?;
        let mut wider = Limits { low: paired.low.min(low), high: paired.high.max(high), ..paired }.within(range)?;
        // Few faults leave little spread to estimate an error from: how bad it may still be must not shrink by it.
        let whole_clusters = tango_interval_effective(self.rates_by_cluster(), self.clusters(), level).ok()?;
        match self.hypothesis.fault {
            FaultDirection::Higher => wider.high = wider.high.max(whole_clusters.1),
            FaultDirection::Lower => wider.low = wider.low.min(whole_clusters.0),
        }
        Some(wider)
    }

    /// The means over clusters of the shares of pairs that only the target, and only the comparator, has.
    fn rates_by_cluster(&self) -> (f64, f64) {
        let rate = |wanted: fn(f64) -> bool| {
            let share = |cluster: &Vec<f64>| {
                cluster.iter().filter(|difference| wanted(**difference)).count() as f64 / cluster.len() as f64
            };
            self.differences.iter().map(share).sum::<f64>() / self.differences.len() as f64
        };
        (rate(|difference| difference > 0.0), rate(|difference| difference < 0.0))
    }

    fn p(&self) -> Option<f64> {
        if let Some(table) = self.independent() {
            return self.score_p(table);
        }
        let Some(mean) = self.mean(0.95) else { return self.score_p(self.agreeing.as_ref()?) };
        let margin = self.hypothesis.signed();
        let clustered = match self.hypothesis.fault {
            FaultDirection::Higher => mean.p_greater(margin),
            FaultDirection::Lower => mean.p_less(margin),
        };
        match &self.table {
            Some(table) => Some(self.score_p(table)?.max(clustered)),
            None => Some(clustered),
        }
    }

    /// The score test's p-value; where it decides anything and there are not too many pairs the larger of it and the
    /// exact test's, because the score test alone errs more often than it says.
    fn score_p(&self, table: &PairedTable) -> Option<f64> {
        let margin = self.hypothesis.signed();
        let side = |test: ph_stats::MarginTest| match self.hypothesis.fault {
            FaultDirection::Higher => test.p_greater,
            FaultDirection::Lower => test.p_less,
        };
        let score = side(tango_margin_test(table, margin).ok()?);
        if score >= P_IDLE || table.pairs() > EXACT_PAIRS_MAX {
            return Some(score);
        }
        Some(score.max(side(exact_margin_test(table, margin).ok()?)))
    }

    /// The clustered mean; none where all clusters agree or there is no spread to go by.
    fn mean(&self, level: f64) -> Option<MeanEstimate> {
        let mean = clustered_mean(&self.differences, &MeanOptions::at_level(level)).ok()?;
        let has_spread = mean.standard_error > 0.0 || self.table.is_some();
        (has_spread && self.agreeing.is_none()).then_some(mean)
    }
}

fn score_limits(table: &PairedTable, level: f64, method: IntervalMethod) -> Option<Limits> {
    let interval = tango_interval(table, level).ok()?;
    Limits { low: interval.low, high: interval.high, level, method }.within((-1.0, 1.0))
}

/// Where every single difference is the same −1, 0 or 1: each cluster as one pair.
fn agreeing(differences: &[Vec<f64>]) -> Option<PairedTable> {
    let first = *differences.first()?.first()?;
    let clusters = differences.len() as u64;
    let table = if first == 1.0 {
        PairedTable { first_only: clusters, ..PairedTable::default() }
    } else if first == -1.0 {
        PairedTable { second_only: clusters, ..PairedTable::default() }
    } else if first == 0.0 {
        PairedTable { neither: clusters, ..PairedTable::default() }
    } else {
        return None;
    };
    differences.iter().flatten().all(|difference| *difference == first).then_some(table)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const HIGHER: Hypothesis = Hypothesis { margin: 0.1, fault: FaultDirection::Higher };

    /// Clusters of (target, comparator) answers.
    fn sample(clusters: &[Vec<(bool, bool)>], hypothesis: Hypothesis) -> PairedSample {
        let mut pairs = Pairs::default();
        for (number, cluster) in clusters.iter().enumerate() {
            for (at, (ours, theirs)) in cluster.iter().enumerate() {
                let (item, cluster) = (Arc::from(format!("{number}-{at}")), Arc::from(format!("{number:03}")));
                let one = |yes: bool| Observation {
                    item: Arc::clone(&item),
                    cluster: Arc::clone(&cluster),
                    value: f64::from(u8::from(yes)),
                };
                pairs.target.push(one(*ours));
                pairs.comparator.push(one(*theirs));
            }
        }
        PairedSample::of(&pairs, hypothesis)
    }

    /// Pairs on their own: `ours` only the target's, `theirs` only the comparator's.
    fn alone(ours: usize, theirs: usize, pairs: usize) -> PairedSample {
        let one = |at: usize| vec![(at < ours, at >= ours && at < ours + theirs)];
        sample(&(0..pairs).map(one).collect::<Vec<_>>(), HIGHER)
    }

    #[test]
    fn the_exact_test_holds_back_what_the_score_test_would_let_through() {
        // 100 pairs at an adjusted one-sided 0.25 %: by enumeration at the margin the score test alone errs in 0.52 %.
        let (level, tail) = (0.995, 0.0025);
        let (mut score_rate, mut rate, mut probability) = (0.0, 0.0, 0.9_f64.powi(100));
        for ours in 0..=32 {
            let sample = alone(ours, 0, 100);
            let limits = sample.limits(level).unwrap();
            let by_score = 2.0 * tango_margin_test(sample.table.as_ref().unwrap(), 0.1).unwrap().p_greater < 2.0 * tail;
            assert_eq!(HIGHER.is_beyond(limits), sample.p_margin.unwrap() < tail, "{ours}");
            score_rate += if by_score { probability } else { 0.0 };
            rate += if HIGHER.is_beyond(limits) { probability } else { 0.0 };
            probability *= (100 - ours) as f64 / (ours + 1) as f64 * 0.1 / 0.9;
        }
        assert!(score_rate > 1.5 * tail, "{score_rate}");
        assert!(rate <= tail && rate > 0.1 * tail, "{rate}");
    }

    #[test]
    fn what_can_be_seen_falls_with_opposite_differences() {
        let none = alone(0, 0, 40).detectable(1.0 - 0.05 / 29.0, 0.8).unwrap();
        let some = alone(0, 3, 40).detectable(1.0 - 0.05 / 29.0, 0.8).unwrap();
        assert!(some > none + 0.05, "{none} {some}");
    }

    #[test]
    fn equal_clusters_that_are_neither_none_nor_all_still_have_limits() {
        let clusters = vec![vec![(true, false), (false, false), (false, false), (false, false)]; 26];
        let limits = sample(&clusters, HIGHER).limits(0.95).unwrap();
        assert!(limits.low > 0.1 && limits.low < 0.25 && limits.high > 0.3, "{limits:?}");
    }

    #[test]
    fn power_of_the_planned_sizes() {
        let level = 1.0 - 0.05 / 64.0;
        // 100 items in 26 orders, 40 points; 40 items in 28 requests, 75 points.
        let spread = |hits: usize, pairs: usize, clusters: usize| {
            let mut all = vec![Vec::new(); clusters];
            (0..pairs).for_each(|at| all[at % clusters].push((at * 7 % pairs < hits, false)));
            sample(&all, HIGHER)
        };
        for (hits, pairs, clusters) in [(40, 100, 26), (30, 40, 28), (40, 40, 28)] {
            assert!(HIGHER.is_beyond(spread(hits, pairs, clusters).limits(level).unwrap()), "{hits} of {pairs}");
        }
        assert!(!HIGHER.is_beyond(spread(12, 100, 26).limits(level).unwrap()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn faults_never_leave_less_than_no_fault_at_all(
            hits in prop::collection::vec(0usize..=4, 2..14), lower in any::<bool>(),
        ) {
            let fault = if lower { FaultDirection::Lower } else { FaultDirection::Higher };
            let worst = |hits: &[usize]| {
                let pair = |at: usize, hits: usize| if lower { (at >= hits, true) } else { (at < hits, false) };
                let one = |hits: &usize| (0..4).map(|at| pair(at, *hits)).collect();
                let clusters: Vec<Vec<(bool, bool)>> = hits.iter().map(one).collect();
                let limits = sample(&clusters, Hypothesis { margin: 0.1, fault }).limits(0.95).unwrap();
                if lower { -limits.low } else { limits.high }
            };
            let none = worst(&vec![0; hits.len()]);
            prop_assert!(none <= worst(&hits) + 1e-9, "{none} {}", worst(&hits));
        }
    }
}
