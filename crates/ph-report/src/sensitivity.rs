//! How samples are treated in the tables, and how the values change when samples are treated otherwise than the tables above treat them.

use ph_analysis::{Comparison, Estimate, ReportData, RunResult, TreatedDifference, TreatedValue, TreatmentUse};
use ph_record::TreatedKind;

use crate::rows::{NONE, difference, value_in};
use crate::text::visible;

/// A value under another treatment.
pub(crate) struct TreatmentRow {
    pub(crate) target: String,
    pub(crate) task: String,
    pub(crate) measure: String,
    pub(crate) printed: String,
    pub(crate) treatment: String,
    pub(crate) samples: u64,
    pub(crate) value: String,
}

/// A difference under another treatment.
pub(crate) struct DifferenceRow {
    pub(crate) target: String,
    pub(crate) measure: String,
    pub(crate) treatment: String,
    pub(crate) printed: String,
    pub(crate) pairs: u64,
    pub(crate) value: String,
    pub(crate) interval: String,
    pub(crate) beyond: bool,
}

/// How one kind of sample is treated.
pub(crate) struct UseRow {
    pub(crate) samples: &'static str,
    pub(crate) how: String,
    pub(crate) default: String,
    pub(crate) count: u64,
}

/// How every kind of sample is treated.
pub(crate) fn uses(data: &ReportData) -> Vec<UseRow> {
    let row = |one: &TreatmentUse| UseRow {
        samples: match one.kind {
            TreatedKind::Cheated => "labelled as cheated",
            TreatedKind::Refusal => "refused by the model",
            TreatedKind::Errors => "ended in an error",
            TreatedKind::Limit => "ended by a limit",
        },
        how: format!("{}={}", one.kind, one.how),
        default: one.default.to_string(),
        count: one.samples,
    };
    data.treatment.iter().map(row).collect()
}

/// The same in one line, as the terminal and the summary print it.
pub(crate) fn uses_line(uses: &[TreatmentUse]) -> String {
    let one = |one: &TreatmentUse| {
        let default = if one.how == one.default { String::new() } else { format!(", default {}", one.default) };
        format!("{}={} ({} samples{default})", one.kind, one.how, one.samples)
    };
    uses.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Every treatment that changes any sample, by task, target and measure.
pub(crate) fn treatments(data: &ReportData) -> Vec<TreatmentRow> {
    let mut rows = Vec::new();
    for result in &data.results {
        rows.extend(result.estimates.iter().flat_map(|estimate| of(result, estimate)));
    }
    rows
}

fn of(result: &RunResult, estimate: &Estimate) -> Vec<TreatmentRow> {
    let row = |treatment: &TreatedValue| TreatmentRow {
        target: visible(&result.target.to_string()),
        task: visible(&result.task),
        measure: visible(&estimate.title),
        printed: value_in(estimate.own_unit, estimate.value),
        treatment: visible(&treatment.name),
        samples: treatment.samples,
        value: value_in(estimate.own_unit, treatment.value),
    };
    estimate.treatments.iter().map(row).collect()
}

/// Every difference that another treatment changes.
pub(crate) fn differences(data: &ReportData) -> Vec<DifferenceRow> {
    data.comparisons.iter().flat_map(of_comparison).collect()
}

fn of_comparison(comparison: &Comparison) -> Vec<DifferenceRow> {
    let candidate = comparison.candidate.as_deref().map(|name| format!(" ({})", visible(name))).unwrap_or_default();
    let gap = |gap: f64| difference(comparison, gap);
    let row = |other: &TreatedDifference| DifferenceRow {
        target: visible(&comparison.target.to_string()),
        measure: format!("{}{candidate}", visible(&comparison.title)),
        treatment: visible(&other.name),
        printed: comparison.difference.map_or_else(|| NONE.to_owned(), gap),
        pairs: other.pairs,
        value: other.difference.map_or_else(|| NONE.to_owned(), gap),
        interval: other
            .adjusted_limits
            .map_or_else(|| NONE.to_owned(), |limits| format!("{} to {}", gap(limits.low), gap(limits.high))),
        beyond: other.beyond_margin,
    };
    comparison.treatments.iter().map(row).collect()
}
