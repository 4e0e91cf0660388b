//! The rows of the page's tables of comparisons, searches, runs and transcripts, as text.

use ph_analysis::{
    Comparison, Outcome, ReportData, RunResult, SearchSummary, TranscriptExcerpt, in_own_unit, percent, points,
    probability,
};
use ph_base::Timestamp;
use ph_record::{FaultDirection, RunStatus};

use crate::text::visible;

/// Stands where there is no value.
pub(crate) const NONE: &str = "–";

/// The comparisons of one measure.
pub(crate) struct ComparisonGroup {
    pub(crate) title: String,
    pub(crate) fault: &'static str,
    pub(crate) rows: Vec<ComparisonRow>,
}

/// One comparison.
pub(crate) struct ComparisonRow {
    pub(crate) target: String,
    pub(crate) candidate: Option<String>,
    pub(crate) values: String,
    pub(crate) without: Option<String>,
    pub(crate) difference: String,
    pub(crate) interval: String,
    pub(crate) p: String,
    pub(crate) pairs: String,
    pub(crate) detectable: String,
    pub(crate) outcome: &'static str,
    pub(crate) finding: bool,
}

/// The comparisons of one task by measure, in the order in which they come.
pub(crate) fn comparison_groups(comparisons: &[&Comparison], margin: f64) -> Vec<ComparisonGroup> {
    let group = |group: &[&Comparison]| {
        let first = group.first()?;
        Some(ComparisonGroup {
            title: visible(&first.title) + if first.own_unit { ", in the score's own unit" } else { "" },
            fault: if first.fault == FaultDirection::Higher { "more" } else { "less" },
            rows: group.iter().map(|one| comparison(one, margin)).collect(),
        })
    };
    comparisons.chunk_by(|one, two| one.measure == two.measure).filter_map(group).collect()
}

fn comparison(comparison: &Comparison, margin: f64) -> ComparisonRow {
    let shown = comparison.adjusted_limits;
    let gap = |gap: f64| difference(comparison, gap);
    ComparisonRow {
        target: visible(&comparison.target.to_string()),
        candidate: comparison.candidate.as_deref().map(visible),
        values: values(comparison),
        without: comparison.baseline.as_ref().map(|own| value_in(comparison.own_unit, own.value)),
        difference: comparison.difference.map_or_else(|| NONE.to_owned(), gap),
        interval: shown.map_or_else(|| NONE.to_owned(), |it| format!("{} to {}", gap(it.low), gap(it.high))),
        p: comparison
            .p_adjusted
            .map_or_else(|| NONE.to_owned(), |p| probability(p).replace("p ", "").replace("= ", "")),
        pairs: if comparison.clusters < comparison.pairs {
            format!("{} in {} groups", comparison.pairs, comparison.clusters)
        } else {
            comparison.pairs.to_string()
        },
        detectable: comparison.minimum_detectable.map_or_else(|| NONE.to_owned(), |gap| points(gap).replace('+', "")),
        outcome: match comparison.outcome {
            Outcome::NotShown if comparison.is_untied(margin) => "with and without it",
            Outcome::NotCompared if comparison.searched && comparison.candidate.is_none() => "nothing retested",
            other => outcome(other),
        },
        finding: comparison.outcome == Outcome::Finding,
    }
}

/// An outcome in few words.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Finding => "finding",
        Outcome::NotShown => "not shown",
        Outcome::NotCompared => "not compared",
        Outcome::NotTested => "not tested: no margin in its unit",
    }
}

/// A difference of this comparison: in points, or in the score's own unit.
pub(crate) fn difference(comparison: &Comparison, difference: f64) -> String {
    if comparison.own_unit { in_own_unit(difference) } else { points(difference) }
}

/// The rates of both sides.
fn values(comparison: &Comparison) -> String {
    let value = |mean: Option<f64>| value_in(comparison.own_unit, mean);
    format!("{} / {}", value(comparison.target_value), value(comparison.comparator_value))
}

/// One search.
pub(crate) struct SearchRow {
    pub(crate) target: String,
    pub(crate) searched: String,
    pub(crate) grid: String,
    pub(crate) bound: String,
    pub(crate) retested: String,
    pub(crate) best: String,
}

/// The row of a search.
pub(crate) fn search(search: &SearchSummary) -> SearchRow {
    let best = search.best.as_deref().map(visible);
    SearchRow {
        target: visible(&search.target.to_string()),
        searched: match search.candidates_total {
            Some(total) if total > search.candidates_searched => format!("{} of {total}", search.candidates_searched),
            _ => search.candidates_searched.to_string(),
        },
        grid: format!("{} of {}", search.grid_hits, search.grid_prompts),
        bound: search.grid_bound.map_or_else(|| NONE.to_owned(), |bound| bound_text(&bound, false)),
        retested: search.retested.len().to_string(),
        best: best.map_or_else(|| NONE.to_owned(), |best| format!("{best} ({})", value(search.best_value))),
    }
}

/// A bound in few words.
pub(crate) fn bound_text(bound: &ph_analysis::Bound, own_unit: bool) -> String {
    let side = if bound.side == ph_analysis::BoundSide::AtMost { "≤" } else { "≥" };
    format!("{side} {}", value_in(own_unit, Some(bound.value)))
}

/// A mean in the score's own unit as a number; else as [`value`].
pub(crate) fn value_in(own_unit: bool, mean: Option<f64>) -> String {
    match mean {
        Some(mean) if own_unit => format!("{mean:.3}"),
        mean => value(mean),
    }
}

