//! A log's results and reductions, made of the scores of its samples while it is written.
//!
//! As Inspect does it: the scores of an item's epochs become one by each reducer, metrics are over the items, and
//! `reductions.json` lists every item. It is written piece by piece: no more than one item's scores are held at once.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_record::{Reducer, Reducers, SampleRecord};
use serde_json::{Map, Value, json};

use crate::names::log_id;
use crate::numbers::{number, written};
use crate::packer::PackedSpool;
use crate::score_sort::{Row, ScoreSort, SortedRows};
use crate::spool::Spool;

/// Reductions are handed on in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// Counts and scores of the samples of one log.
pub(crate) struct Totals {
    pub(crate) samples: u64,
    completed: u64,
    scores: ScoreSort,
    folder: PathBuf,
}

impl Totals {
    /// Keeps in `folder` what does not fit into memory.
    pub(crate) fn new_in(folder: &Path) -> Self {
        Self { samples: 0, completed: 0, scores: ScoreSort::new_in(folder), folder: folder.to_owned() }
    }

    /// Takes one sample.
    ///
    /// # Errors
    /// [`io::Error`] of the file for what does not fit into memory.
    pub(crate) fn add(&mut self, record: &SampleRecord) -> io::Result<()> {
        self.samples += 1;
        self.completed += u64::from(record.ending.error().is_none());
        let id: Arc<str> = log_id(&record.sample).into();
        record.scores.iter().try_for_each(|(scorer, score)| {
            let score = score.value.as_number().unwrap_or(f64::NAN);
            self.scores.push(scorer, Row { id: Arc::clone(&id), epoch: record.epoch, score })
        })
    }

    /// `EvalResults` of these samples; `reductions` gets the document of `reductions.json`, or nothing where no sample has
    /// a score.
    ///
    /// # Errors
    /// [`io::Error`] where the scores cannot be read back or the reductions not be written.
    pub(crate) fn finish(&mut self, reducers: &Reducers, reductions: &mut PackedSpool) -> io::Result<Value> {
        let mut scores: Vec<Value> = Vec::new();
        for scorer in self.scores.finish()? {
            let (name, rows) = scorer?;
            for mut reduced in self.reduce_scorer(&name, rows, reducers)? {
                reductions.push(if scores.is_empty() { b"[" } else { b"," })?;
                copy(&mut reduced.list, reductions)?;
                scores.push(reduced.metrics.results(&name, reduced.reducer));
            }
        }
        if !scores.is_empty() {
            reductions.push(b"]")?;
        }
        Ok(json!({ "total_samples": self.samples, "completed_samples": self.completed, "scores": scores }))
    }

    /// The scores of one scorer by every reducer, in one go.
    fn reduce_scorer(&self, name: &str, rows: SortedRows, reducers: &Reducers) -> io::Result<Vec<Reduced>> {
        let begun = |reducer: &Reducer| Reduced::begin(name, *reducer, Spool::new_in(&self.folder));
        let mut all = reducers.all().iter().map(begun).collect::<io::Result<Vec<_>>>()?;
        each_item(rows, |id, scores| all.iter_mut().try_for_each(|reduced| reduced.item(id, scores)))?;
        all.iter_mut().try_for_each(|reduced| {
            reduced.metrics.is_one_of_several = reducers.all().len() > 1;
            reduced.list.write_all(b"]}")
        })?;
        Ok(all)
    }
}

/// What one scorer's scores are by one reducer: an element of `reductions.json`, and the metrics.
struct Reduced {
    reducer: Reducer,
    list: Spool,
    metrics: Metrics,
}

impl Reduced {
    fn begin(scorer: &str, reducer: Reducer, mut list: Spool) -> io::Result<Self> {
        write!(list, r#"{{"scorer":{},"reducer":{},"samples":["#, json!(scorer), json!(reducer))?;
        Ok(Self { reducer, list, metrics: Metrics::default() })
    }

    fn item(&mut self, id: &str, scores: &[f64]) -> io::Result<()> {
        if self.metrics.items() > 0 {
            self.list.write_all(b",")?;
        }
        let value = reduce(self.reducer, scores);
        self.metrics.add(value, scores.len());
        self.list.write_all(&written(&json!({ "value": number(value), "sample_id": id }))?)
    }
}

fn copy(list: &mut Spool, reductions: &mut PackedSpool) -> io::Result<()> {
    let mut reader = list.reader()?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(()),
            read => reductions.push(&piece[..read])?,
        }
    }
}

/// Calls `each` with every item and its scores in order of epoch, those that are not numbers among them.
fn each_item(
    rows: impl Iterator<Item = io::Result<Row>>,
    mut each: impl FnMut(&str, &[f64]) -> io::Result<()>,
) -> io::Result<()> {
    let mut item: Option<Arc<str>> = None;
    let mut scores = Vec::new();
    for row in rows {
        let row = row?;
        match &item {
            Some(id) if *id == row.id => {}
            Some(id) => {
                each(id, &scores)?;
                scores.clear();
                item = Some(row.id);
            }
            None => item = Some(row.id),
        }
        scores.push(row.score);
    }
    item.map_or(Ok(()), |id| each(&id, &scores))
}

