//! The last thing a terminal shows: a line per target and suite, the findings beneath.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use ph_analysis::{Estimate, Limits, Outcome, ReportData, RunResult};

use crate::rows::{NONE, value_in};
use crate::sensitivity::uses_line;
use crate::text::stripped;

/// The table with findings, problems and negatives beneath, ending in a line feed. Free of control characters other
/// than line feeds.
#[must_use]
pub fn text_table(data: &ReportData) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["target", "suite", "samples", "errors", "measures", "findings"]);
    for result in &data.results {
        table.add_row([
            stripped(&result.target.to_string()),
            stripped(&result.task),
            result.samples.to_string(),
            result.errors.to_string(),
            measures(result),
            findings(data, result),
        ]);
    }
    for companion in &data.companions {
        let result = &companion.result;
        table.add_row([
            stripped(&result.target.to_string()),
            format!("{}\n(later items of {})", stripped(&result.task), stripped(&companion.items_of.to_string())),
            result.samples.to_string(),
            result.errors.to_string(),
            String::new(),
            "comparator".to_owned(),
        ]);
    }
    for column in [2, 3, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{table}\n");
    if !data.treatment.is_empty() {
        let _ = writeln!(text, "treatment: {}", stripped(&uses_line(&data.treatment)));
    }
    list(&mut text, "problems", data.problems.iter().map(|problem| problem.text.as_str()));
    list(&mut text, "findings", data.findings.iter().map(|finding| finding.sentence.as_str()));
    list(&mut text, "bounds", data.absolutes.iter().map(|absolute| absolute.sentence.as_str()));
    if let Some(costs) = &data.costs {
        text.push_str(&crate::endpoint_text::costs_text(costs));
    }
    let untested = data.comparisons.iter().filter(|comparison| comparison.outcome == Outcome::NotTested).count();
    if data.findings.is_empty() && data.comparisons.len() > untested {
        text.push_str("\nno difference beyond the margin was shown; report.html gives the bound of each\n");
    }
    if untested > 0 {
        let _ = writeln!(
            text,
            "\nnot tested: {untested} comparisons of scores outside 0–1, in whose unit there is no margin"
        );
    }
    text
}

/// One run on its own: a line per measure, its endings beneath. Without a line feed at the end, and free of control
/// characters other than line feeds.
#[must_use]
pub fn run_table(result: &RunResult) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["measure", "value", "interval", "items", "left out"]);
    for estimate in &result.estimates {
        table.add_row([
            stripped(&estimate.title),
            value_in(estimate.own_unit, estimate.value),
            estimate.limits.map_or_else(|| NONE.to_owned(), |limits| interval(estimate, limits)),
            estimate.items.to_string(),
            (estimate.errors + estimate.unscored + estimate.excluded).to_string(),
        ]);
    }
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let endings: Vec<String> =
        result.endings.iter().map(|(name, count)| format!("{count} {}", stripped(name))).collect();
    let (task, target) = (stripped(&result.task), stripped(&result.target.to_string()));
    let treatment = if result.treatment.is_empty() {
        String::new()
    } else {
        format!("\ntreatment: {}", stripped(&uses_line(&result.treatment)))
    };
    format!("{table}\n{task} on {target}: {} samples ({}){treatment}", result.samples, endings.join(", "))
}

fn interval(estimate: &Estimate, limits: Limits) -> String {
    let [low, high] = [limits.low, limits.high].map(|end| value_in(estimate.own_unit, Some(end)));
    format!("{low} to {high}")
}

/// One line per measure that has a value on this run, by its short name.
fn measures(result: &RunResult) -> String {
    let with_value = result.estimates.iter().filter(|estimate| estimate.value.is_some());
    let lines = with_value.map(|estimate| {
        let limits = estimate.limits;
        let limits =
            limits.map_or_else(String::new, |limits| format!(" [{}]", interval(estimate, limits).replace(" %", "")));
        format!("{}: {}{limits}", stripped(&estimate.measure), value_in(estimate.own_unit, estimate.value))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn findings(data: &ReportData, result: &RunResult) -> String {
    if result.role == ph_record::TargetRole::Comparator {
        return "comparator".to_owned();
    }
    let found = data.findings.iter().filter(|one| one.target == result.target && one.task == result.task);
    found.count().to_string()
}

fn list<'a>(text: &mut String, heading: &str, lines: impl Iterator<Item = &'a str>) {
    let lines: Vec<&str> = lines.collect();
    if lines.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n{heading}:");
    for line in lines {
        let _ = writeln!(text, "  • {}", stripped(line));
    }
}

#[cfg(test)]
mod tests {
    use ph_base::{RunId, Timestamp};
    use ph_model::{TargetName, Usage};
    use ph_record::{RunStatus, TargetRole};

    use super::*;

    #[test]
    fn one_run_stands_alone() {
        let result = RunResult {
            run: RunId::new(Timestamp(1), [1; 10]),
            target: TargetName::Reference("sound".to_owned()),
            role: TargetRole::Assessed,
            task: "skills\u{1b}[31m".to_owned(),
            status: RunStatus::Success,
            samples: 3,
            errors: 1,
            endings: [("completed".to_owned(), 2), ("model error".to_owned(), 1)].into(),
            failures: Vec::new(),
            responses: std::collections::BTreeMap::new(),
            fingerprint: None,
            started_at: None,
            retries: None,
            origin: None,
            usage: Usage::default(),
            duration_ms: None,
            estimates: Vec::new(),
            treatment: Vec::new(),
            transcripts: Vec::new(),
            roles: std::collections::BTreeMap::new(),
            metrics: Vec::new(),
        };
        let text = run_table(&result);
        assert!(text.ends_with("skills[31m on reference/sound: 3 samples (2 completed, 1 model error)"), "{text}");
    }
}