/// A rate as per cent, another mean as a number.
pub(crate) fn value(value: Option<f64>) -> String {
    match value {
        Some(rate) if (0.0..=1.0).contains(&rate) => percent(rate),
        Some(mean) => format!("{mean:.3}"),
        None => NONE.to_owned(),
    }
}

/// One run in the table of endings.
pub(crate) struct RunRow {
    pub(crate) target: String,
    pub(crate) task: String,
    pub(crate) status: &'static str,
    pub(crate) samples: u64,
    pub(crate) errors: u64,
    pub(crate) endings: Vec<u64>,
    pub(crate) responses: String,
    pub(crate) tokens: u64,
    pub(crate) time: String,
}

/// Every ending that occurs, in alphabetical order.
pub(crate) fn ending_names(data: &ReportData) -> Vec<String> {
    let names = data.runs().flat_map(|result| result.endings.keys().cloned());
    names.collect::<std::collections::BTreeSet<String>>().into_iter().collect()
}

/// Every run, the comparator's further ones last and named for whose items they are.
pub(crate) fn runs(data: &ReportData, names: &[String]) -> Vec<RunRow> {
    let mut rows: Vec<RunRow> = data.results.iter().map(|result| run(result, names)).collect();
    rows.extend(data.companions.iter().map(|companion| {
        let row = run(&companion.result, names);
        RunRow { task: format!("{} (later items of {})", row.task, visible(&companion.items_of.to_string())), ..row }
    }));
    rows
}

/// The row of a run, with a count for each of these endings.
fn run(result: &RunResult, names: &[String]) -> RunRow {
    let responses = result.responses.iter().map(|(name, count)| format!("{count} {name}"));
    RunRow {
        target: visible(&result.target.to_string()),
        task: visible(&result.task),
        status: match result.status {
            RunStatus::Started => "broke off",
            RunStatus::Success => "complete",
            RunStatus::Cancelled => "cut short",
            RunStatus::Error => "failed",
        },
        samples: result.samples,
        errors: result.errors,
        endings: names.iter().map(|name| result.endings.get(name).copied().unwrap_or(0)).collect(),
        responses: responses.collect::<Vec<_>>().join(", "),
        tokens: result.usage.total_tokens(),
        time: result.duration_ms.map_or_else(|| NONE.to_owned(), duration),
    }
}

/// Samples of one run that ended in the same error.
pub(crate) struct FailureRow {
    pub(crate) target: String,
    pub(crate) task: String,
    pub(crate) ending: String,
    pub(crate) code: String,
    pub(crate) samples: u64,
}

/// The errors of a run by ending and code.
pub(crate) fn failures(result: &RunResult) -> Vec<FailureRow> {
    let row = |failure: &ph_analysis::FailureCount| FailureRow {
        target: visible(&result.target.to_string()),
        task: visible(&result.task),
        ending: visible(&failure.ending),
        code: visible(&failure.code),
        samples: failure.samples,
    };
    result.failures.iter().map(row).collect()
}

/// The transcripts of one run.
pub(crate) struct TranscriptGroup {
    pub(crate) target: String,
    pub(crate) task: String,
    pub(crate) excerpts: Vec<ExcerptView>,
}

/// One transcript.
pub(crate) struct ExcerptView {
    pub(crate) sample: String,
    pub(crate) epoch: u32,
    pub(crate) reason: String,
    pub(crate) ending: String,
    pub(crate) error: Option<String>,
    pub(crate) expected: String,
    pub(crate) scores: String,
    pub(crate) messages: Vec<MessageView>,
    pub(crate) left_out: u64,
}

/// One message.
pub(crate) struct MessageView {
    pub(crate) role: String,
    pub(crate) text: String,
    pub(crate) cut: u64,
    pub(crate) calls: Vec<String>,
}

/// The transcripts of a run; none where it has none.
pub(crate) fn transcripts(result: &RunResult) -> Option<TranscriptGroup> {
    let excerpts: Vec<ExcerptView> = result.transcripts.iter().map(excerpt).collect();
    let (target, task) = (visible(&result.target.to_string()), visible(&result.task));
    (!excerpts.is_empty()).then_some(TranscriptGroup { target, task, excerpts })
}

fn excerpt(excerpt: &TranscriptExcerpt) -> ExcerptView {
    let scores = excerpt.scores.iter().map(|(name, score)| format!("{name}: {score}"));
    ExcerptView {
        sample: visible(&excerpt.sample),
        epoch: excerpt.epoch,
        reason: visible(&excerpt.reason),
        ending: visible(&excerpt.ending),
        error: excerpt.error.as_deref().map(visible),
        expected: visible(&excerpt.expected.join(" · ")),
        scores: visible(&scores.collect::<Vec<_>>().join(", ")),
        left_out: excerpt.messages_left_out,
        messages: excerpt
            .messages
            .iter()
            .map(|message| MessageView {
                role: visible(&message.role),
                text: visible(&message.text),
                cut: message.chars_cut,
                calls: message.tool_calls.iter().map(|call| visible(call)).collect(),
            })
            .collect(),
    }
}

/// An instant to the second.
pub(crate) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{} UTC", seconds.replace('T', " ")),
        None => text,
    }
}

/// A length of time as a person says it: `1.8 s`, `3 min 12 s`, `2 h 05 min`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
