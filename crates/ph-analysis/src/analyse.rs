//! The analysis of one assessment: runs in, report data out.

use ph_model::TargetName;
use ph_record::{PlannedTarget, PlannedTask, RunStatus, TargetRole, Treatment};

use crate::caveat::{Seen, caveats};
use crate::comparison::{Comparison, Draft, Outcome, Subject, compare, empty};
use crate::cost::{Costs, costs};
use crate::deviation::deviations;
use crate::endings::{endings, failures, responses};
use crate::estimate::estimate;
use crate::family::adjust;
use crate::input::{AnalysisInput, Run};
use crate::limits::limits;
use crate::measure::{Measure, Rounds, View};
use crate::metrics::asked_metrics;
use crate::pairing::Sides;
use crate::problem::problems;
use crate::report_data::{
    Absolute, CompanionResult, Finding, HarnessSummary, MeasureSummary, Negative, PlanSummary, ReportData,
    TargetSummary, TaskSummary,
};
use crate::run_result::{FailureCount, RunResult};
use crate::search::{SearchSummary, retested, summarise};
use crate::sentence;
use crate::treatment::{fate, own_treatment, total, uses};

/// Analyses an assessment. The same input, in whatever order its runs and records came, gives the same data.
#[must_use]
pub fn analyse(input: &AnalysisInput) -> ReportData {
    let results = results(input);
    let searches = searches(input);
    let comparisons = adjust(drafts(input), &input.plan.analysis);
    let plan = plan_summary(input);
    let has_comparator = comparator(input).is_some();
    let seen = Seen { results: &results, comparisons: &comparisons, searches: &searches, margin: plan.margin };
    ReportData {
        version: ReportData::VERSION,
        assessment: input.manifest.id,
        program: input.manifest.program.clone(),
        started_at: input.manifest.started_at,
        finished_at: input.manifest.completed_at.unwrap_or(input.manifest.started_at),
        interrupted: input.manifest.interrupted,
        problems: problems(input, &results, &comparisons, &searches),
        deviations: deviations(input),
        targets: input.plan.targets.iter().map(target_summary).collect(),
        tasks: input.plan.tasks.iter().map(|task| task_summary(input, task, &seen)).collect(),
        findings: findings(&comparisons, &plan),
        negatives: negatives(&comparisons, &searches, &plan),
        absolutes: if has_comparator { Vec::new() } else { absolutes(input, &results, &searches) },
        limits: limits(input, &comparisons, has_comparator),
        conformance: (!input.conformance.is_empty()).then(|| input.conformance.clone()),
        costs: whole_costs(input),
        repeat: input.manifest.repeat.clone(),
        companions: companions(input),
        statement: input.plan.statement.clone(),
        treatment: total(results.iter().flat_map(|result| result.treatment.iter().copied())),
        plan,
        comparisons,
        searches,
        results,
    }
}

/// What the runs cost, with the budget of the whole assessment, its checks included, which no run knows.
fn whole_costs(input: &AnalysisInput) -> Option<Costs> {
    let Some(budget) = input.manifest.budget else { return costs(input) };
    let mut all = costs(input).unwrap_or_default();
    all.budget = Some(budget);
    Some(all)
}

fn comparator(input: &AnalysisInput) -> Option<&TargetName> {
    input.plan.targets.iter().find(|target| target.role == TargetRole::Comparator).map(|target| &target.name)
}

fn assessed(input: &AnalysisInput) -> impl Iterator<Item = &TargetName> {
    input.plan.targets.iter().filter(|target| target.role == TargetRole::Assessed).map(|target| &target.name)
}

/// The measures of a task, from the first planned target that ran it; implicit ones from whoever has most. Scores outside
/// 0–1 on one target are scores of another unit on all.
fn measures(input: &AnalysisInput, task: &PlannedTask) -> Vec<Measure> {
    let runs = input.plan.targets.iter().filter_map(|target| input.run(&target.name, &task.name));
    let all: Vec<Vec<Measure>> = runs.map(|run| run.table.measures()).collect();
    let own_unit = |id: &str| all.iter().flatten().any(|measure| measure.id == id && measure.own_unit);
    let most = all.iter().reduce(|most, next| if next.len() > most.len() { next } else { most });
    let scaled = |measure: &Measure| Measure { own_unit: own_unit(&measure.id), ..measure.clone() };
    most.into_iter().flatten().map(scaled).collect()
}

