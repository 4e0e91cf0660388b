//! The metrics that a task names, of every scorer's scores under every reducer, over all items and by group.
//!
//! The unit is the item: its epochs are reduced first. Items that failed, were labelled void, or have too few scores for
//! the reducer have no value and are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ph_record::{GroupWeight, MetricName, MetricSpec, MetricTable, Reducer};
use ph_stats::{MeanOptions, clustered_mean};
use serde::{Deserialize, Serialize};

use crate::input::Run;
use crate::run_table::{Row, RunTable};

/// The metrics of one scorer's scores under one reducer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ScoreMetrics {
    /// The scorer's label.
    pub score: String,
    /// How the epochs of an item became one.
    pub reducer: Reducer,
    /// Items with a value.
    pub items: u64,
    /// The metrics, in the task's order.
    pub metrics: Vec<MetricValue>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MetricValue {
    /// Which.
    pub name: MetricName,
    /// The value over everything; absent where it has none, as a standard error of one cluster.
    pub value: Option<f64>,
    /// The field by whose values it is computed apart, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// The values by group; items without the field belong to none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupValue>,
}

/// A metric of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupValue {
    /// The field's value.
    pub group: String,
    /// Items with a value.
    pub items: u64,
    /// The metric.
    pub value: Option<f64>,
}

/// One item's value, with the row that says what it is.
struct ItemValue<'a> {
    row: &'a Row,
    value: f64,
}

/// The metrics that a report prints: none where the task names none and has one reducer, so that the measures say all.
#[must_use]
pub fn asked_metrics(run: &Run) -> Vec<ScoreMetrics> {
    let task = &run.manifest.task;
    if task.metrics.is_empty() && task.epochs.reducer.all().len() < 2 { Vec::new() } else { metrics(run) }
}

/// The metrics of a run: those that its task names, else `accuracy` and `stderr`.
#[must_use]
pub fn metrics(run: &Run) -> Vec<ScoreMetrics> {
    let task = &run.manifest.task;
    let named: Vec<MetricTable> = match task.metrics.as_slice() {
        [] => [MetricName::Accuracy, MetricName::Stderr].map(|name| MetricSpec::Name(name).table()).to_vec(),
        named => named.iter().map(MetricSpec::table).collect(),
    };
    let scorers: BTreeSet<&Arc<str>> =
        run.table.rows().flat_map(|(_, row)| &row.scores).map(|(name, _)| name).collect();
    let mut all = Vec::new();
    for scorer in scorers {
        for reducer in task.epochs.reducer.all() {
            let items = item_values(&run.table, scorer, *reducer);
            let metrics = named.iter().map(|metric| metric_value(metric, &items, &run.table)).collect();
            all.push(ScoreMetrics { score: scorer.to_string(), reducer: *reducer, items: items.len() as u64, metrics });
        }
    }
    all
}

/// Every item's reduced score.
fn item_values<'a>(table: &'a RunTable, scorer: &str, reducer: Reducer) -> Vec<ItemValue<'a>> {
    let mut items: BTreeMap<&str, (&Row, Vec<f64>)> = BTreeMap::new();
    for ((item, _), row) in table.rows().filter(|(_, row)| !row.void) {
        if let Some(score) = row.score(scorer) {
            items.entry(item).or_insert_with(|| (row, Vec::new())).1.push(score);
        }
    }
    let value = |(row, scores): (&'a Row, Vec<f64>)| Some(ItemValue { row, value: reducer.reduce(&scores)? });
    items.into_values().filter_map(value).collect()
}

