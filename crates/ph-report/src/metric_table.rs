//! The metrics that a task names: a row for every score, reducer, metric and group, targets across.

use std::collections::{BTreeMap, BTreeSet};

use ph_analysis::{RunResult, ScoreMetrics};

use crate::rows::NONE;
use crate::text::visible;

/// The table of one suite.
pub(crate) struct MetricTable {
    pub(crate) targets: Vec<String>,
    pub(crate) rows: Vec<MetricRow>,
}

/// One metric, over everything or of one group.
pub(crate) struct MetricRow {
    pub(crate) score: String,
    pub(crate) reducer: String,
    pub(crate) metric: String,
    /// The group, where it is of one.
    pub(crate) group: Option<String>,
    /// A value for each target.
    pub(crate) cells: Vec<String>,
}

/// Which row: score, reducer, the metric's place and name, and the group, where it is of one.
type Key = (String, String, usize, String, Option<String>);

/// The metrics of these runs; none where their task names none.
pub(crate) fn metric_table(results: &[&RunResult]) -> Option<MetricTable> {
    let columns: Vec<BTreeMap<Key, String>> = results.iter().map(|result| column(&result.metrics)).collect();
    let keys: BTreeSet<&Key> = columns.iter().flat_map(BTreeMap::keys).collect();
    let row = |key: &Key| MetricRow {
        score: visible(&key.0),
        reducer: key.1.clone(),
        metric: visible(&key.3),
        group: key.4.as_deref().map(visible),
        cells: columns.iter().map(|column| column.get(key).map_or(NONE, String::as_str).to_owned()).collect(),
    };
    let rows: Vec<MetricRow> = keys.into_iter().map(row).collect();
    let targets = results.iter().map(|result| visible(&result.target.to_string())).collect();
    (!rows.is_empty()).then_some(MetricTable { targets, rows })
}

/// The values of one target.
fn column(metrics: &[ScoreMetrics]) -> BTreeMap<Key, String> {
    let mut column = BTreeMap::new();
    for score in metrics {
        for (place, metric) in score.metrics.iter().enumerate() {
            let by = metric.group_by.as_ref().map(|field| format!(" by {field}")).unwrap_or_default();
            let name = format!("{}{by}", metric.name);
            let key = |group| (score.score.clone(), score.reducer.to_string(), place, name.clone(), group);
            column.insert(key(None), cell(metric.value, score.items));
            for group in &metric.groups {
                column.insert(key(Some(group.group.clone())), cell(group.value, group.items));
            }
        }
    }
    column
}

/// Three decimals and the items: a metric may be no proportion.
fn cell(value: Option<f64>, items: u64) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.3} (n = {items})"))
}
