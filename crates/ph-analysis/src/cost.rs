//! What the runs cost: per sample, per task, per solved sample. A cost that is not known stays unknown; it is never 0.

use std::collections::BTreeMap;

use ph_base::{Money, RunId};
use ph_model::TargetName;
use ph_record::{BudgetUse, FaultDirection, Price, RoleUse};
use serde::{Deserialize, Serialize};

use crate::input::{AnalysisInput, Run};

/// What the runs of an assessment cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Costs {
    /// Every run, by task and target; the comparator's runs on later items after them.
    pub tasks: Vec<TaskCost>,
    /// The models that graded or helped, by task, target and role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleCost>,
    /// The sums of all known costs, one per currency.
    pub total: Vec<Money>,
    /// Samples × epochs whose cost is not known; where there are any, the totals are at least so much.
    pub samples_unknown: u64,
    /// Calls in roles whose cost is not known; likewise.
    #[serde(default)]
    pub role_calls_unknown: u64,
    /// How far the budget was used, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetUse>,
}

/// What one run cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskCost {
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The target.
    pub target: TargetName,
    /// The task.
    pub task: String,
    /// The price that was taken; absent where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Samples × epochs.
    pub samples: u64,
    /// Of these: samples whose cost is not known.
    pub samples_unknown: u64,
    /// The sum of the known costs; absent where no sample's cost is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// The mean of the known costs, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_sample: Option<Money>,
    /// The dearest sample of known cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Money>,
    /// By what a sample counts as solved; absent for a task in which nothing is to be solved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved_by: Option<CostMeasure>,
    /// The total over the solved samples, those that failed included in the cost; absent where a cost is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_solved: Option<Money>,
}

/// What one role of a run cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoleCost {
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The target whose run it is.
    pub target: TargetName,
    /// The task.
    pub task: String,
    /// The role.
    pub role: String,
    /// Who has it, and what the calls took.
    pub used: RoleUse,
}

impl RoleCost {
    /// Calls whose cost is not known; none of a model in this process.
    #[must_use]
    pub fn calls_unknown(&self) -> u64 {
        if self.is_paid() && self.used.cost.is_none() { self.used.calls } else { 0 }
    }

    /// Whether there is anything to say of what it costs: not of a model in this process that has no price.
    fn is_paid(&self) -> bool {
        let is_in_process = self.used.target.parse().is_ok_and(|target: TargetName| target.is_in_process());
        self.used.cost.is_some() || !is_in_process
    }
}

/// By what a sample counts as solved, and how many were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CostMeasure {
    /// The scorer: a score of 1 is solved.
    pub score: String,
    /// Samples × epochs that it could have solved.
    pub of: u64,
    /// Samples × epochs solved.
    pub solved: u64,
}

/// The costs of an assessment; none where every target ran in-process and nothing has a price.
pub(crate) fn costs(input: &AnalysisInput) -> Option<Costs> {
    let mut runs: Vec<&Run> = Vec::new();
    for task in &input.plan.tasks {
        runs.extend(input.plan.targets.iter().filter_map(|target| input.run(&target.name, &task.name)));
    }
    for task in &input.plan.tasks {
        runs.extend(input.plan.targets.iter().filter_map(|target| input.companion(&target.name, &task.name)));
    }
    costs_of(&runs)
}

/// The costs of these runs; none where everything ran in-process and nothing has a price.
#[must_use]
pub fn costs_of(runs: &[&Run]) -> Option<Costs> {
    let budget = budget(runs);
    let is_paid = |run: &&Run| run.manifest.price.is_some() || !run.manifest.target.is_in_process();
    let roles: Vec<RoleCost> = runs.iter().flat_map(|run| role_costs(run)).collect();
    if budget.is_none() && !runs.iter().any(is_paid) && !roles.iter().any(RoleCost::is_paid) {
        return None;
    }
    let tasks: Vec<TaskCost> = runs.iter().map(|run| task_cost(run)).collect();
    let mut total: BTreeMap<_, Money> = BTreeMap::new();
    let known = tasks.iter().filter_map(|task| task.total).chain(roles.iter().filter_map(|role| role.used.cost));
    for cost in known {
        let sum = total.entry(cost.currency).or_insert(Money::zero(cost.currency));
        *sum = sum.checked_add(cost).unwrap_or(Money { micros: u64::MAX, ..cost });
    }
    Some(Costs {
        samples_unknown: tasks.iter().map(|task| task.samples_unknown).sum(),
        role_calls_unknown: roles.iter().map(RoleCost::calls_unknown).sum(),
        tasks,
        roles,
        total: total.into_values().collect(),
        budget,
    })
}

