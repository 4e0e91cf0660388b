//! One suite's section: what it asks, how, what came out and what to keep in mind.

use ph_analysis::{Comparison, Estimate, MeasureSummary, ReportData, RunResult, SearchSummary, TaskSummary};
use ph_record::TargetRole;

use crate::chart::{Chart, Entry, Mark, Scale, chart};
use crate::harness::{HarnessRow, harness};
use crate::metric_table::{MetricTable, metric_table};
use crate::rows::{self, ComparisonGroup, NONE, SearchRow, bound_text, comparison_groups, search, value_in};
use crate::text::{Segment, paragraphs, segments, visible};

/// A suite's section.
pub(crate) struct SuiteView {
    pub(crate) anchor: String,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: Vec<Vec<Segment>>,
    pub(crate) facts: String,
    pub(crate) size: String,
    pub(crate) digest: String,
    pub(crate) harness: Option<HarnessRow>,
    pub(crate) findings: Vec<Vec<Segment>>,
    pub(crate) negatives: Vec<Vec<Segment>>,
    pub(crate) measures: Vec<MeasureView>,
    pub(crate) metrics: Option<MetricTable>,
    pub(crate) group_by: Option<String>,
    pub(crate) searches: Vec<SearchRow>,
    pub(crate) forest: Option<Chart>,
    pub(crate) comparisons: Vec<ComparisonGroup>,
    pub(crate) caveats: Vec<Vec<Segment>>,
}

/// A measure over all targets.
pub(crate) struct MeasureView {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) searched: bool,
    pub(crate) chart: Option<Chart>,
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
    pub(crate) benchmark: Option<String>,
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

type Found<'a> = Vec<(&'a RunResult, &'a Estimate)>;

/// The section of the task at place `index`.
pub(crate) fn suite(data: &ReportData, index: usize, task: &TaskSummary) -> SuiteView {
    let anchor = format!("suite-{}", index + 1);
    let results: Vec<&RunResult> = data.results.iter().filter(|result| result.task == task.name).collect();
    let compared: Vec<&Comparison> = data.comparisons.iter().filter(|one| one.task == task.name).collect();
    let searches = data.searches.iter().filter(|one: &&SearchSummary| one.task == task.name);
    let measures = task.measures.iter().enumerate();
    let findings = data.findings.iter().filter(|one| one.task == task.name);
    let negatives = data.negatives.iter().filter(|one| one.task == task.name);
    SuiteView {
        name: visible(&task.name),
        title: visible(if task.title.is_empty() { &task.name } else { &task.title }),
        description: paragraphs(&task.description),
        facts: facts(task),
        size: size(task),
        digest: task.digest.to_string(),
        harness: harness(task),
        findings: findings.map(|one| segments(&one.sentence)).collect(),
        negatives: negatives.map(|one| segments(&one.sentence)).collect(),
        measures: measures
            .map(|(place, one)| measure(data, one, &results, format!("{anchor}-measure-{}", place + 1)))
            .collect(),
        metrics: metric_table(&results),
        group_by: task.group_by.as_deref().map(visible),
        searches: searches.map(search).collect(),
        forest: forest(data, format!("{anchor}-differences"), &compared),
        comparisons: comparison_groups(&compared, data.plan.margin),
        caveats: task.caveats.iter().map(|text| segments(text)).collect(),
        anchor,
    }
}

fn facts(task: &TaskSummary) -> String {
    format!("version {} · {}", visible(&task.version), size(task))
}

fn size(task: &TaskSummary) -> String {
    let epochs = if task.epochs == 1 { "1 epoch".to_owned() } else { format!("{} epochs", task.epochs) };
    format!("at least {} items · {epochs}", task.samples)
}

fn measure(data: &ReportData, measure: &MeasureSummary, results: &[&RunResult], id: String) -> MeasureView {
    let all = results
        .iter()
        .filter_map(|result| Some((*result, result.estimates.iter().find(|estimate| estimate.measure == measure.id)?)));
    let found: Found<'_> = all.collect();
    MeasureView {
        title: visible(&measure.title),
        note: note(measure),
        searched: measure.searched.is_some(),
        chart: rates(data, id, measure, &found),
        rows: found.iter().map(|(result, estimate)| row(result, estimate)).collect(),
        groups: groups(&found),
    }
}

