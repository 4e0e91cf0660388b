//! What did not go as it should, for the first page of the report.

use ph_model::TargetName;
use ph_record::{RunStatus, TargetRole};
use serde::{Deserialize, Serialize};

use crate::comparison::{Comparison, Outcome};
use crate::input::{AnalysisInput, Run};
use crate::run_result::RunResult;
use crate::search::SearchSummary;
use crate::sentence;

/// What kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The assessment was interrupted.
    Interrupted,
    /// A planned run has no records.
    NoRecords,
    /// A run did not come to its end.
    Incomplete,
    /// The budget ended a run.
    Budget,
    /// Samples ended in an error.
    Errors,
    /// Samples have no score.
    Unscored,
    /// A planned comparison could not be made, or not on all items.
    Unmatched,
}

/// Something that did not go as it should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// The target, where it is of one.
    pub target: Option<TargetName>,
    /// The task, where it is of one.
    pub task: Option<String>,
    /// In words; names stand in back-ticks.
    pub text: String,
}

/// Every problem: first of the whole, then by task and target, then of comparisons.
pub(crate) fn problems(
    input: &AnalysisInput,
    results: &[RunResult],
    comparisons: &[Comparison],
    searches: &[SearchSummary],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(budget) = input.manifest.budget.filter(|budget| budget.ended_run) {
        let text = format!("the budget of {} ended the assessment: {} are spent", budget.limit, budget.spent);
        problems.push(Problem { kind: ProblemKind::Budget, target: None, task: None, text });
    }
    if input.manifest.interrupted {
        let text = "the assessment was interrupted: the numbers below are of what had finished".to_owned();
        problems.push(Problem { kind: ProblemKind::Interrupted, target: None, task: None, text });
    }
    for task in &input.plan.tasks {
        for target in &input.plan.targets {
            match input.run(&target.name, &task.name) {
                Some(run) => problems.extend(of_run(run, results, "")),
                None => problems.push(never_ran(&target.name, &task.name)),
            }
            if let (TargetRole::Assessed, Some(run)) = (target.role, input.companion(&target.name, &task.name)) {
                problems.extend(of_run(run, &[], &format!(" (on the later items of `{}`)", target.name)));
            }
        }
    }
    problems.extend(searches.iter().filter_map(of_search));
    // Of a run that is not there it is said once.
    let ran = |one: &&Comparison| {
        input.run(&one.target, &one.task).is_some() && input.run(&one.comparator, &one.task).is_some()
    };
    problems.extend(comparisons.iter().filter(ran).filter_map(of_comparison));
    problems
}

fn never_ran(target: &TargetName, task: &str) -> Problem {
    Problem {
        kind: ProblemKind::NoRecords,
        target: Some(target.clone()),
        task: Some(task.to_owned()),
        text: format!("`{task}` was planned for `{target}` but has no run"),
    }
}

fn of_run(run: &Run, results: &[RunResult], aside: &str) -> Vec<Problem> {
    let (target, task) = (&run.manifest.target, &run.manifest.task.name);
    let total = run.table.len() as u64;
    let mut found = Vec::new();
    let mut add = |kind, text| {
        found.push(Problem { kind, target: Some(target.clone()), task: Some(task.clone()), text });
    };
    if let Some(text) = ended_by_budget(run) {
        add(ProblemKind::Budget, format!("the run of `{task}` on `{target}`{aside} {text}"));
    } else if let Some(text) = unfinished(run) {
        add(ProblemKind::Incomplete, format!("the run of `{task}` on `{target}`{aside} {text}"));
    }
    if total == 0 {
        add(ProblemKind::NoRecords, format!("`{task}` on `{target}`{aside} recorded no sample"));
    }
    for (ending, code, count, message) in run.table.failures() {
        let text = format!(
            "{count} of {total} samples of `{task}` on `{target}`{aside} ended in {ending} (`{code}`): {message}"
        );
        add(ProblemKind::Errors, text);
    }
    let result = results.iter().find(|result| result.run == run.manifest.id);
    for estimate in result.into_iter().flat_map(|result| &result.estimates).filter(|estimate| estimate.unscored > 0) {
        let (count, title) = (estimate.unscored, &estimate.title);
        add(ProblemKind::Unscored, format!("{count} samples of `{task}` on `{target}` have no score for “{title}”"));
    }
    found
}

fn ended_by_budget(run: &Run) -> Option<String> {
    let budget = run.manifest.budget.filter(|budget| budget.ended_run)?;
    let samples = run.table.len();
    Some(format!(
        "was ended by the budget of {} after {samples} samples ({} spent by all runs until then)",
        budget.limit, budget.spent
    ))
}

fn unfinished(run: &Run) -> Option<String> {
    let samples = run.table.len();
    match run.manifest.status {
        RunStatus::Success => None,
        RunStatus::Started => Some(format!("broke off after {samples} samples")),
        RunStatus::Cancelled => Some(format!("was interrupted after {samples} samples")),
        RunStatus::Error => {
            let why = run.manifest.error.as_ref().map_or("no reason recorded", |error| &error.message);
            Some(format!("failed after {samples} samples: {why}"))
        }
    }
}

fn of_search(search: &SearchSummary) -> Option<Problem> {
    (search.status != RunStatus::Success).then(|| Problem {
        kind: ProblemKind::Incomplete,
        target: Some(search.target.clone()),
        task: Some(search.task.clone()),
        text: format!("the search `{}` on `{}` {}", search.task, search.target, sentence::unfinished(search)),
    })
}

fn of_comparison(comparison: &Comparison) -> Option<Problem> {
    let Comparison { target, comparator, task, title, .. } = comparison;
    // A search that retested nothing has nothing to pair: that is a result.
    let nothing_sought = comparison.searched
        && comparison.candidate.is_none()
        && comparison.unmatched_target + comparison.unmatched_comparator + comparison.left_out == 0;
    let unmatched = comparison.unmatched_target + comparison.unmatched_comparator;
    let own = comparison.baseline.as_ref().filter(|own| own.pairs == 0);
    let text = match comparison.outcome {
        Outcome::NotCompared if nothing_sought => return None,
        Outcome::NotCompared if own.is_some() && comparison.pairs > 0 => format!(
            "“{title}” (`{task}`) on `{target}` could not be compared with its own answers without the candidate: \
             none has a partner with a score on both sides"
        ),
        Outcome::NotCompared => format!(
            "“{title}” (`{task}`) on `{target}` could not be compared with `{comparator}`: {} pairs, {unmatched} \
             samples without a partner, {} pairs without a score on both sides",
            comparison.pairs, comparison.left_out
        ),
        _ if unmatched > 0 => format!(
            "{unmatched} samples of “{title}” (`{task}`) were not given alike to `{target}` and `{comparator}` and \
             are left out of their comparison"
        ),
        _ => return None,
    };
    let kind = ProblemKind::Unmatched;
    Some(Problem { kind, target: Some(target.clone()), task: Some(task.clone()), text })
}