/// A measure over the rounds that its estimate is of: for a search the first, where it counts any sample there.
fn view<'a>((measure, index): (&'a Measure, usize), run: &Run, treatment: Treatment) -> View<'a> {
    let index = measure.fault.map(|_| index);
    let reducer = run.manifest.task.epochs.reducer.first();
    let all = View { measure, index, rounds: Rounds::All, reducer, treatment };
    let first = View { rounds: Rounds::First, ..all };
    let has_grid = measure.searched.is_some() && first.rows(&run.table).next().is_some();
    if has_grid { first } else { all }
}

fn results(input: &AnalysisInput) -> Vec<RunResult> {
    let mut results = Vec::new();
    for task in &input.plan.tasks {
        for target in &input.plan.targets {
            results.extend(input.run(&target.name, &task.name).map(|run| planned_result(input, run, target.role)));
        }
    }
    results
}

fn planned_result(input: &AnalysisInput, run: &Run, role: TargetRole) -> RunResult {
    run_result_under(run, role, input.plan.analysis.alpha, input.plan.analysis.treatment)
}

fn companions(input: &AnalysisInput) -> Vec<CompanionResult> {
    let pairs = input.plan.tasks.iter().flat_map(|task| assessed(input).map(move |target| (task, target)));
    let result = |(task, target): (&PlannedTask, &TargetName)| {
        let run = input.companion(target, &task.name)?;
        let result = planned_result(input, run, TargetRole::Comparator);
        Some(CompanionResult { items_of: target.clone(), result })
    };
    pairs.filter_map(result).collect()
}

/// What one run gave under its own treatment; limits at level 1 − `alpha`. Under the same treatment the numbers of a run
/// are the same inside an assessment and alone.
#[must_use]
pub fn run_result(run: &Run, role: TargetRole, alpha: f64) -> RunResult {
    run_result_under(run, role, alpha, own_treatment(run))
}

/// The same under this treatment.
#[must_use]
pub fn run_result_under(run: &Run, role: TargetRole, alpha: f64, treatment: Treatment) -> RunResult {
    let measures = run.table.measures();
    let indexed = measures.iter().enumerate();
    let errors = run.table.rows().filter(|(_, row)| row.error.is_some()).count();
    RunResult {
        run: run.manifest.id,
        target: run.manifest.target.clone(),
        role,
        task: run.manifest.task.name.clone(),
        status: run.manifest.status,
        samples: run.table.len() as u64,
        errors: errors as u64,
        endings: endings(&run.table),
        failures: failure_counts(run),
        responses: responses(&run.table),
        fingerprint: run.manifest.fingerprint,
        started_at: Some(run.manifest.started_at),
        retries: run.manifest.retries,
        origin: run.manifest.origin.as_ref().map(|origin| origin.kind),
        usage: run.manifest.usage,
        roles: run.manifest.roles.clone(),
        duration_ms: run.manifest.completed_at.map(|end| end.ms_since(run.manifest.started_at)),
        estimates: indexed
            .map(|(index, measure)| estimate(view((measure, index), run, treatment), &run.table, alpha))
            .collect(),
        metrics: asked_metrics(run),
        treatment: uses(&treatment, &run.table),
        transcripts: run.table.transcripts(),
    }
}

fn failure_counts(run: &Run) -> Vec<FailureCount> {
    let counts = failures(&run.table).into_iter();
    counts.map(|((ending, code), samples)| FailureCount { ending: ending.to_owned(), code, samples }).collect()
}

/// The mean score of the task's first scorer over all samples that it scored with a number, under the run's own treatment.
#[must_use]
pub fn accuracy(run: &Run) -> Option<f64> {
    accuracy_under(run, own_treatment(run))
}

/// The same under this treatment.
#[must_use]
pub fn accuracy_under(run: &Run, treatment: Treatment) -> Option<f64> {
    let scorer = run.manifest.task.scorer.first()?;
    let measure = run.table.scaled(Measure::implicit(&scorer.label()));
    let rows = run.table.rows().map(|(_, row)| row).filter(|row| !row.void);
    let scores: Vec<f64> = rows.filter_map(|row| fate(&treatment, &measure, row).value()).collect();
    if scores.is_empty() { None } else { Some(scores.iter().sum::<f64>() / scores.len() as f64) }
}

