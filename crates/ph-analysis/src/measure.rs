//! A measure as the analysis reads it, and its observations in a table.

use std::sync::Arc;

use ph_record::{BaselineSpec, FaultDirection, MeasureSpec, Reducer, ScorerSpec, SearchSpec, TaskSpec, Treatment};
use serde_json::{Map, Value};

use crate::run_table::{Place, Row, RowKey, RunTable};
use crate::treatment::{Fate, fate};

/// One rate or mean of a task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measure {
    /// Unique in the task.
    pub(crate) id: String,
    /// In words.
    pub(crate) title: String,
    /// The scorer whose score is read.
    pub(crate) score: String,
    /// Metadata values that an item must have.
    pub(crate) only: Map<String, Value>,
    /// Which direction is a fault; none where the task does not say.
    pub(crate) fault: Option<FaultDirection>,
    /// Whether it is tested against the comparator.
    pub(crate) compared: bool,
    /// The metadata field that names a search's candidate.
    pub(crate) searched: Option<String>,
    /// The target's own samples without the candidate, where a search has them.
    pub(crate) baseline: Option<BaselineSpec>,
    /// What the search's rule promises.
    pub(crate) search: Option<SearchSpec>,
    /// Whether the score itself says whether the target refused.
    pub(crate) scores_refusal: bool,
    /// Whether a score lies outside 0–1: then values are in the score's own unit, of which neither the ends nor a margin
    /// are known.
    pub(crate) own_unit: bool,
}

impl Measure {
    /// The measures of a task's spec.
    pub(crate) fn of_task(task: &TaskSpec) -> Vec<Self> {
        task.analysis.measures.iter().map(|spec| Self::explicit(spec, &task.scorer)).collect()
    }

    fn explicit(spec: &MeasureSpec, scorers: &[ScorerSpec]) -> Self {
        Self {
            id: spec.id.clone(),
            title: if spec.title.is_empty() { spec.id.clone() } else { spec.title.clone() },
            score: spec.score.clone(),
            only: spec.only.clone(),
            fault: Some(spec.fault),
            compared: spec.compared,
            searched: spec.searched.clone(),
            baseline: spec.baseline.clone(),
            search: spec.search,
            scores_refusal: scorers.iter().any(|scorer| scorer.name() == "refusal" && scorer.label() == spec.score),
            own_unit: false,
        }
    }

    /// The mean of one scorer's score.
    pub(crate) fn implicit(scorer: &str) -> Self {
        Self {
            id: scorer.to_owned(),
            title: format!("mean score by {scorer}"),
            score: scorer.to_owned(),
            only: Map::new(),
            fault: None,
            compared: false,
            searched: None,
            baseline: None,
            search: None,
            scores_refusal: false,
            own_unit: false,
        }
    }

    /// Whether an item with this metadata counts.
    pub(crate) fn takes(&self, metadata: &Map<String, Value>) -> bool {
        self.only.iter().all(|(field, value)| metadata.get(field) == Some(value))
    }

    /// Whether an item with this metadata asks the same without a candidate.
    pub(crate) fn takes_as_baseline(&self, metadata: &Map<String, Value>) -> bool {
        let Some(baseline) = &self.baseline else { return false };
        let kept = self.only.iter().filter(|(field, _)| !baseline.only.contains_key(*field));
        kept.chain(&baseline.only).all(|(field, value)| metadata.get(field) == Some(value))
    }

    /// Whether a score lies on the side of the fault; one outside 0–1 has no such side.
    pub(crate) fn is_faulty(&self, score: f64) -> bool {
        match self.fault.filter(|_| !self.own_unit && (0.0..=1.0).contains(&score)) {
            Some(FaultDirection::Higher) => score > 0.5,
            Some(FaultDirection::Lower) => score < 0.5,
            None => false,
        }
    }

    /// The score that counts as the fault; none where the ends of the scale are not known.
    pub(crate) fn worst(&self) -> Option<f64> {
        (!self.own_unit).then_some(if self.fault == Some(FaultDirection::Higher) { 1.0 } else { 0.0 })
    }

    /// The score that counts as no fault; none where the ends of the scale are not known.
    pub(crate) fn best(&self) -> Option<f64> {
        self.worst().map(|worst| 1.0 - worst)
    }
}

/// Which rows of a measure are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounds {
    /// All rounds.
    All,
    /// The first round: for a search its grid.
    First,
    /// The rounds after the first: for a search the retested candidates.
    Later,
}