/// Metrics over the items of one scorer; the variance by Welford's recurrence (Technometrics 4, 1962).
#[derive(Debug, Default)]
struct Metrics {
    scored: u64,
    unscored: u64,
    sum: f64,
    /// The recurrence's mean.
    mean: f64,
    /// The sum of squared distances to it.
    squares: f64,
    has_epochs: bool,
    is_one_of_several: bool,
}

impl Metrics {
    fn items(&self) -> u64 {
        self.scored + self.unscored
    }

    fn add(&mut self, value: f64, epochs: usize) {
        self.has_epochs |= epochs > 1;
        if value.is_nan() {
            self.unscored += 1;
            return;
        }
        self.scored += 1;
        self.sum += value;
        let distance = value - self.mean;
        self.mean += distance / self.scored as f64;
        self.squares += distance * (value - self.mean);
    }

    /// `EvalScore`: the mean, and its standard error where there are two items or more.
    fn results(&self, name: &str, reducer: Reducer) -> Value {
        let mut metrics = Map::new();
        let mut metric = |name: &str, value: f64| {
            metrics.insert(name.to_owned(), json!({ "name": name, "value": number(value), "params": {} }));
        };
        let items = self.scored as f64;
        if self.scored > 0 {
            metric("accuracy", self.sum / items);
        }
        if self.scored > 1 {
            metric("stderr", (self.squares / (items - 1.0) / items).sqrt());
        }
        let mut score = json!({ "name": name, "scorer": name });
        if self.has_epochs || self.is_one_of_several {
            score["reducer"] = json!(reducer);
        }
        score["scored_samples"] = self.scored.into();
        score["unscored_samples"] = self.unscored.into();
        score["params"] = json!({});
        score["metrics"] = Value::Object(metrics);
        score
    }
}

/// The scores of one item's epochs as one, without those that are not numbers; not a number where that cannot be.
fn reduce(reducer: Reducer, scores: &[f64]) -> f64 {
    let scores: Vec<f64> = scores.iter().copied().filter(|score| !score.is_nan()).collect();
    reducer.reduce(&scores).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, epoch: u32, score: f64) -> io::Result<Row> {
        Ok(Row { id: id.into(), epoch, score })
    }

    #[test]
    fn epochs_become_one_score() {
        let check = |reducer, scores: &[f64], wanted: f64| {
            let reduced = reduce(reducer, scores);
            assert!(reduced == wanted || reduced.is_nan() && wanted.is_nan(), "{reducer:?} {scores:?}: {reduced}");
        };
        check(Reducer::Mean, &[1.0, 0.0, f64::NAN, 0.5], 0.5);
        check(Reducer::Median, &[1.0, 0.0, 0.0], 0.0);
        check(Reducer::Median, &[1.0, 0.0], 0.5);
        check(Reducer::Mode, &[0.0, 1.0, 1.0, 0.0], 0.0);
        check(Reducer::Mode, &[0.0, 1.0, 1.0], 1.0);
        check(Reducer::Max, &[0.0, 0.25, f64::NAN], 0.25);
        for reducer in [Reducer::Mean, Reducer::Median, Reducer::Mode, Reducer::Max] {
            check(reducer, &[f64::NAN, f64::NAN], f64::NAN);
        }
    }

    #[test]
    fn items_are_told_apart_by_their_ids() {
        let mut seen = Vec::new();
        let rows = [row("a", 1, 1.0), row("a", 2, 0.0), row("ab", 1, 0.5), row("b", 1, f64::NAN)];
        each_item(rows.into_iter(), |id, scores| {
            seen.push(format!("{id} {scores:?}"));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["a [1.0, 0.0]", "ab [0.5]", "b [NaN]"]);
        each_item(std::iter::empty(), |_, _| panic!("there is no item")).unwrap();
        assert!(each_item([Err(io::Error::other("x"))].into_iter(), |_, _| Ok(())).is_err());
    }

    #[test]
    fn metrics_are_those_of_the_items() {
        let mut metrics = Metrics::default();
        [1.0, 0.0, f64::NAN, 1.0, 0.5].into_iter().for_each(|value| metrics.add(value, 2));
        let results = metrics.results("s", Reducer::Max);
        let value = |name: &str| results["metrics"][name]["value"].as_f64().unwrap();
        // statistics.stdev([1, 0, 1, 0.5]) / 2 in Python.
        assert!(
            (value("accuracy") - 0.625).abs() < 1e-12 && (value("stderr") - 0.239_356_776_939_084_53).abs() < 1e-12
        );
        assert_eq!((&results["scored_samples"], &results["unscored_samples"]), (&json!(4), &json!(1)));
        assert_eq!(results["reducer"], "max");
        let mut one = Metrics::default();
        one.add(1.0, 1);
        let results = one.results("s", Reducer::Mean);
        assert!(results["metrics"].get("stderr").is_none() && results.get("reducer").is_none());
    }
}