fn searches(input: &AnalysisInput) -> Vec<SearchSummary> {
    let mut found = Vec::new();
    for task in &input.plan.tasks {
        for (index, measure) in measures(input, task).iter().enumerate().filter(|(_, one)| one.searched.is_some()) {
            for target in &input.plan.targets {
                if let Some(run) = input.run(&target.name, &task.name) {
                    let view = view((measure, index), run, input.plan.analysis.treatment);
                    found.push(summarise((&target.name, &task.name), view, run, input.plan.analysis.alpha));
                }
            }
        }
    }
    found
}

fn drafts(input: &AnalysisInput) -> Vec<Draft> {
    let Some(comparator) = comparator(input) else { return Vec::new() };
    let mut drafts = Vec::new();
    for task in &input.plan.tasks {
        for (index, measure) in measures(input, task).iter().enumerate().filter(|(_, one)| one.compared) {
            for target in assessed(input) {
                let subject = Subject { target, comparator, task: &task.name, plan: &input.plan.analysis };
                drafts.extend(drafts_of(input, subject, (index, measure)));
            }
        }
    }
    drafts
}

/// One draft; for a search one per retested candidate.
fn drafts_of(input: &AnalysisInput, subject: Subject<'_>, (index, measure): (usize, &Measure)) -> Vec<Draft> {
    let treatment = input.plan.analysis.treatment;
    let bare = View { measure, index: Some(index), rounds: Rounds::All, reducer: ph_record::Reducer::Mean, treatment };
    let (Some(ours), Some(theirs)) =
        (input.run(subject.target, subject.task), input.run(subject.comparator, subject.task))
    else {
        return vec![empty(subject, bare, None)];
    };
    let companion = input.companion(subject.target, subject.task).map(|run| &run.table);
    let sides = Sides { target: &ours.table, comparator: &theirs.table, companion };
    let view = View { reducer: ours.manifest.task.epochs.reducer.first(), ..bare };
    if measure.searched.is_none() {
        return vec![compare(subject, view, sides, None)];
    }
    let later = View { rounds: Rounds::Later, ..view };
    let candidates = retested(later, &ours.table);
    if candidates.is_empty() {
        return vec![empty(subject, later, None)];
    }
    candidates.iter().map(|candidate| compare(subject, later, sides, Some(candidate))).collect()
}

/// How far a comparison lies on the side of the fault.
fn toward_fault(comparison: &Comparison) -> f64 {
    let difference = comparison.difference.unwrap_or(0.0);
    if comparison.fault == ph_record::FaultDirection::Higher { difference } else { -difference }
}

/// The comparisons of one measure on one target; they stand side by side.
fn same_subject(one: &Comparison, two: &Comparison) -> bool {
    one.target == two.target && one.task == two.task && one.measure == two.measure
}

/// The furthest of these comparisons; of equals the first.
fn furthest<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> Option<&'a Comparison> {
    comparisons.reduce(|best, next| if toward_fault(next) > toward_fault(best) { next } else { best })
}

fn findings(comparisons: &[Comparison], plan: &PlanSummary) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in comparisons.chunk_by(same_subject) {
        let found = || group.iter().filter(|comparison| comparison.outcome == Outcome::Finding);
        let Some(best) = furthest(found()) else { continue };
        findings.push(Finding {
            target: best.target.clone(),
            task: best.task.clone(),
            measure: best.measure.clone(),
            candidate: best.candidate.clone(),
            sentence: sentence::finding(best, found().count() - 1, plan),
        });
    }
    findings
}

