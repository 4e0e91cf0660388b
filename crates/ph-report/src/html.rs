//! The page: one HTML file that needs nothing else, neither script nor network.

use askama::Template;
use base64::Engine as _;
use ph_analysis::{Finding, ReportData};
use ph_base::Digest;
use ph_record::TargetRole;

use crate::contents::Contents;
use crate::domain::{DomainView, domains};
use crate::endpoint_view::{ConformanceView, CostView, conformance, costs};
use crate::harness::{repeats_by_seed, run_facts};
use crate::methods::{MethodRow, methods};
use crate::provenance::{AccessRow, Fact, VariantRow, access, independence, times, variants};
use crate::rows::{FailureRow, RunRow, TranscriptGroup, ending_names, failures, instant, runs, transcripts};
use crate::sensitivity::{self, DifferenceRow, TreatmentRow, UseRow};
use crate::text::{Segment, segments, visible};

/// The page's one style sheet; its hash stands in the page's policy, so it is printed exactly as it is.
const CSS: &str = include_str!("../templates/report.css");

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

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    css: &'static str,
    css_hash: String,
    title: String,
    date: String,
    program: String,
    version: u32,
    lead: Vec<Segment>,
    problems: Vec<Vec<Segment>>,
    deviations: Vec<Vec<Segment>>,
    contents: Contents,
    independence: Vec<Fact>,
    access: Vec<AccessRow>,
    variants: Vec<VariantRow>,
    times: Vec<Fact>,
    findings: Vec<Vec<Segment>>,
    comparator: Option<String>,
    not_shown: usize,
    exploratory: bool,
    margin: String,
    level: String,
    absolutes: Vec<Vec<Segment>>,
    domains: Vec<DomainView>,
    conformance: Vec<ConformanceView>,
    uses: Vec<UseRow>,
    treatments: Vec<TreatmentRow>,
    differences: Vec<DifferenceRow>,
    endings: Vec<String>,
    runs: Vec<RunRow>,
    failures: Vec<FailureRow>,
    costs: Option<CostView>,
    harness: Vec<Fact>,
    statistics: Vec<Fact>,
    methods: Vec<MethodRow>,
    repeat: String,
    seed: u64,
    seed_repeats: bool,
    assessment: String,
    plan: String,
    plan_digest: String,
    limits: Vec<Vec<Segment>>,
    transcripts: Vec<TranscriptGroup>,
}

fn page(data: &ReportData) -> Page {
    let endings = ending_names(data);
    let domains = domains(data);
    let conformance: Vec<ConformanceView> = data.conformance.iter().flatten().map(conformance).collect();
    let sentences = |texts: &[String]| texts.iter().map(|text| segments(text)).collect();
    Page {
        css: CSS,
        css_hash: base64::engine::general_purpose::STANDARD.encode(Digest::of(CSS.as_bytes()).bytes()),
        title: title(data),
        date: day(data),
        program: visible(&data.program),
        version: data.version,
        lead: segments(&lead(data)),
        problems: data.problems.iter().map(|problem| segments(&problem.text)).collect(),
        deviations: sentences(&data.deviations),
        contents: contents(data, &domains, !conformance.is_empty()),
        independence: independence(data),
        access: access(data),
        variants: variants(data),
        times: times(data),
        findings: by_target(data).into_iter().map(|finding| segments(&finding.sentence)).collect(),
        comparator: data.comparator().map(|name| visible(&name.to_string())),
        not_shown: data.negatives.len(),
        exploratory: data.plan.kind == ph_record::RunKind::Exploratory,
        margin: margin(data),
        level: level(data),
        absolutes: data.absolutes.iter().map(|absolute| segments(&absolute.sentence)).collect(),
        domains,
        conformance,
        uses: sensitivity::uses(data),
        treatments: sensitivity::treatments(data),
        differences: sensitivity::differences(data),
        runs: runs(data, &endings),
        failures: data.results.iter().flat_map(failures).collect(),
        endings,
        costs: data.costs.as_ref().map(costs),
        harness: run_facts(data),
        seed_repeats: repeats_by_seed(data),
        statistics: statistics(data),
        methods: methods(data),
        repeat: visible(&data.repeat),
        seed: data.plan.seed,
        assessment: data.assessment.to_string(),
        plan: data.plan.id.to_string(),
        plan_digest: data.plan.digest.to_string(),
        limits: sentences(&data.limits),
        transcripts: data.results.iter().filter_map(transcripts).collect(),
    }
}

