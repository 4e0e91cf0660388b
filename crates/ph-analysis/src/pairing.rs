//! Target and comparator on the same items: who is paired with whom. And a target with its own answers without
//! a search's candidate.

use std::collections::BTreeMap;
use std::sync::Arc;

use ph_record::{Ending, Reducer};

use crate::measure::{Observation, View, items, mean, reduce};
use crate::run_table::{Row, RowKey, RunTable};
use crate::treatment::Fate;

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
    /// Whether scores of the measure lie outside 0–1.
    pub(crate) own_unit: bool,
}

impl Pairs {
    /// Pairs the rows of a measure, of one candidate where one is given. Where `errors_as` is given an error counts
    /// as that score, else its pair is left out.
    pub(crate) fn of(view: View<'_>, sides: Sides<'_>, candidate: Option<&str>, errors_as: Option<f64>) -> Self {
        let wanted = |row: &Row| candidate.is_none() || view.candidate(row).map(|name| &**name) == candidate;
        let is_error = |row: &Row| view.fate(row) == Fate::Error && row.ending != Ending::ACCESS_CUT;
        let score = |row: &Row| view.value(row).or(errors_as.filter(|_| is_error(row)));
        let mut pairs = Self { own_unit: view.measure.own_unit, ..Self::default() };
        for (key, row) in view.rows(sides.target).filter(|(_, row)| wanted(row)) {
            let partner = sides.partner(key, row).filter(|partner| !partner.void);
            pairs.add(key, row, partner.map(|partner| (score(row), score(partner))));
        }
        let matched = |key: &RowKey, row: &Row| {
            sides.target.get(key).is_some_and(|other| other.input == row.input && !other.void)
        };
        let lone = sides.comparator_rows(view).filter(|(key, row)| wanted(row) && !matched(key, row));
        pairs.unmatched_comparator = lone.count() as u64;
        pairs.reduced(view.reducer)
    }

    /// Pairs the rows of one candidate with the target's own rows that ask the same without it: those of the same
    /// candidate and epoch that share the measure's pairing field.
    pub(crate) fn with_own_baseline(view: View<'_>, table: &RunTable, candidate: &str) -> Self {
        let name = |row: &Row| Some((Arc::clone(view.pair(row)?), Arc::clone(view.candidate(row)?)));
        let mut without = BTreeMap::new();
        for ((_, epoch), row) in view.baseline_rows(table) {
            without.extend(name(row).map(|name| ((name, *epoch), row)));
        }
        let score = |row: &Row| view.value(row);
        let mut pairs = Self { own_unit: view.measure.own_unit, ..Self::default() };
        for (key, row) in view.rows(table).filter(|(_, row)| view.candidate(row).is_some_and(|it| &**it == candidate)) {
            let partner = name(row).and_then(|name| without.get(&(name, key.1)));
            pairs.add(key, row, partner.map(|partner| (score(row), score(partner))));
        }
        pairs.reduced(view.reducer)
    }

    /// One more row with the scores of both sides; `None` where it has no partner.
    fn add(&mut self, key: &RowKey, row: &Row, scores: Option<(Option<f64>, Option<f64>)>) {
        let observation = |value| Observation { item: Arc::clone(&key.0), cluster: Arc::clone(&row.cluster), value };
        match scores {
            None => self.unmatched_target += 1,
            Some((Some(ours), Some(theirs))) => {
                self.target.push(observation(ours));
                self.comparator.push(observation(theirs));
            }
            Some(_) => self.left_out += 1,
        }
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