fn role_costs(run: &Run) -> impl Iterator<Item = RoleCost> {
    run.manifest.roles.iter().map(|(role, used)| RoleCost {
        run: run.manifest.id,
        target: run.manifest.target.clone(),
        task: run.manifest.task.name.clone(),
        role: role.clone(),
        used: used.clone(),
    })
}

/// The budget as the run that ended last saw it.
fn budget(runs: &[&Run]) -> Option<BudgetUse> {
    let uses = || runs.iter().filter_map(|run| run.manifest.budget);
    let most = uses().max_by_key(|used| used.spent.amount())?;
    Some(BudgetUse { ended_run: uses().any(|used| used.ended_run), ..most })
}

/// What one run cost.
#[must_use]
pub fn task_cost(run: &Run) -> TaskCost {
    let costs: Vec<Option<Money>> = run.table.rows().map(|(_, row)| row.cost).collect();
    let known: Vec<Money> = costs.iter().flatten().copied().collect();
    let total = known.iter().try_fold(None, |sum: Option<Money>, cost| match sum {
        None => Ok(Some(*cost)),
        Some(sum) => sum.checked_add(*cost).map(Some),
    });
    let total = total.ok().flatten();
    let solved_by = solved(run);
    let all_known = known.len() == costs.len();
    let solved = solved_by.as_ref().map_or(0, |measure| measure.solved);
    TaskCost {
        run: run.manifest.id,
        target: run.manifest.target.clone(),
        task: run.manifest.task.name.clone(),
        price: run.manifest.price.clone(),
        samples: costs.len() as u64,
        samples_unknown: (costs.len() - known.len()) as u64,
        per_sample: total.and_then(|total| total.divided_by(known.len() as u64)),
        most: known.iter().max_by_key(|cost| cost.micros).copied(),
        per_solved: total.filter(|_| all_known).and_then(|total| total.divided_by(solved)),
        total,
        solved_by,
    }
}

/// The first measure of which less is a fault counts what is solved; in a task without measures the first scorer does.
fn solved(run: &Run) -> Option<CostMeasure> {
    let measures = run.table.measures();
    let is_named = measures.iter().any(|measure| measure.fault.is_some());
    let (index, measure) = measures
        .iter()
        .enumerate()
        .find(|(_, measure)| if is_named { measure.fault == Some(FaultDirection::Lower) } else { true })
        .filter(|(_, measure)| !measure.own_unit)?;
    let counts = |row: &&crate::run_table::Row| !is_named || row.places.get(index).is_some_and(|place| place.counts);
    let rows = || run.table.rows().map(|(_, row)| row).filter(counts);
    let solved = rows().filter(|row| row.score(&measure.score).is_some_and(|score| score >= 1.0)).count();
    Some(CostMeasure { score: measure.score.clone(), of: rows().count() as u64, solved: solved as u64 })
}

#[cfg(test)]
mod tests {
    use ph_base::Currency;
    use ph_record::BudgetLimit;

    use super::*;
    use crate::analyse;
    use crate::test_records::{RecordSketch, input, run, task};

    fn usd(micros: u64) -> Option<Money> {
        Some(Money { currency: Currency::USD, micros })
    }

    fn costing(sample: &str, score: f64, cost: Option<Money>) -> RecordSketch {
        RecordSketch { cost, ..RecordSketch::scored(sample, score) }
    }

    fn price() -> Price {
        let (model, as_of, source) = ("reference/m".to_owned(), "2026-01-01".to_owned(), "s".to_owned());
        let (currency, cache_read, cache_write) = (Currency::USD, None, None);
        Price { model, currency, input: 1, output: 1, cache_read, cache_write, as_of, source }
    }

    fn solving_task() -> ph_record::TaskSpec {
        let mut task = task();
        task.analysis.measures[0].fault = FaultDirection::Lower;
        task
    }

