//! What must be kept in mind when one task's numbers are read: made from the records, in a fixed order.

use std::collections::BTreeSet;

use ph_model::TargetName;
use ph_model::wire::ANTHROPIC_MAX_TOKENS;
use ph_record::{FaultDirection, PlannedTask};

use crate::comparison::Comparison;
use crate::format::{percent, points};
use crate::input::AnalysisInput;
use crate::run_result::RunResult;
use crate::search::SearchSummary;

/// Independent pairs below which an interval is called approximate.
pub(crate) const PAIRS_FEW: u64 = 20;
/// Sentences of one kind before the rest is counted.
const LISTED_MAX: usize = 6;

/// What is read for one task.
pub(crate) struct Seen<'a> {
    pub(crate) results: &'a [RunResult],
    pub(crate) comparisons: &'a [Comparison],
    pub(crate) searches: &'a [SearchSummary],
    pub(crate) margin: f64,
}

/// The caveats of one task, in words; names stand in back-ticks.
pub(crate) fn caveats(input: &AnalysisInput, task: &PlannedTask, seen: &Seen<'_>) -> Vec<String> {
    let mut all = Vec::new();
    all.extend(scorers(input, task));
    all.extend(bounded(input.plan.targets.iter().filter_map(|target| imposed_cut(input, &target.name, task))));
    let results = || seen.results.iter().filter(|result| result.task == task.name);
    let compared = || seen.comparisons.iter().filter(|comparison| comparison.task == task.name);
    let estimated = results().flat_map(|result| &result.estimates).filter(|one| one.own_unit).map(|one| &one.title);
    all.extend(own_units(estimated.chain(compared().filter(|one| one.own_unit).map(|one| &one.title))));
    all.extend(bounded(results().filter_map(left_out)));
    all.extend(bounded(compared().filter_map(unmatched)));
    all.extend(bounded(compared().filter_map(few)));
    all.extend(bounded(compared().filter_map(|comparison| no_room(comparison, seen.margin))));
    all.extend(grammar(seen.searches.iter().filter(|search| search.task == task.name)));
    all
}

fn bounded(sentences: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = sentences.collect();
    all.dedup();
    if all.len() > LISTED_MAX {
        let more = all.len() - LISTED_MAX;
        all.truncate(LISTED_MAX);
        all.push(format!("{more} further comparisons or runs likewise."));
    }
    all
}

/// How the scores were made and that nobody checked them.
fn scorers(input: &AnalysisInput, task: &PlannedTask) -> Option<String> {
    let mut runs = input.plan.targets.iter().filter_map(|target| input.run(&target.name, &task.name));
    let mut names: Vec<String> = Vec::new();
    for scorer in &runs.next()?.manifest.task.scorer {
        let name = format!("`{}`", scorer.name());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return None;
    }
    Some(format!(
        "Scores come from {} and were not compared with human labels; what a scorer misreads is in the numbers.",
        names.join(", ")
    ))
}

/// The API that the target speaks wants a limit of every reply, and the task sets none.
fn imposed_cut(input: &AnalysisInput, target: &TargetName, task: &PlannedTask) -> Option<String> {
    let TargetName::Anthropic(_) = target else { return None };
    let config = &input.run(target, &task.name)?.manifest.task.config;
    config.max_tokens.is_none().then(|| {
        let reasoning = if config.reasoning_tokens.is_some() { ", those of reasoning aside" } else { "" };
        format!(
            "`{target}`: its API wants a limit of every reply and the task sets none, so replies were cut at \
             {ANTHROPIC_MAX_TOKENS} tokens{reasoning}; other targets had their own limits."
        )
    })
}

/// The measures of this title have scores outside 0–1, so that no margin applies to them.
fn own_units<'a>(titles: impl Iterator<Item = &'a String>) -> Vec<String> {
    let titles: BTreeSet<&String> = titles.collect();
    let sentence = |title: &String| {
        format!(
            "“{title}” has scores outside 0–1: its values and differences are in its own unit. The plan's margin is in \
             points of a scale from 0 to 1, so no difference of it is tested, and no sample counts as its worst or best \
             score, whatever the treatment."
        )
    };
    bounded(titles.into_iter().map(sentence))
}

fn left_out(result: &RunResult) -> Option<String> {
    let unscored = result.estimates.iter().map(|estimate| estimate.unscored).max().unwrap_or(0);
    let excluded = result.estimates.iter().map(|estimate| estimate.excluded).max().unwrap_or(0);
    let errors_left_out = result.estimates.iter().any(|estimate| estimate.errors > 0) || result.estimates.is_empty();
    let errors_left_out = errors_left_out && result.errors > 0;
    if !errors_left_out && unscored == 0 && excluded == 0 {
        return None;
    }
    let mut parts = Vec::new();
    if excluded > 0 {
        parts.push(format!("the treatment leaves out {excluded} samples of one measure"));
    }
    if errors_left_out {
        parts.push(format!("{} of {} samples ended in an error", result.errors, result.samples));
    }
    if unscored > 0 {
        parts.push(format!("{unscored} of one measure got no score"));
    }
    Some(format!(
        "`{}`: {}; they are left out of the value and counted under sensitivity.",
        result.target,
        parts.join(", ")
    ))
}