fn note(measure: &MeasureSummary) -> String {
    let fault = match measure.fault {
        Some(ph_record::FaultDirection::Higher) => "more than the comparator is a fault",
        Some(ph_record::FaultDirection::Lower) => "less than the comparator is a fault",
        None => "no direction is a fault",
    };
    let compared = if measure.compared { "" } else { "; not compared" };
    let searched = if measure.searched.is_some() {
        "; a search: its candidates are compared and broken down one by one below"
    } else {
        ""
    };
    format!("{fault}{compared}{searched}")
}

/// A row per target; the band is the comparator's value with the margin on both sides.
fn rates(data: &ReportData, id: String, measure: &MeasureSummary, found: &Found<'_>) -> Option<Chart> {
    let is_comparator = |result: &RunResult| result.role == TargetRole::Comparator;
    let centre = found.iter().find(|(result, _)| is_comparator(result)).and_then(|(_, estimate)| estimate.value);
    let margin = data.plan.margin;
    let in_points = measure.compared && !found.iter().any(|(_, estimate)| estimate.own_unit);
    let band = centre.filter(|_| in_points).map(|centre| (centre - margin, centre + margin));
    let entry = |(result, estimate): &(&RunResult, &Estimate)| Entry {
        label: visible(&result.target.to_string()),
        value: estimate.value.zip(estimate.limits).filter(|_| !estimate.own_unit),
        text: value_in(estimate.own_unit, estimate.value),
        mark: if is_comparator(result) { Mark::Comparator } else { Mark::Plain },
    };
    let entries: Vec<Entry> = found.iter().map(entry).collect();
    chart((id, format!("{}, by target", visible(&measure.title))), Scale::Rate, band, &entries)
}

/// Every comparison of the suite, a heading per measure; the band is the margin on both sides of no difference.
fn forest(data: &ReportData, id: String, compared: &[&Comparison]) -> Option<Chart> {
    let mut entries = Vec::new();
    for group in compared.chunk_by(|one, two| one.measure == two.measure) {
        let Some(first) = group.first() else { continue };
        entries.push(Entry { label: visible(&first.title), value: None, text: String::new(), mark: Mark::Heading });
        entries.extend(group.iter().map(|one| difference(one)));
    }
    let margin = data.plan.margin;
    let title = "Paired differences to the comparator, in points".to_owned();
    chart((id, title), Scale::Difference, Some((-margin, margin)), &entries)
}

fn difference(comparison: &Comparison) -> Entry {
    let target = visible(&comparison.target.to_string());
    Entry {
        label: match &comparison.candidate {
            Some(candidate) => format!("{target} {}", visible(candidate)),
            None => target,
        },
        value: comparison.difference.zip(comparison.adjusted_limits).filter(|_| !comparison.own_unit),
        text: comparison.difference.map_or_else(|| NONE.to_owned(), |gap| rows::difference(comparison, gap)),
        mark: if comparison.outcome == ph_analysis::Outcome::Finding { Mark::Found } else { Mark::Plain },
    }
}

fn row(result: &RunResult, estimate: &Estimate) -> EstimateRow {
    let value = |mean: Option<f64>| value_in(estimate.own_unit, mean);
    let interval = |limits: ph_analysis::Limits| format!("{} to {}", value(Some(limits.low)), value(Some(limits.high)));
    EstimateRow {
        target: visible(&result.target.to_string()),
        comparator: result.role == TargetRole::Comparator,
        value: value(estimate.value),
        interval: estimate.limits.map_or_else(|| NONE.to_owned(), interval),
        bound: estimate.bound.as_ref().map_or_else(|| NONE.to_owned(), |bound| bound_text(bound, estimate.own_unit)),
        items: if estimate.clusters < estimate.observations {
            format!("{} ({} scores in {} groups)", estimate.items, estimate.observations, estimate.clusters)
        } else {
            estimate.items.to_string()
        },
        left_out: (estimate.errors + estimate.unscored + estimate.excluded).to_string(),
        benchmark: estimate.benchmark_limits.map(interval),
    }
}

/// The breakdown; none where there are fewer than two groups.
fn groups(found: &Found<'_>) -> Option<GroupTable> {
    let names: std::collections::BTreeSet<&str> =
        found.iter().flat_map(|(_, estimate)| &estimate.groups).map(|group| group.group.as_str()).collect();
    if names.len() < 2 {
        return None;
    }
    let cell = |estimate: &Estimate, name: &str| {
        let group = estimate.groups.iter().find(|group| group.group == name);
        group.map_or_else(
            || NONE.to_owned(),
            |group| format!("{} (n = {})", value_in(estimate.own_unit, group.value), group.items),
        )
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
