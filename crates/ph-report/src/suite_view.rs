//! One suite's section: what it measures, a row per target and measure, and the breakdown by group.

use ph_analysis::{Estimate, ReportData, RunResult, TaskSummary};
use ph_record::TargetRole;

use crate::chart::{self, Chart};
use crate::rows::{NONE, bound_text, value};
use crate::text::visible;

/// A suite's section.
pub(crate) struct SuiteView {
    pub(crate) anchor: String,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) facts: String,
    pub(crate) measures: Vec<MeasureView>,
    pub(crate) group_by: Option<String>,
}

/// A measure over all targets.
pub(crate) struct MeasureView {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) searched: bool,
    pub(crate) rows: Vec<EstimateRow>,
    pub(crate) groups: Option<GroupTable>,
}

/// A measure on one target.
pub(crate) struct EstimateRow {
    pub(crate) target: String,
    pub(crate) comparator: bool,
    pub(crate) value: String,
    pub(crate) interval: String,
    pub(crate) bound: String,
    pub(crate) items: String,
    pub(crate) left_out: String,
    pub(crate) treatments: Vec<String>,
    pub(crate) benchmark: Option<String>,
    pub(crate) chart: Option<Chart>,
}

/// A breakdown: groups down, targets across.
pub(crate) struct GroupTable {
    pub(crate) targets: Vec<String>,
    pub(crate) rows: Vec<GroupRow>,
}

/// One group.
pub(crate) struct GroupRow {
    pub(crate) group: String,
    pub(crate) cells: Vec<String>,
}

/// The section of the task at place `index`.
pub(crate) fn suite(data: &ReportData, index: usize, task: &TaskSummary) -> SuiteView {
    let results: Vec<&RunResult> = data.results.iter().filter(|result| result.task == task.name).collect();
    let measures = task.measures.iter().map(|measure| {
        let all = results.iter().filter_map(|result| {
            Some((*result, result.estimates.iter().find(|estimate| estimate.measure == measure.id)?))
        });
        let found: Vec<(&RunResult, &Estimate)> = all.collect();
        MeasureView {
            title: visible(&measure.title),
            note: note(measure),
            searched: measure.searched.is_some(),
            rows: found.iter().map(|(result, estimate)| row(result, estimate)).collect(),
            groups: groups(&found),
        }
    });
    SuiteView {
        anchor: format!("suite-{}", index + 1),
        name: visible(&task.name),
        title: visible(if task.title.is_empty() { &task.name } else { &task.title }),
        description: visible(&task.description),
        facts: facts(task),
        measures: measures.collect(),
        group_by: task.group_by.as_deref().map(visible),
    }
}

fn facts(task: &TaskSummary) -> String {
    let domain = task.domain.as_ref().map_or_else(String::new, |domain| format!(" · domain {}", visible(domain)));
    let epochs = if task.epochs == 1 { "1 epoch".to_owned() } else { format!("{} epochs", task.epochs) };
    format!("version {}{domain} · at least {} items · {epochs}", visible(&task.version), task.samples)
}

fn note(measure: &ph_analysis::MeasureSummary) -> String {
    let fault = match measure.fault {
        Some(ph_record::FaultDirection::Higher) => "more than the comparator is a fault",
        Some(ph_record::FaultDirection::Lower) => "less than the comparator is a fault",
        None => "no direction is a fault",
    };
    let compared = if measure.compared { "" } else { "; not compared" };
    let searched = if measure.searched.is_some() {
        "; a search: its candidates are compared one by one above, and broken down one by one below"
    } else {
        ""
    };
    format!("{fault}{compared}{searched}")
}

fn row(result: &RunResult, estimate: &Estimate) -> EstimateRow {
    let limits = estimate.limits;
    let interval = |limits: ph_analysis::Limits| format!("{} to {}", value(Some(limits.low)), value(Some(limits.high)));
    let treatments = estimate.treatments.iter().map(|treatment| {
        format!("{} ({} samples): {}", visible(&treatment.name), treatment.samples, value(treatment.value))
    });
    EstimateRow {
        target: visible(&result.target.to_string()),
        comparator: result.role == TargetRole::Comparator,
        value: value(estimate.value),
        interval: limits.map_or_else(|| NONE.to_owned(), interval),
        bound: estimate.bound.as_ref().map_or_else(|| NONE.to_owned(), bound_text),
        items: if estimate.clusters < estimate.observations {
            format!("{} ({} scores in {} groups)", estimate.items, estimate.observations, estimate.clusters)
        } else {
            estimate.items.to_string()
        },
        left_out: (estimate.errors + estimate.unscored).to_string(),
        treatments: treatments.collect(),
        benchmark: estimate.benchmark_limits.map(interval),
        chart: chart::rate(estimate.value, limits),
    }
}

/// The breakdown; none where there are fewer than two groups.
fn groups(found: &[(&RunResult, &Estimate)]) -> Option<GroupTable> {
    let names: std::collections::BTreeSet<&str> =
        found.iter().flat_map(|(_, estimate)| &estimate.groups).map(|group| group.group.as_str()).collect();
    if names.len() < 2 {
        return None;
    }
    let cell = |estimate: &Estimate, name: &str| {
        let group = estimate.groups.iter().find(|group| group.group == name);
        group.map_or_else(|| NONE.to_owned(), |group| format!("{} (n = {})", value(group.value), group.items))
    };
    let row = |name: &str| GroupRow {
        group: visible(name),
        cells: found.iter().map(|(_, estimate)| cell(estimate, name)).collect(),
    };
    Some(GroupTable {
        targets: found.iter().map(|(result, _)| visible(&result.target.to_string())).collect(),
        rows: names.into_iter().map(row).collect(),
    })
}
