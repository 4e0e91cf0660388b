//! Sums over a log's samples while it is written: its results and reductions.

use std::collections::BTreeMap;

use ph_record::{Reducer, SampleRecord};
use serde_json::{Map, Value, json};

use crate::numbers::number;

/// A log with more scores than this has no `reductions.json`, which readers do without.
const REDUCED_MAX: usize = 60_000;

#[derive(Debug, Default)]
struct Sum {
    count: u64,
    unscored: u64,
    sum: f64,
    squares: f64,
    /// Scores of an item's epochs.
    items: BTreeMap<String, Vec<f64>>,
}

/// Sums over the samples of one log.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) samples: u64,
    completed: u64,
    scorers: BTreeMap<String, Sum>,
    held: usize,
}

impl Totals {
    /// Takes one sample.
    pub(crate) fn add(&mut self, record: &SampleRecord) {
        let scores = record.scores.iter().map(|(name, score)| (name.as_str(), score.value.as_number()));
        self.add_scores(&crate::names::log_id(&record.sample), record.ending.error().is_some(), scores);
    }

    /// Takes one sample by its scores.
    pub(crate) fn add_scores<'s>(
        &mut self,
        id: &str,
        failed: bool,
        scores: impl Iterator<Item = (&'s str, Option<f64>)>,
    ) {
        self.samples += 1;
        self.completed += u64::from(!failed);
        for (name, score) in scores {
            if !self.scorers.contains_key(name) {
                self.scorers.insert(name.to_owned(), Sum::default());
            }
            let Some(sum) = self.scorers.get_mut(name) else { continue };
            let Some(score) = score else {
                sum.unscored += 1;
                continue;
            };
            sum.count += 1;
            sum.sum += score;
            sum.squares += score * score;
            self.held += 1;
            if self.held <= REDUCED_MAX {
                sum.items.entry(id.to_owned()).or_default().push(score);
            }
        }
        if self.held > REDUCED_MAX {
            self.scorers.values_mut().for_each(|sum| sum.items.clear());
        }
    }

    /// `EvalResults` of these samples.
    pub(crate) fn results(&self) -> Value {
        let scores: Vec<Value> = self.scorers.iter().map(|(name, sum)| sum.results(name)).collect();
        json!({ "total_samples": self.samples, "completed_samples": self.completed, "scores": scores })
    }

    /// `reductions.json`; `None` where there is nothing to reduce or too much.
    pub(crate) fn reductions(&self, reducer: Reducer) -> Option<Value> {
        let all: Vec<Value> = self.scorers.iter().filter_map(|(name, sum)| sum.reductions(name, reducer)).collect();
        (!all.is_empty()).then_some(Value::Array(all))
    }
}

impl Sum {
    fn results(&self, name: &str) -> Value {
        let mut metrics = Map::new();
        let mut metric = |name: &str, value: f64| {
            metrics.insert(name.to_owned(), json!({ "name": name, "value": number(value), "params": {} }));
        };
        if self.count > 0 {
            let count = self.count as f64;
            let mean = self.sum / count;
            metric("accuracy", mean);
            if self.items.values().all(|scores| scores.len() == 1) && self.count > 1 {
                let variance = (self.squares - count * mean * mean).max(0.0) / (count - 1.0);
                metric("stderr", (variance / count).sqrt());
            }
        }
        json!({ "name": name, "scorer": name, "scored_samples": self.count, "unscored_samples": self.unscored,
            "params": {}, "metrics": metrics })
    }

    fn reductions(&self, name: &str, reducer: Reducer) -> Option<Value> {
        let reduced =
            self.items.iter().map(|(id, scores)| json!({ "value": number(reduce(reducer, scores)), "sample_id": id }));
        let samples: Vec<Value> = reduced.collect();
        (!samples.is_empty()).then(|| json!({ "scorer": name, "reducer": reducer, "samples": samples }))
    }
}

/// The scores of one item's epochs as one.
fn reduce(reducer: Reducer, scores: &[f64]) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match reducer {
        Reducer::Mean => scores.iter().sum::<f64>() / scores.len() as f64,
        Reducer::Max => sorted.last().copied().unwrap_or(f64::NAN),
        Reducer::Median if sorted.len() % 2 == 1 => sorted[middle],
        Reducer::Median => f64::midpoint(sorted[middle - 1], sorted[middle]),
        Reducer::Mode => {
            let count = |score: &f64| scores.iter().filter(|other| other.total_cmp(score).is_eq()).count();
            let best = scores.iter().map(count).max().unwrap_or(0);
            scores.iter().find(|score| count(score) == best).copied().unwrap_or(f64::NAN)
        }
    }
}
