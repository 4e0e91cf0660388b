//! How the values change when samples are treated otherwise than the tables above treat them.

use ph_analysis::{Comparison, Estimate, ReportData, RunResult, points};

use crate::rows::value;
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
    pub(crate) printed: String,
    pub(crate) value: String,
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
    let row = |treatment: &ph_analysis::Treatment| TreatmentRow {
        target: visible(&result.target.to_string()),
        task: visible(&result.task),
        measure: visible(&estimate.title),
        printed: value(estimate.value),
        treatment: visible(&treatment.name),
        samples: treatment.samples,
        value: value(treatment.value),
    };
    estimate.treatments.iter().map(row).collect()
}

/// Every difference that would change if errors counted as the fault on both sides.
pub(crate) fn differences(data: &ReportData) -> Vec<DifferenceRow> {
    let row = |comparison: &Comparison| {
        let otherwise = comparison.difference_errors_as_fault?;
        let candidate = comparison.candidate.as_deref().map(|name| format!(" ({})", visible(name)));
        Some(DifferenceRow {
            target: visible(&comparison.target.to_string()),
            measure: format!("{}{}", visible(&comparison.title), candidate.unwrap_or_default()),
            printed: comparison.difference.map_or_else(|| crate::rows::NONE.to_owned(), points),
            value: points(otherwise),
        })
    };
    data.comparisons.iter().filter_map(row).collect()
}
