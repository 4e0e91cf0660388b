//! Results and reductions of a log, against a slow and obvious model of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ph_evallog::zip::ZipFile;
use ph_evallog::{EvalLog, LogWriter, Packer, ReadLimits, entry_name, start_json};
use ph_record::{Reducer, Reducers, RunManifest, SampleRecord};
use serde_json::{Value, json};

use crate::fixture::{TARGET, manifest, record};

pub(crate) fn with_reducers(reducers: impl Into<Reducers>) -> RunManifest {
    let mut manifest = manifest();
    manifest.task.epochs.reducer = reducers.into();
    manifest
}

/// Writes a log whose samples all have the same document: only their scores matter here.
fn write(folder: &Path, manifest: &RunManifest, records: impl Iterator<Item = SampleRecord>) -> PathBuf {
    let path = folder.join("log.eval");
    let entry = Packer::new().unwrap().pack(b"{}").unwrap();
    let mut log = LogWriter::create(&path, start_json(manifest, "test 1")).unwrap();
    for record in records {
        log.sample(&entry_name(&record.sample, record.epoch), &entry, &record, TARGET).unwrap();
    }
    log.finish(manifest).unwrap();
    path
}

/// `reductions.json`; null where the log has none.
fn reductions(path: &Path) -> Value {
    let zip = ZipFile::open(path, ReadLimits::default()).unwrap();
    let Some(entry) = zip.find("reductions.json").unwrap() else { return Value::Null };
    let mut document = Vec::new();
    std::io::Read::read_to_end(&mut zip.read(&entry).unwrap(), &mut document).unwrap();
    ph_evallog::lenient::parse(&document).unwrap()
}

fn results(path: &Path) -> Value {
    EvalLog::open(path).unwrap().header().unwrap().value["results"].clone()
}

/// Seven items at three epochs, epoch by epoch from the last item to the first; the third has no score at one epoch.
pub(crate) fn interleaved() -> Vec<SampleRecord> {
    let mut records = Vec::new();
    for epoch in [2, 1, 3] {
        for item in (0..7_u32).rev() {
            let exact = f64::from((item + epoch) % 3) / 2.0;
            let exact = if (item, epoch) == (2, 1) { json!({ "no": "number" }) } else { json!(exact) };
            let scores = json!({ "exact": { "value": exact }, "flag": { "value": epoch == item } });
            records.push(record(&format!("item {item}"), json!({ "epoch": epoch, "scores": scores })));
        }
    }
    records
}

/// The scores of every item in order of epoch, as numbers.
fn by_item(records: &[SampleRecord], scorer: &str) -> BTreeMap<String, Vec<f64>> {
    let mut records: Vec<_> = records.iter().collect();
    records.sort_by_key(|record| record.epoch);
    let mut items: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for record in records {
        items.entry(record.sample.clone()).or_default().extend(record.scores[scorer].value.as_number());
    }
    items
}

#[test]
fn epochs_that_come_in_any_order_are_reduced_by_item() {
    let records = interleaved();
    let check = |reducer: Reducer, name: &str, reduce: fn(&[f64]) -> f64| {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &with_reducers(reducer), records.iter().cloned());
        let (all, results) = (reductions(&path), results(&path));
        for (at, scorer) in ["exact", "flag"].into_iter().enumerate() {
            let items: Vec<(String, f64)> =
                by_item(&records, scorer).into_iter().map(|(id, scores)| (id, reduce(&scores))).collect();
            let samples: Vec<Value> =
                items.iter().map(|(id, value)| json!({ "value": value, "sample_id": id })).collect();
            assert_eq!(all[at], json!({ "scorer": scorer, "reducer": name, "samples": samples }));
            let result = &results["scores"][at];
            assert_eq!((&result["name"], &result["reducer"]), (&json!(scorer), &json!(name)));
            assert_eq!((&result["scored_samples"], &result["unscored_samples"]), (&json!(7), &json!(0)));
            let mean = items.iter().map(|(_, value)| value).sum::<f64>() / 7.0;
            let variance = items.iter().map(|(_, value)| (value - mean).powi(2)).sum::<f64>() / 6.0;
            let metric = |name: &str| result["metrics"][name]["value"].as_f64().unwrap();
            assert!((metric("accuracy") - mean).abs() < 1e-12, "{name} {scorer}");
            assert!((metric("stderr") - (variance / 7.0).sqrt()).abs() < 1e-12, "{name} {scorer}");
        }
        assert_eq!((&results["total_samples"], &results["completed_samples"]), (&json!(21), &json!(21)));
    };
    check(Reducer::Mean, "mean", |scores| scores.iter().sum::<f64>() / scores.len() as f64);
    check(Reducer::Max, "max", |scores| scores.iter().copied().fold(0.0, f64::max));
    check(Reducer::Median, "median", |scores| {
        let mut scores = scores.to_vec();
        scores.sort_by(f64::total_cmp);
        f64::midpoint(scores[(scores.len() - 1) / 2], scores[scores.len() / 2])
    });
    check(Reducer::Mode, "mode", |scores| {
        let times = |one: &f64| scores.iter().filter(|other| *other == one).count();
        let most = scores.iter().map(times).max();
        *scores.iter().find(|one| Some(times(one)) == most).unwrap()
    });
}

