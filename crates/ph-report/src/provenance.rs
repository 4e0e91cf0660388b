//! Who ran the assessment, with which access, on which variants and when: what was stated, and what was not.

use ph_analysis::{ReportData, TargetSummary};
use ph_model::TargetName;
use ph_record::{AccessStatement, RunKind, TargetRole};

use crate::rows::{NONE, duration, instant};
use crate::text::visible;

/// Stands where nobody said anything.
pub(crate) const NOT_STATED: &str = "not stated";

/// A name and what it is; `lacking` where nobody stated it.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) lacking: bool,
}

impl Fact {
    /// A fact that is known.
    pub(crate) fn of(name: &'static str, value: String) -> Self {
        Self { name, value, lacking: false }
    }

    /// A fact that somebody stated, or did not.
    fn stated(name: &'static str, value: Option<&String>) -> Self {
        let text = value.map(|text| visible(text)).filter(|text| !text.trim().is_empty());
        let lacking = text.is_none();
        Self { name, value: text.unwrap_or_else(|| NOT_STATED.to_owned()), lacking }
    }
}

/// The access to one target.
pub(crate) struct AccessRow {
    pub(crate) target: String,
    pub(crate) role: &'static str,
    pub(crate) reached: String,
    pub(crate) level: Fact,
    pub(crate) given: Vec<String>,
    pub(crate) not_given: Vec<String>,
}

/// One variant: the target with what names it exactly.
pub(crate) struct VariantRow {
    pub(crate) target: String,
    pub(crate) role: &'static str,
    pub(crate) checkpoint: Fact,
    pub(crate) safeguards: Fact,
    pub(crate) window: Fact,
    pub(crate) fingerprint: String,
    pub(crate) ran: String,
}

/// Who ran it, who paid, who else had influence.
pub(crate) fn independence(data: &ReportData) -> Vec<Fact> {
    let statement = data.statement.as_ref();
    vec![
        Fact::stated("Run by", statement.and_then(|statement| statement.run_by.as_ref())),
        Fact::stated("Paid for by", statement.and_then(|statement| statement.paid_by.as_ref())),
        Fact::stated("Other influence", statement.and_then(|statement| statement.influence.as_ref())),
    ]
}

/// The access to every target.
pub(crate) fn access(data: &ReportData) -> Vec<AccessRow> {
    let row = |target: &TargetSummary| {
        let stated = stated(data, target);
        let level = stated.and_then(|access| access.level).map(|level| level.name().to_owned());
        let items = |of: fn(&AccessStatement) -> &Vec<String>| {
            stated.map(|access| of(access).iter().map(|item| visible(item)).collect()).unwrap_or_default()
        };
        AccessRow {
            target: visible(&target.name.to_string()),
            role: role(target),
            reached: reached(&target.name),
            level: Fact::stated("Level", level.as_ref()),
            given: items(|access| &access.given),
            not_given: items(|access| &access.not_given),
        }
    };
    data.targets.iter().map(row).collect()
}

/// Every variant with its fingerprint and times.
pub(crate) fn variants(data: &ReportData) -> Vec<VariantRow> {
    let row = |target: &TargetSummary| {
        let stated = stated(data, target);
        VariantRow {
            target: visible(&target.name.to_string()),
            role: role(target),
            checkpoint: Fact::stated("Checkpoint", stated.and_then(|access| access.checkpoint.as_ref())),
            safeguards: Fact::stated("Safeguards", stated.and_then(|access| access.safeguards.as_ref())),
            window: Fact::stated("Window", stated.and_then(|access| access.window.as_ref())),
            fingerprint: target.fingerprint.map_or_else(|| NONE.to_owned(), |digest| digest.to_string()),
            ran: ran(data, &target.name),
        }
    };
    data.targets.iter().map(row).collect()
}

/// When it was.
pub(crate) fn times(data: &ReportData) -> Vec<Fact> {
    let ended = if data.interrupted { " (interrupted)" } else { "" };
    let kind = match data.plan.kind {
        RunKind::Exploratory => "exploratory: it looks around; its differences suggest and confirm nothing",
        RunKind::Confirmatory => "confirmatory: it tests what the plan names, and only that",
    };
    vec![
        Fact::of("Plan locked", instant(data.plan.created_at)),
        Fact::of("Began", instant(data.started_at)),
        Fact::of("Ended", format!("{}{ended}", instant(data.finished_at))),
        Fact::of("Took", duration(data.finished_at.ms_since(data.started_at))),
        Fact::of("Kind", kind.to_owned()),
    ]
}

fn stated<'a>(data: &'a ReportData, target: &TargetSummary) -> Option<&'a AccessStatement> {
    data.statement.as_ref()?.access.iter().find(|access| access.target == target.name)
}

pub(crate) fn role(target: &TargetSummary) -> &'static str {
    if target.role == TargetRole::Comparator { "comparator" } else { "assessed" }
}

/// How the program reached the target: from its name, which is what the plan locks.
fn reached(name: &TargetName) -> String {
    match name {
        TargetName::Reference(_) => "in this process, from weights that ship with the program".to_owned(),
        TargetName::Local(_) => "in this process, from a model directory".to_owned(),
        TargetName::OpenAi(_) => "over the OpenAI API".to_owned(),
        TargetName::Anthropic(_) => "over the Anthropic API".to_owned(),
        TargetName::Google(_) => "over the Google API".to_owned(),
        TargetName::OpenAiApi { service, .. } => {
            format!("over an endpoint that speaks the OpenAI API (service {})", visible(service))
        }
        TargetName::Imported(_) => "not by this program: the log was made elsewhere and imported".to_owned(),
    }
}

/// When the target's runs began, and how many there are.
fn ran(data: &ReportData, name: &TargetName) -> String {
    let runs: Vec<_> = data.results.iter().filter(|result| result.target == *name).collect();
    let first = runs.iter().filter_map(|result| result.started_at).min();
    match (runs.len(), first) {
        (0, _) => "did not run".to_owned(),
        (1, Some(first)) => format!("1 run, begun {}", instant(first)),
        (count, Some(first)) => format!("{count} runs, the first begun {}", instant(first)),
        (count, None) => format!("{count} runs"),
    }
}