fn metric_value(metric: &MetricTable, items: &[ItemValue<'_>], table: &RunTable) -> MetricValue {
    let cluster = metric.cluster.as_deref().and_then(|field| table.field(field));
    let everything: Vec<&ItemValue<'_>> = items.iter().collect();
    let over_all = computed(metric.name, &everything, cluster);
    let Some(place) = metric.group_by.as_deref().and_then(|field| table.field(field)) else {
        return MetricValue { name: metric.name, value: over_all, group_by: None, groups: Vec::new() };
    };
    let mut by_group: BTreeMap<&str, Vec<&ItemValue<'_>>> = BTreeMap::new();
    for item in items {
        if let Some(Some(group)) = item.row.fields.get(place) {
            by_group.entry(group).or_default().push(item);
        }
    }
    let groups: Vec<GroupValue> = by_group
        .into_iter()
        .map(|(group, items)| GroupValue {
            group: group.to_owned(),
            items: items.len() as u64,
            value: computed(metric.name, &items, cluster),
        })
        .collect();
    let value = match metric.all {
        GroupWeight::Samples => over_all,
        GroupWeight::Groups => mean(&groups.iter().filter_map(|group| group.value).collect::<Vec<_>>()),
    };
    MetricValue { name: metric.name, value, group_by: metric.group_by.clone(), groups }
}

fn computed(name: MetricName, items: &[&ItemValue<'_>], cluster: Option<usize>) -> Option<f64> {
    let values: Vec<f64> = items.iter().map(|item| item.value).collect();
    match name {
        MetricName::Accuracy | MetricName::Mean => mean(&values),
        MetricName::Std => deviation(&values),
        MetricName::Stderr => {
            let mut clusters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for item in items {
                let own = cluster.and_then(|place| item.row.fields.get(place)?.as_deref());
                clusters.entry(own.unwrap_or(&item.row.cluster)).or_default().push(item.value);
            }
            let clusters: Vec<Vec<f64>> = clusters.into_values().collect();
            clustered_mean(&clusters, &MeanOptions::at_level(0.95)).ok().map(|mean| mean.standard_error)
        }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a sample, with n − 1.
fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_records::{RecordSketch, run, task};
    use serde_json::json;

    fn metrics_of(spec: &serde_json::Value, sketches: &[RecordSketch]) -> Vec<ScoreMetrics> {
        let mut task = task();
        task.metrics = serde_json::from_value(spec["metrics"].clone()).unwrap();
        task.epochs = serde_json::from_value(spec["epochs"].clone()).unwrap();
        metrics(&run("m", &task, sketches))
    }

    fn sketch(sample: &str, epoch: u32, score: f64, metadata: serde_json::Value) -> RecordSketch {
        RecordSketch { epoch, metadata, ..RecordSketch::scored(sample, score) }
    }

    #[test]
    fn groups_weigh_by_sample_or_by_group() {
        let sketches = [
            sketch("a", 1, 1.0, json!({ "topic": "law" })),
            sketch("b", 1, 0.0, json!({ "topic": "law" })),
            sketch("c", 1, 0.0, json!({ "topic": "law" })),
            sketch("d", 1, 1.0, json!({ "topic": "art" })),
        ];
        let spec = json!({ "epochs": {}, "metrics": [
            { "name": "accuracy", "group_by": "topic" }, { "name": "accuracy", "group_by": "topic", "all": "groups" }, "std",
        ] });
        let all = metrics_of(&spec, &sketches);
        let [score] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((score.items, score.reducer), (4, Reducer::Mean));
        assert_eq!(score.metrics[0].value, Some(0.5));
        let groups: Vec<_> = score.metrics[0].groups.iter().map(|one| (one.group.as_str(), one.items)).collect();
        assert_eq!(groups, [("art", 1), ("law", 3)]);
        assert!((score.metrics[1].value.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((score.metrics[2].value.unwrap() - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn several_reducers_stand_side_by_side() {
        let plain = || json!({});
        let sketches = [
            sketch("a", 1, 1.0, plain()),
            sketch("a", 2, 0.0, plain()),
            sketch("b", 1, 0.0, plain()),
            sketch("b", 2, 0.0, plain()),
            sketch("c", 1, 1.0, plain()),
        ];
        let spec =
            json!({ "epochs": { "count": 2, "reducer": ["mean", "pass_at_2", "pass_k_2"] }, "metrics": ["accuracy"] });
        let values: Vec<_> = metrics_of(&spec, &sketches).iter().map(|one| (one.items, one.metrics[0].value)).collect();
        // The third item has one epoch alone, so it has no pass@2.
        assert_eq!(values, [(3, Some(0.5)), (2, Some(0.5)), (2, Some(0.0))]);
    }

    #[test]
    fn a_standard_error_follows_the_clusters_that_the_task_names() {
        let sketches: Vec<_> = (0..8)
            .map(|k| sketch(&k.to_string(), 1, f64::from(k / 4), json!({ "passage": k / 4, "half": k % 2 })))
            .collect();
        let spec = json!({ "epochs": {}, "metrics": [
            "stderr", { "name": "stderr", "cluster": "passage" }, { "name": "stderr", "cluster": "nowhere" },
        ] });
        let all = metrics_of(&spec, &sketches);
        let values: Vec<f64> = all[0].metrics.iter().map(|one| one.value.unwrap()).collect();
        assert!((values[0] - (2.0 / 7.0_f64).sqrt() / 8.0_f64.sqrt()).abs() < 1e-9, "{values:?}");
        assert!(values[1] > 2.0 * values[0], "whole clusters go together: {values:?}");
        assert_eq!(values[2], values[0]);
        let lone = metrics_of(&json!({ "epochs": {}, "metrics": ["stderr"] }), &sketches[..1]);
        assert_eq!(lone[0].metrics[0].value, None);
    }
}