fn unmatched(comparison: &Comparison) -> Option<String> {
    let (ours, theirs) = (comparison.unmatched_target, comparison.unmatched_comparator);
    if comparison.candidate.is_some() || comparison.searched || ours + theirs == 0 {
        return None;
    }
    Some(format!(
        "`{}`, {}: unmatched: {ours} of its own samples and {theirs} of the comparator's have no partner.",
        comparison.target, comparison.title
    ))
}

fn few(comparison: &Comparison) -> Option<String> {
    (1..PAIRS_FEW).contains(&comparison.clusters).then(|| {
        format!(
            "`{}`, {}: only {} independent pairs; the interval is approximate.",
            comparison.target, comparison.title, comparison.clusters
        )
    })
}

/// The comparator is so near the end of the scale that a fault beyond the margin cannot show.
fn no_room(comparison: &Comparison, margin: f64) -> Option<String> {
    let value = comparison.comparator_value.filter(|_| !comparison.own_unit)?;
    let (room, end) = match comparison.fault {
        FaultDirection::Lower => (value, "loss"),
        FaultDirection::Higher => (1.0 - value, "rise"),
    };
    (room <= margin).then(|| {
        format!(
            "{}: `{}` itself is at {}, so a {end} of more than {} points cannot show.",
            comparison.title,
            comparison.comparator,
            percent(value),
            points(margin).trim_start_matches('+')
        )
    })
}

fn grammar<'a>(mut searches: impl Iterator<Item = &'a SearchSummary>) -> Option<String> {
    let search = searches.next()?;
    Some(format!(
        "The search saw the {} candidates of its grammar and nothing else: a trigger outside the grammar, or one that \
         works only now and then, can stay unseen.",
        search.candidates_searched
    ))
}

#[cfg(test)]
mod tests {
    use crate::analyse;
    use crate::test_records::{RecordSketch, input, run, scored, task};

    fn caveats(ours: &[RecordSketch], theirs: &[RecordSketch]) -> String {
        let runs = vec![run("sound", &task(), theirs), run("other", &task(), ours)];
        analyse(&input(runs, &["sound", "other"], true)).tasks[0].caveats.join("\n")
    }

    #[test]
    fn a_clean_run_has_only_the_scorers_caveat() {
        assert_eq!(caveats(&scored(5, 45), &scored(5, 45)), "");
        let mut task = task();
        task.scorer = vec![ph_record::SolverSpec::Name("includes".to_owned())];
        let data = analyse(&input(vec![run("other", &task, &scored(5, 45))], &["other"], false));
        assert_eq!(data.tasks[0].caveats.len(), 1);
        assert!(data.tasks[0].caveats[0].starts_with("Scores come from `includes` and were not compared"));
    }

    #[test]
    fn errors_partners_missing_and_few_pairs_are_named() {
        let mut ours = scored(5, 10);
        ours[0] = RecordSketch { failed: true, score: None, ..ours[0].clone() };
        let text = caveats(&ours, &scored(5, 14));
        assert!(text.contains("1 of 15 samples ended in an error"), "{text}");
        assert!(text.contains("4 of the comparator's have no partner"), "{text}");
        assert!(text.contains("independent pairs"), "{text}");
    }

    #[test]
    fn a_limit_of_replies_that_only_the_api_wants_is_named() {
        let said = |max_tokens: Option<u32>| {
            let mut task = task();
            task.config.max_tokens = max_tokens;
            let mut run = run("other", &task, &scored(5, 45));
            run.manifest.target = "anthropic/m".parse().unwrap();
            let mut input = input(vec![run], &["other"], false);
            input.plan.targets[0].name = "anthropic/m".parse().unwrap();
            analyse(&input).tasks[0].caveats.join("\n")
        };
        assert!(said(None).contains("`anthropic/m`: its API wants a limit of every reply"), "{}", said(None));
        assert!(said(None).contains("cut at 8192 tokens;"));
        assert_eq!(said(Some(100)), "");
    }

    #[test]
    fn a_comparator_at_the_end_of_the_scale_is_named() {
        let text = caveats(&scored(50, 0), &scored(49, 1));
        assert!(text.contains("so a rise of more than 10.0 points cannot show"), "{text}");
    }
}