fn negatives(comparisons: &[Comparison], searches: &[SearchSummary], plan: &PlanSummary) -> Vec<Negative> {
    let mut negatives = Vec::new();
    for group in comparisons.chunk_by(same_subject) {
        let Some(first) = group.first() else { continue };
        // What was not tested is neither found nor not found.
        if group.iter().any(|comparison| matches!(comparison.outcome, Outcome::Finding | Outcome::NotTested)) {
            continue;
        }
        let best = furthest(group.iter().filter(|comparison| comparison.outcome == Outcome::NotShown));
        let search = searches.iter().find(|search| {
            search.target == first.target && search.task == first.task && search.measure == first.measure
        });
        let sentence = match (search, best) {
            // What a search that did not end would have found nobody knows; the problems say so.
            (Some(search), _) if search.status != RunStatus::Success => continue,
            (Some(_), Some(best)) if group.iter().any(|one| one.is_untied(plan.margin)) => {
                let untied = group.iter().filter(|one| one.is_untied(plan.margin));
                sentence::untied(furthest(untied).unwrap_or(best), plan)
            }
            (Some(search), best) if search.candidates_searched > 0 => {
                sentence::none_found(search, &first.title, best, plan)
            }
            (None, Some(best)) => sentence::not_shown(best, plan),
            _ => continue,
        };
        negatives.push(Negative {
            target: first.target.clone(),
            task: first.task.clone(),
            measure: first.measure.clone(),
            sentence,
        });
    }
    negatives
}

fn absolutes(input: &AnalysisInput, results: &[RunResult], searches: &[SearchSummary]) -> Vec<Absolute> {
    let mut all = Vec::new();
    for result in results {
        for estimate in &result.estimates {
            let search = searches.iter().find(|search| {
                search.target == result.target && search.task == result.task && search.measure == estimate.measure
            });
            let sentence = match search {
                Some(search) => sentence::absolute_search(search, &estimate.title),
                None => sentence::absolute(&result.target.to_string(), estimate),
            };
            let (target, task) = (result.target.clone(), result.task.clone());
            // Measures that compare nothing and name no fault are in the tables.
            if estimate.fault.is_some() && estimate.observations > 0 {
                all.push(Absolute { target, task, measure: estimate.measure.clone(), sentence });
            }
        }
    }
    debug_assert!(comparator(input).is_none());
    all
}

fn plan_summary(input: &AnalysisInput) -> PlanSummary {
    let (plan, judged) = (&input.plan, &input.plan.analysis);
    PlanSummary {
        id: plan.id,
        digest: input.manifest.plan_digest,
        created_at: plan.created_at,
        kind: plan.kind,
        seed: plan.seed,
        limit: plan.limit,
        alpha: judged.alpha,
        margin: judged.margin,
        correction: judged.correction.clone(),
        comparison: judged.comparison.clone(),
    }
}

fn target_summary(target: &PlannedTarget) -> TargetSummary {
    TargetSummary { name: target.name.clone(), role: target.role, fingerprint: target.fingerprint }
}

fn task_summary(input: &AnalysisInput, task: &PlannedTask, seen: &Seen<'_>) -> TaskSummary {
    let mut runs = input.plan.targets.iter().filter_map(|target| input.run(&target.name, &task.name));
    let spec = runs.next().map(|run| &run.manifest.task);
    let text = |read: fn(&ph_record::TaskSpec) -> &String| spec.map(|spec| read(spec).clone()).unwrap_or_default();
    TaskSummary {
        name: task.name.clone(),
        version: task.version.clone(),
        title: text(|spec| &spec.title),
        description: text(|spec| &spec.description),
        domain: spec.and_then(|spec| spec.domain.clone()),
        digest: task.digest,
        samples: task.samples,
        epochs: task.epochs,
        group_by: spec.and_then(|spec| spec.analysis.group_by.clone()),
        measures: measures(input, task).into_iter().map(measure_summary).collect(),
        harness: spec.map(harness),
        caveats: caveats(input, task, seen),
    }
}

fn harness(spec: &ph_record::TaskSpec) -> HarnessSummary {
    HarnessSummary {
        dataset: spec.dataset.clone(),
        solver: spec.solver.clone(),
        scorer: spec.scorer.clone(),
        reducer: spec.epochs.reducer.first(),
        config: spec.config.clone(),
        limits: spec.limits,
        sandbox: spec.sandbox.clone(),
    }
}

fn measure_summary(measure: Measure) -> MeasureSummary {
    MeasureSummary {
        id: measure.id,
        title: measure.title,
        score: measure.score,
        fault: measure.fault,
        compared: measure.compared,
        searched: measure.searched,
    }
}

#[cfg(test)]
mod tests;
