//! What a search looked through: the grid of its first round and the candidates that later rounds retested.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ph_model::TargetName;
use ph_record::{FaultDirection, RunStatus};
use serde::{Deserialize, Serialize};

use crate::estimate::{Bound, bound, observe};
use crate::input::Run;
use crate::measure::{Observation, Rounds, View, by_cluster, mean};
use crate::run_table::RunTable;

/// A search on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SearchSummary {
    /// The target.
    pub target: TargetName,
    /// The task.
    pub task: String,
    /// The measure.
    pub measure: String,
    /// The metadata field that names the candidate.
    pub field: String,
    /// How far the run came; a search that did not end says nothing of what it would have found.
    pub status: RunStatus,
    /// Candidates of the whole grammar, where the search says.
    pub candidates_total: Option<u64>,
    /// Different candidates tried in the first round.
    pub candidates_searched: u64,
    /// The fewest scored prompts of any one candidate there.
    pub prompts_per_candidate: u64,
    /// The fewest scored prompts that tried any one of them over all rounds in which all were tried, alone or together.
    pub looks_per_candidate: u64,
    /// Probability that a candidate which works on half of all prompts is retested after so many looks, where the search
    /// says.
    pub half_retested: Option<f64>,
    /// Scored prompts of the first round.
    pub grid_prompts: u64,
    /// How many of them lie on the side of the fault.
    pub grid_hits: u64,
    /// The mean over the grid.
    pub grid_value: Option<f64>,
    /// One-sided bound of that mean on the side of the fault.
    pub grid_bound: Option<Bound>,
    /// Candidates retested on fresh prompts, in the order of their names.
    pub retested: Vec<String>,
    /// The retested candidate furthest on the side of the fault.
    pub best: Option<String>,
    /// Its value over the retest.
    pub best_value: Option<f64>,
}

/// Sums up the search of one measure on one target.
pub(crate) fn summarise((target, task): (&TargetName, &str), view: View<'_>, run: &Run, alpha: f64) -> SearchSummary {
    let table = &run.table;
    let observations = grid(view, table);
    let tried = tried(view, table);
    let looks = looks(view, table, &tried);
    let promised = view.measure.search;
    let retested: Vec<String> = retested(view, table).iter().map(|name| (**name).to_owned()).collect();
    let best = best(view, table, &retested);
    SearchSummary {
        target: target.clone(),
        task: task.to_owned(),
        measure: view.measure.id.clone(),
        field: view.measure.searched.clone().unwrap_or_default(),
        status: run.manifest.status,
        candidates_total: promised.map(|search| search.candidates),
        candidates_searched: tried.len() as u64,
        prompts_per_candidate: tried.values().copied().min().unwrap_or(0),
        looks_per_candidate: looks,
        half_retested: promised
            .filter(|_| looks > 0)
            .map(|search| if looks > 1 { search.half_retested_twice } else { search.half_retested_once }),
        grid_prompts: observations.len() as u64,
        grid_hits: observations.iter().filter(|one| view.measure.is_faulty(one.value)).count() as u64,
        grid_value: mean(&observations),
        grid_bound: view.measure.fault.and_then(|fault| bound(&by_cluster(&observations), fault, 1.0 - alpha)),
        retested,
        best_value: best.as_ref().map(|(_, value)| *value),
        best: best.map(|(name, _)| name),
    }
}

/// The scores of the first round. A measure that counts only retests still has its grid: whatever tries a candidate.
fn grid(view: View<'_>, table: &RunTable) -> Vec<Observation> {
    let first = View { rounds: Rounds::First, ..view };
    let grid = if first.rows(table).next().is_some() { first } else { View { index: None, ..first } };
    observe(grid, table, |_, row| view.value(row).filter(|_| view.candidate(row).is_some()))
}

/// The candidates of the first round with their scored prompts, whether or not the measure counts these.
fn tried(view: View<'_>, table: &RunTable) -> BTreeMap<Arc<str>, u64> {
    let mut tried = BTreeMap::new();
    for (_, row) in table.rows().filter(|(_, row)| row.round == 0) {
        if let Some(candidate) = view.candidate(row) {
            *tried.entry(Arc::clone(candidate)).or_insert(0) += u64::from(view.value(row).is_some());
        }
    }
    tried
}

/// The fewest looks at a candidate: its prompts of the first round, and those later ones that tried several at once.
fn looks(view: View<'_>, table: &RunTable, tried: &BTreeMap<Arc<str>, u64>) -> u64 {
    let mut looks = tried.clone();
    for (_, row) in table.rows().filter(|(_, row)| view.value(row).is_some()) {
        for candidate in view.together(row) {
            *looks.entry(Arc::clone(candidate)).or_insert(0) += 1;
        }
    }
    tried.keys().filter_map(|candidate| looks.get(candidate)).copied().min().unwrap_or(0)
}

/// The candidates of later rounds.
pub(crate) fn retested(view: View<'_>, table: &RunTable) -> BTreeSet<Arc<str>> {
    let later = View { rounds: Rounds::Later, ..view };
    later.rows(table).filter_map(|(_, row)| view.candidate(row).cloned()).collect()
}

fn best(view: View<'_>, table: &RunTable, retested: &[String]) -> Option<(String, f64)> {
    let later = View { rounds: Rounds::Later, ..view };
    let value = |name: &str| {
        let score = |row: &crate::run_table::Row| view.value(row);
        mean(&observe(later, table, |_, row| {
            score(row).filter(|_| view.candidate(row).map(|candidate| &**candidate) == Some(name))
        }))
    };
    let is_higher = view.measure.fault == Some(FaultDirection::Higher);
    let toward_fault = |value: f64| if is_higher { value } else { -value };
    let valued = retested.iter().filter_map(|name| Some((name.clone(), value(name)?)));
    // Of equals the first by name.
    valued.reduce(|best, next| if toward_fault(next.1) > toward_fault(best.1) { next } else { best })
}
