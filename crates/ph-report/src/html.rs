//! The page: one HTML file that needs nothing else, neither script nor network.

use askama::Template;
use ph_analysis::{Finding, ReportData};
use ph_record::{RunKind, TargetRole};

use crate::rows::{
    ComparisonGroup, RunRow, SearchRow, TranscriptGroup, comparison_groups, ending_names, instant, runs, search,
    transcripts,
};
use crate::suite_view::{SuiteView, suite};
use crate::text::{Segment, segments, visible};

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot fill the report's template")]
pub struct ReportError(#[from] askama::Error);

/// The report as one self-contained HTML page.
///
/// # Errors
/// [`ReportError`] where the template cannot be filled.
pub fn html(data: &ReportData) -> Result<String, ReportError> {
    Ok(page(data).render()?)
}

/// A name and what it is.
struct Fact {
    name: &'static str,
    value: String,
}

/// A target's line.
struct TargetRow {
    name: String,
    role: &'static str,
    fingerprint: String,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    lead: Vec<Segment>,
    problems: Vec<Vec<Segment>>,
    deviations: Vec<Vec<Segment>>,
    facts: Vec<Fact>,
    targets: Vec<TargetRow>,
    suites: Vec<SuiteView>,
    findings: Vec<Vec<Segment>>,
    comparator: Option<String>,
    comparisons: Vec<ComparisonGroup>,
    margin: String,
    level: String,
    negatives: Vec<Vec<Segment>>,
    absolutes: Vec<Vec<Segment>>,
    searches: Vec<SearchRow>,
    endings: Vec<String>,
    runs: Vec<RunRow>,
    transcripts: Vec<TranscriptGroup>,
    repeat: String,
    plan_digest: String,
    seed: u64,
    limits: Vec<Vec<Segment>>,
    program: String,
    version: u32,
}

fn page(data: &ReportData) -> Page {
    let endings = ending_names(data);
    Page {
        title: title(data),
        lead: segments(&lead(data)),
        problems: data.problems.iter().map(|problem| segments(&problem.text)).collect(),
        deviations: data.deviations.iter().map(|text| segments(text)).collect(),
        facts: facts(data),
        targets: data.targets.iter().map(target).collect(),
        suites: data.tasks.iter().enumerate().map(|(index, task)| suite(data, index, task)).collect(),
        findings: by_target(data).into_iter().map(|finding| segments(&finding.sentence)).collect(),
        comparator: data.comparator().map(|name| visible(&name.to_string())),
        comparisons: comparison_groups(&data.comparisons, data.plan.margin),
        margin: ph_analysis::points(data.plan.margin).trim_start_matches('+').replace(".0", ""),
        level: ph_analysis::percent(1.0 - data.plan.alpha).replace(".0 %", " %"),
        negatives: data.negatives.iter().map(|negative| segments(&negative.sentence)).collect(),
        absolutes: data.absolutes.iter().map(|absolute| segments(&absolute.sentence)).collect(),
        searches: data.searches.iter().map(search).collect(),
        runs: runs(data, &endings),
        endings,
        transcripts: data.results.iter().filter_map(transcripts).collect(),
        repeat: visible(&data.repeat),
        plan_digest: data.plan.digest.to_string(),
        seed: data.plan.seed,
        limits: data.limits.iter().map(|text| segments(text)).collect(),
        program: visible(&data.program),
        version: data.version,
    }
}

/// The findings in the order of the targets, so that what is said of one target stands together.
fn by_target(data: &ReportData) -> Vec<&Finding> {
    let place = |finding: &Finding| data.targets.iter().position(|target| target.name == finding.target);
    let mut findings: Vec<&Finding> = data.findings.iter().collect();
    findings.sort_by_key(|finding| place(finding));
    findings
}

fn assessed(data: &ReportData) -> Vec<String> {
    let targets = data.targets.iter().filter(|target| target.role == TargetRole::Assessed);
    targets.map(|target| target.name.to_string()).collect()
}

fn title(data: &ReportData) -> String {
    match assessed(data).as_slice() {
        [one] => format!("Assessment of {}", visible(one)),
        targets => format!("Assessment of {} targets", targets.len()),
    }
}

fn lead(data: &ReportData) -> String {
    let targets: Vec<String> = assessed(data).iter().map(|name| format!("`{name}`")).collect();
    let against = data.comparator().map_or_else(
        || "There is no comparator, so that only absolute rates with bounds are given.".to_owned(),
        |name| format!("Each is compared with `{name}` on the same items."),
    );
    let suites = if data.tasks.len() == 1 { "1 suite".to_owned() } else { format!("{} suites", data.tasks.len()) };
    format!(
        "{} on {suites}, {} samples, {} of which ended in an error. {against}",
        targets.join(", "),
        data.samples(),
        data.errors()
    )
}

fn facts(data: &ReportData) -> Vec<Fact> {
    let plan = &data.plan;
    let kind = match plan.kind {
        RunKind::Exploratory => "exploratory: its differences suggest and confirm nothing",
        RunKind::Confirmatory => "confirmatory: tests what the plan names, and only that",
    };
    let limit = plan.limit.map_or_else(|| "none".to_owned(), |limit| format!("{limit} items per suite"));
    let rule = format!(
        "a finding needs its adjusted {} interval to lie wholly beyond {} points on the side of the fault, and of a search \
         also that against the target's own answers without the candidate; the intervals hold all together (Bonferroni), \
         the p-values beside are adjusted by {} over all {} comparisons",
        ph_analysis::percent(1.0 - plan.alpha).replace(".0 %", " %"),
        ph_analysis::points(plan.margin).trim_start_matches('+').replace(".0", ""),
        visible(&plan.correction),
        data.comparisons.len()
    );
    let fact = |name, value| Fact { name, value };
    vec![
        fact("Assessment", data.assessment.to_string()),
        fact("Began", instant(data.started_at)),
        fact("Ended", format!("{}{}", instant(data.finished_at), if data.interrupted { " (interrupted)" } else { "" })),
        fact("Plan", plan.id.to_string()),
        fact("Plan locked", instant(plan.created_at)),
        fact("Plan digest", plan.digest.to_string()),
        fact("Kind", kind.to_owned()),
        fact("Compared", visible(&plan.comparison)),
        fact("Rule", rule),
        fact("Seed", plan.seed.to_string()),
        fact("Limit", limit),
        fact("Program", visible(&data.program)),
    ]
}

fn target(target: &ph_analysis::TargetSummary) -> TargetRow {
    TargetRow {
        name: visible(&target.name.to_string()),
        role: if target.role == TargetRole::Comparator { "comparator" } else { "assessed" },
        fingerprint: target.fingerprint.map_or_else(|| crate::rows::NONE.to_owned(), |digest| digest.to_string()),
    }
}

#[cfg(test)]
mod tests;