impl Rounds {
    fn takes(self, round: u32) -> bool {
        match self {
            Rounds::All => true,
            Rounds::First => round == 0,
            Rounds::Later => round > 0,
        }
    }
}

/// A measure with its place in its table, over some rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// The measure.
    pub(crate) measure: &'a Measure,
    /// Its place among the task's measures; none for implicit ones, in which every row counts.
    pub(crate) index: Option<usize>,
    /// The rounds looked at.
    pub(crate) rounds: Rounds,
    /// How epochs become one.
    pub(crate) reducer: Reducer,
    /// How cheated, refused, failed and limited samples count.
    pub(crate) treatment: Treatment,
}

impl<'a> View<'a> {
    /// What a row is in the measure.
    pub(crate) fn fate(self, row: &Row) -> Fate {
        fate(&self.treatment, self.measure, row)
    }

    /// The value with which a row counts; none where it does not.
    pub(crate) fn value(self, row: &Row) -> Option<f64> {
        self.fate(row).value()
    }

    /// The rows that count, void ones left out.
    pub(crate) fn rows<'t>(self, table: &'t RunTable) -> impl Iterator<Item = (&'t RowKey, &'t Row)> + use<'t, 'a> {
        table.rows().filter(move |(_, row)| {
            let counts = self.index.is_none() || self.place(row).is_some_and(|place| place.counts);
            counts && self.rounds.takes(row.round) && !row.void
        })
    }

    /// The rows that ask the same without the candidate, void ones left out.
    pub(crate) fn baseline_rows<'t>(
        self,
        table: &'t RunTable,
    ) -> impl Iterator<Item = (&'t RowKey, &'t Row)> + use<'t, 'a> {
        table.rows().filter(move |(_, row)| {
            let counts = self.place(row).is_some_and(|place| place.is_baseline);
            counts && self.rounds.takes(row.round) && !row.void
        })
    }

    /// The candidate that a row tries.
    pub(crate) fn candidate(self, row: &Row) -> Option<&Arc<str>> {
        self.place(row)?.candidate.as_ref()
    }

    /// The candidates that a row tries all at once.
    pub(crate) fn together(self, row: &Row) -> &[Arc<str>] {
        self.place(row).map_or(&[], |place| &place.together)
    }

    /// What a row shares with its counterpart without the candidate.
    pub(crate) fn pair(self, row: &Row) -> Option<&Arc<str>> {
        self.place(row)?.pair.as_ref()
    }

    fn place(self, row: &Row) -> Option<&Place> {
        row.places.get(self.index?)
    }
}

/// One value of an item: of one epoch where epochs are averaged, otherwise reduced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observation {
    /// The item.
    pub(crate) item: Arc<str>,
    /// Its cluster.
    pub(crate) cluster: Arc<str>,
    /// The value.
    pub(crate) value: f64,
}

/// Reduces the epochs of every item unless they are averaged (then each epoch stays an observation of its cluster).
///
/// Expects the observations of an item side by side.
pub(crate) fn reduce(observations: Vec<Observation>, reducer: Reducer) -> Vec<Observation> {
    if reducer == Reducer::Mean {
        return observations;
    }
    observations
        .chunk_by(|one, two| one.item == two.item)
        .filter_map(|epochs| {
            let values: Vec<f64> = epochs.iter().map(|epoch| epoch.value).collect();
            Some(Observation { value: reducer.reduce(&values)?, ..epochs.first()?.clone() })
        })
        .collect()
}

/// The values of every cluster, clusters in the order of their names.
pub(crate) fn by_cluster(observations: &[Observation]) -> Vec<Vec<f64>> {
    let mut clusters: std::collections::BTreeMap<&str, Vec<f64>> = std::collections::BTreeMap::new();
    for observation in observations {
        clusters.entry(&observation.cluster).or_default().push(observation.value);
    }
    clusters.into_values().collect()
}

/// How many items the observations are of.
pub(crate) fn items(observations: &[Observation]) -> u64 {
    let items: std::collections::BTreeSet<&str> = observations.iter().map(|one| &*one.item).collect();
    items.len() as u64
}

/// The mean; none without observations.
pub(crate) fn mean(observations: &[Observation]) -> Option<f64> {
    let sum: f64 = observations.iter().map(|one| one.value).sum();
    let mean = sum / observations.len() as f64;
    mean.is_finite().then_some(mean)
}