/// The sections in the order in which assessors' reports have them.
fn contents(data: &ReportData, domains: &[DomainView], has_conformance: bool) -> Contents {
    let text = |text: &str| text.to_owned();
    let plain = |anchor: &str, title: &str| (text(anchor), text(title), Vec::new());
    let mut sections = vec![
        plain("independence", "Independence statement"),
        plain("access", "Access given"),
        plain("variants", "Variants and time"),
    ];
    if has_conformance {
        sections.push(plain("conformance", "Conformance of the endpoints"));
    }
    sections.push(plain("findings", "Key findings"));
    sections.extend(domains.iter().map(|domain| {
        let suites = domain.suites.iter().map(|suite| (suite.anchor.clone(), suite.title.clone())).collect();
        (domain.anchor.clone(), domain.title.clone(), suites)
    }));
    sections.push(plain("sensitivity", "Sensitivity"));
    sections.push(plain("endings", "Endings and errors"));
    if data.costs.is_some() {
        sections.push(plain("costs", "Costs"));
    }
    sections.extend([
        plain("harness", "Harness disclosure"),
        plain("statistics", "Statistics"),
        plain("repeat", "How to repeat it"),
        plain("limits", "What this report does not show"),
        plain("transcripts", "Transcripts"),
    ]);
    Contents::new(sections)
}

/// The findings in the order of the targets, so that what is said of one target stands together.
pub(crate) fn by_target(data: &ReportData) -> Vec<&Finding> {
    let place = |finding: &Finding| data.targets.iter().position(|target| target.name == finding.target);
    let mut findings: Vec<&Finding> = data.findings.iter().collect();
    findings.sort_by_key(|finding| place(finding));
    findings
}

fn assessed(data: &ReportData) -> Vec<String> {
    let targets = data.targets.iter().filter(|target| target.role == TargetRole::Assessed);
    targets.map(|target| target.name.to_string()).collect()
}

/// The report's title.
pub(crate) fn title(data: &ReportData) -> String {
    match assessed(data).as_slice() {
        [one] => format!("Assessment of {}", visible(one)),
        targets => format!("Assessment of {} targets", targets.len()),
    }
}

/// What was assessed, in one breath.
pub(crate) fn lead(data: &ReportData) -> String {
    let targets: Vec<String> = assessed(data).iter().map(|name| format!("`{name}`")).collect();
    let against = data.comparator().map_or_else(
        || "There is no comparator, so that only absolute rates with bounds are given.".to_owned(),
        |name| format!("Each is compared with `{name}` on the same items."),
    );
    let suites = if data.tasks.len() == 1 { "1 suite".to_owned() } else { format!("{} suites", data.tasks.len()) };
    let errors = match data.errors() {
        0 => "none of which ended in an error".to_owned(),
        errors => format!("{errors} of which ended in an error"),
    };
    format!("{} on {suites}, {} samples, {errors}. {against}", targets.join(", "), data.samples())
}

fn day(data: &ReportData) -> String {
    instant(data.finished_at).chars().take(10).collect()
}

/// The margin in points.
pub(crate) fn margin(data: &ReportData) -> String {
    ph_analysis::points(data.plan.margin).trim_start_matches('+').replace(".0", "")
}

fn level(data: &ReportData) -> String {
    ph_analysis::percent(1.0 - data.plan.alpha).replace(".0 %", " %")
}

/// What was tested and by which rule.
fn statistics(data: &ReportData) -> Vec<Fact> {
    let plan = &data.plan;
    let family = match data.comparisons.len() {
        0 => "nothing is tested".to_owned(),
        1 => "1 comparison".to_owned(),
        count => format!("{count} comparisons, all of this assessment together"),
    };
    vec![
        Fact::of(
            "Estimated",
            "generalised: limits cover drawing other items of the same kind; benchmark limits (other \
             replies to these very items) stand beside them where epochs allow any"
                .to_owned(),
        ),
        Fact::of("Compared", visible(&plan.comparison)),
        Fact::of("Family of tests", family),
        Fact::of("Adjusted by", visible(&plan.correction)),
        Fact::of(
            "Error rate",
            format!("{} for the whole family", ph_analysis::percent(plan.alpha).replace(".0 %", " %")),
        ),
        Fact::of("Margin", format!("{} points", margin(data))),
        Fact::of(
            "Rule",
            format!(
                "a finding needs its adjusted {} interval to lie wholly beyond the margin, on the side that the task calls a fault",
                level(data)
            ),
        ),
    ]
}

#[cfg(test)]
mod tests;
