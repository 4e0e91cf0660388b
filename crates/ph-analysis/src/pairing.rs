//! Target and comparator on the same items: who is paired with whom, and the test of a paired difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use ph_record::{FaultDirection, Reducer};
use ph_stats::{MeanEstimate, MeanOptions, PairedTable, clustered_mean, mcnemar, tango_interval, tango_margin_test};

use crate::interval::{IntervalMethod, Limits};
use crate::measure::{Observation, View, by_cluster, items, mean, reduce};
use crate::run_table::{Row, RowKey, RunTable};

/// The tables of one comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides<'a> {
    /// The assessed target's run.
    pub(crate) target: &'a RunTable,
    /// The comparator's own run.
    pub(crate) comparator: &'a RunTable,
    /// The comparator on the target's later items.
    pub(crate) companion: Option<&'a RunTable>,
}

impl<'a> Sides<'a> {
    /// The comparator's row for a row of the target: the same item, epoch and input.
    fn partner(self, key: &RowKey, row: &Row) -> Option<&'a Row> {
        let tables = self.companion.into_iter().chain([self.comparator]);
        tables.filter_map(|table| table.get(key)).find(|other| other.input == row.input)
    }

    /// The comparator's rows that should have a partner.
    fn comparator_rows(self, view: View<'a>) -> impl Iterator<Item = (&'a RowKey, &'a Row)> {
        let companion = self.companion.into_iter().flat_map(move |table| view.rows(table));
        companion.chain(view.rows(self.comparator).filter(|(_, row)| row.round == 0))
    }
}

/// Two values of every item (and epoch, where epochs are averaged), side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pairs {
    /// The target's values.
    pub(crate) target: Vec<Observation>,
    /// The comparator's values, in the same order.
    pub(crate) comparator: Vec<Observation>,
    /// The target's samples without a partner.
    pub(crate) unmatched_target: u64,
    /// The comparator's samples without a partner.
    pub(crate) unmatched_comparator: u64,
    /// Pairs left out because a side has no score.
    pub(crate) left_out: u64,
}

impl Pairs {
    /// Pairs the rows of a measure, of one candidate where one is given. Where `errors_as` is given an error counts
    /// as that score, else its pair is left out.
    pub(crate) fn of(view: View<'_>, sides: Sides<'_>, candidate: Option<&str>, errors_as: Option<f64>) -> Self {
        let wanted = |row: &Row| candidate.is_none() || view.candidate(row).map(|name| &**name) == candidate;
        let score = |row: &Row| row.score(&view.measure.score).or(errors_as.filter(|_| row.error.is_some()));
        let mut pairs = Self::default();
        for (key, row) in view.rows(sides.target).filter(|(_, row)| wanted(row)) {
            let Some(partner) = sides.partner(key, row).filter(|partner| !partner.void) else {
                pairs.unmatched_target += 1;
                continue;
            };
            let (Some(ours), Some(theirs)) = (score(row), score(partner)) else {
                pairs.left_out += 1;
                continue;
            };
            let observation =
                |value| Observation { item: Arc::clone(&key.0), cluster: Arc::clone(&row.cluster), value };
            pairs.target.push(observation(ours));
            pairs.comparator.push(observation(theirs));
        }
        let matched = |key: &RowKey, row: &Row| {
            sides.target.get(key).is_some_and(|other| other.input == row.input && !other.void)
        };
        let lone = sides.comparator_rows(view).filter(|(key, row)| wanted(row) && !matched(key, row));
        pairs.unmatched_comparator = lone.count() as u64;
        pairs.reduced(view.reducer)
    }

    fn reduced(self, reducer: Reducer) -> Self {
        Self { target: reduce(self.target, reducer), comparator: reduce(self.comparator, reducer), ..self }
    }

    /// Paired items.
    pub(crate) fn items(&self) -> u64 {
        items(&self.target)
    }

    /// The target's mean over the pairs.
    pub(crate) fn target_mean(&self) -> Option<f64> {
        mean(&self.target)
    }

    /// The comparator's mean over the pairs.
    pub(crate) fn comparator_mean(&self) -> Option<f64> {
        mean(&self.comparator)
    }
}

/// The differences of a comparison, ready to be tested at any level.
#[derive(Debug, Clone)]
pub(crate) struct PairedSample {
    differences: Vec<Vec<f64>>,
    unit: bool,
    /// Yes/no on both sides: the counts.
    pub(crate) table: Option<PairedTable>,
    by_cluster: Option<PairedTable>,
}