#[test]
fn several_reducers_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let both = Reducers::Several(vec![Reducer::Max, Reducer::AtLeast(2)]);
    let path = write(folder.path(), &with_reducers(both), interleaved().into_iter());
    let heads = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| format!("{} {}", one["scorer"], one["reducer"])).collect()
    };
    let wanted = [r#""exact" "max""#, r#""exact" "at_least_2""#, r#""flag" "max""#, r#""flag" "at_least_2""#];
    assert_eq!(heads(&results(&path)["scores"]), wanted);
    let all = reductions(&path);
    assert_eq!(heads(&all), wanted);
    let values = |at: usize| -> Vec<f64> {
        all[at]["samples"].as_array().unwrap().iter().map(|one| one["value"].as_f64().unwrap()).collect()
    };
    assert_eq!((values(2), values(3)), (vec![0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0], vec![0.0; 7]));
}

#[test]
fn what_has_no_number_is_listed_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let scores = |value: Value| json!({ "scores": { "exact": { "value": value } } });
    let records = [record("a", scores(json!(1))), record("b", scores(json!("maybe"))), record("c", scores(json!("P")))];
    let path = write(folder.path(), &manifest(), records.into_iter());
    let samples = json!([
        { "value": 1.0, "sample_id": "a" }, { "value": "NaN", "sample_id": "b" }, { "value": 0.5, "sample_id": "c" }
    ]);
    assert_eq!(reductions(&path)[0]["samples"], samples);
    let results = results(&path);
    assert_eq!(results["scores"][0]["metrics"]["accuracy"]["value"], 0.75);
    assert_eq!(results["scores"][0]["unscored_samples"], 1);
    assert!(results["scores"][0].get("reducer").is_none(), "there is nothing to reduce");

    let records =
        [record("a", json!({ "scores": {}, "ending": { "kind": "grader_error", "code": "c", "message": "m" } }))];
    let path = write(folder.path(), &manifest(), records.into_iter());
    assert_eq!(reductions(&path), Value::Null);
    assert_eq!(crate::reductions::results(&path), json!({ "total_samples": 1, "completed_samples": 0, "scores": [] }));
}

/// Once a log of so many scores had no reductions, and its standard error was that of samples instead of items.
#[test]
fn nothing_is_dropped_of_many_scores() {
    const ITEMS: u32 = 31_000;
    let folder = tempfile::tempdir().unwrap();
    let mut one = record("x", json!({}));
    let records = (0..2 * ITEMS).map(|at| {
        one.sample = format!("item-{}", at % ITEMS);
        one.epoch = at / ITEMS + 1;
        one.clone()
    });
    let path = write(folder.path(), &manifest(), records);
    let all = reductions(&path);
    assert_eq!(all[0]["samples"].as_array().unwrap().len(), ITEMS as usize);
    let score = &results(&path)["scores"][0];
    assert_eq!((&score["scored_samples"], &score["metrics"]["accuracy"]["value"]), (&json!(ITEMS), &json!(1.0)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}