    #[test]
    fn failed_attempts_are_part_of_what_a_solved_one_costs() {
        let sketches = [costing("a", 1.0, usd(10)), costing("b", 0.0, usd(5)), costing("c", 1.0, usd(2))];
        let cost = task_cost(&run("m", &solving_task(), &sketches));
        assert_eq!((cost.total, cost.per_sample, cost.most), (usd(17), usd(6), usd(10)));
        assert_eq!(cost.solved_by.as_ref().map(|measure| (measure.solved, measure.of)), Some((2, 3)));
        assert_eq!(cost.per_solved, usd(9));
    }

    #[test]
    fn an_unknown_cost_is_never_nothing() {
        let sketches = [costing("a", 1.0, usd(10)), costing("b", 1.0, None)];
        let cost = task_cost(&run("m", &solving_task(), &sketches));
        assert_eq!((cost.total, cost.samples_unknown, cost.per_solved), (usd(10), 1, None));
        let cost = task_cost(&run("m", &solving_task(), &sketches[1..]));
        assert_eq!((cost.total, cost.per_sample, cost.per_solved), (None, None, None));
    }

    #[test]
    fn where_nothing_is_to_be_solved_nothing_is_divided() {
        let cost = task_cost(&run("m", &task(), &[costing("a", 1.0, usd(10))]));
        assert_eq!((cost.solved_by, cost.per_solved), (None, None));
        let cost = task_cost(&run("m", &solving_task(), &[costing("a", 0.0, usd(10))]));
        assert_eq!(cost.per_solved, None, "nobody solved it");
    }

    #[test]
    fn in_process_runs_without_price_and_budget_cost_nothing_to_speak_of() {
        let free = run("m", &task(), &[costing("a", 1.0, None)]);
        assert_eq!(analyse(&input(vec![free.clone()], &["m"], false)).costs, None);
        let mut priced = free;
        priced.manifest.price = Some(price());
        let costs = analyse(&input(vec![priced], &["m"], false)).costs.unwrap();
        assert_eq!((costs.samples_unknown, costs.total.len()), (1, 0));
    }

    #[test]
    fn graders_are_part_of_what_an_assessment_costs() {
        let mut graded = run("m", &task(), &[costing("a", 1.0, usd(10))]);
        let used = |target: &str, calls, cost| RoleUse { calls, cost, ..RoleUse::none(target, None) };
        graded.manifest.roles.insert("critic".to_owned(), used("reference/sound", 2, None));
        let costs = |run: &Run| analyse(&input(vec![run.clone()], &["m"], false)).costs;
        assert_eq!(costs(&graded), None, "everything is in this process");
        graded.manifest.roles.insert("grader".to_owned(), used("openai/judge", 3, usd(7)));
        let paid = costs(&graded).unwrap();
        assert_eq!((paid.total, paid.role_calls_unknown), (usd(17).into_iter().collect(), 0));
        assert_eq!(paid.roles.iter().map(|role| role.role.as_str()).collect::<Vec<_>>(), ["critic", "grader"]);
        graded.manifest.roles.insert("grader".to_owned(), used("openai/judge", 3, None));
        let unknown = costs(&graded).unwrap();
        assert_eq!((unknown.total, unknown.role_calls_unknown), (usd(10).into_iter().collect(), 3));
    }

    #[test]
    fn a_budget_that_ended_a_run_is_a_problem_with_its_numbers() {
        let mut ended = run("m", &task(), &[costing("a", 1.0, usd(10))]);
        let limit = BudgetLimit::Tokens(500);
        ended.manifest.budget = Some(BudgetUse { limit, spent: limit.with_amount(480), ended_run: true });
        ended.manifest.status = ph_record::RunStatus::Cancelled;
        let data = analyse(&input(vec![ended], &["m"], false));
        let problem = data.problems.iter().find(|problem| problem.kind == crate::ProblemKind::Budget).unwrap();
        assert!(problem.text.contains("500 tokens") && problem.text.contains("480 tokens"), "{}", problem.text);
        assert!(data.problems.iter().all(|problem| problem.kind != crate::ProblemKind::Incomplete));
        assert!(data.costs.unwrap().budget.unwrap().ended_run);
    }
}