impl PairedSample {
    /// The differences target − comparator of these pairs.
    pub(crate) fn of(pairs: &Pairs) -> Self {
        let both = || pairs.target.iter().zip(&pairs.comparator);
        let subtracted = both().map(|(ours, theirs)| Observation { value: ours.value - theirs.value, ..ours.clone() });
        let differences = by_cluster(&subtracted.collect::<Vec<_>>());
        let values = || pairs.target.iter().chain(&pairs.comparator).map(|one| one.value);
        let binary = values().all(|value| value == 0.0 || value == 1.0);
        let outcomes = both().map(|(ours, theirs)| (ours.value == 1.0, theirs.value == 1.0));
        Self {
            by_cluster: agreeing(&differences),
            unit: values().all(|value| (0.0..=1.0).contains(&value)),
            table: (binary && !pairs.target.is_empty()).then(|| PairedTable::from_outcomes(outcomes)),
            differences,
        }
    }

    /// Clusters.
    pub(crate) fn clusters(&self) -> u64 {
        self.differences.len() as u64
    }

    /// Whether every pair is its own cluster and yes/no.
    fn independent(&self) -> Option<&PairedTable> {
        self.table.as_ref().filter(|_| self.differences.iter().all(|cluster| cluster.len() == 1))
    }

    /// How many independent units the comparison has at the least.
    pub(crate) fn units(&self) -> u64 {
        self.clusters()
    }

    /// Two-sided limits of the difference.
    pub(crate) fn limits(&self, level: f64) -> Option<Limits> {
        let score = |table: &PairedTable, method| {
            let interval = tango_interval(table, level).ok()?;
            Limits { low: interval.low, high: interval.high, level, method }.within((-1.0, 1.0))
        };
        if let Some(table) = self.independent() {
            return score(table, IntervalMethod::PairedScore);
        }
        let Some(mean) = self.mean(level) else {
            return score(self.by_cluster.as_ref()?, IntervalMethod::PairedScoreByCluster);
        };
        let range = if self.unit { (-1.0, 1.0) } else { (f64::MIN, f64::MAX) };
        let (low, high) = (mean.interval.low, mean.interval.high);
        let clustered = Limits { low, high, level, method: IntervalMethod::Clustered }.within(range)?;
        let Some(table) = &self.table else { return Some(clustered) };
        let paired = score(table, IntervalMethod::PairedClustered)?;
        Some(Limits { low: paired.low.min(clustered.low), high: paired.high.max(clustered.high), ..paired })
    }

    /// One-sided p-value of "the difference is not beyond the margin in the fault's direction". Agrees with
    /// [`Self::limits`]: the limits at level L exclude the margin exactly where this is below (1 − L) / 2.
    pub(crate) fn p_margin(&self, margin: f64, fault: FaultDirection) -> Option<f64> {
        let signed = if fault == FaultDirection::Higher { margin } else { -margin };
        let score = |table: &PairedTable| {
            let test = tango_margin_test(table, signed).ok()?;
            Some(if fault == FaultDirection::Higher { test.p_greater } else { test.p_less })
        };
        if let Some(table) = self.independent() {
            return score(table);
        }
        let Some(mean) = self.mean(0.95) else { return score(self.by_cluster.as_ref()?) };
        let clustered = match fault {
            FaultDirection::Higher => mean.p_greater(signed),
            FaultDirection::Lower => mean.p_less(signed),
        };
        match &self.table {
            Some(table) => Some(score(table)?.max(clustered)),
            None => Some(clustered),
        }
    }

    /// Two-sided p-value of "no difference": McNemar's exact test where every pair is its own cluster.
    pub(crate) fn p_no_difference(&self) -> Option<f64> {
        if let Some(table) = self.independent() {
            return mcnemar(table).ok().map(|test| test.p_exact);
        }
        match self.mean(0.95) {
            Some(mean) => Some((2.0 * mean.p_greater(0.0).min(mean.p_less(0.0))).min(1.0)),
            None => mcnemar(self.by_cluster.as_ref()?).ok().map(|test| test.p_exact),
        }
    }

    /// The clustered mean, where the clusters differ enough to have a standard error.
    fn mean(&self, level: f64) -> Option<MeanEstimate> {
        let mean = clustered_mean(&self.differences, &MeanOptions::at_level(level)).ok()?;
        (mean.standard_error > 0.0).then_some(mean)
    }
}

/// Where every single difference is the same −1, 0 or 1: each cluster as one pair.
fn agreeing(differences: &[Vec<f64>]) -> Option<PairedTable> {
    let first = *differences.first()?.first()?;
    let same = differences.iter().flatten().all(|difference| *difference == first);
    let clusters = differences.len() as u64;
    let counts: BTreeMap<i8, PairedTable> = BTreeMap::from([
        (1, PairedTable { first_only: clusters, ..PairedTable::default() }),
        (-1, PairedTable { second_only: clusters, ..PairedTable::default() }),
        (0, PairedTable { neither: clusters, ..PairedTable::default() }),
    ]);
    let whole = (first == first.trunc() && first.abs() <= 1.0).then_some(first as i8)?;
    counts.get(&whole).copied().filter(|_| same)
}
