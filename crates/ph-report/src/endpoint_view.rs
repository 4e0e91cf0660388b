//! What the endpoints showed before anything was run, and what the runs cost; both only where they are in the data.

use ph_analysis::{CheckStatus, Conformance, Costs, RoleCost, TaskCost};
use ph_base::Money;

use crate::endpoint_text::unknown_text;
use crate::rows::{NONE, instant};
use crate::text::visible;

/// One target's checks.
pub(crate) struct ConformanceView {
    pub(crate) target: String,
    pub(crate) summary: String,
    pub(crate) unreachable: Option<String>,
    pub(crate) checks: Vec<CheckRow>,
}

/// One check.
pub(crate) struct CheckRow {
    pub(crate) title: String,
    pub(crate) status: &'static str,
    pub(crate) failed: bool,
    pub(crate) asked: String,
    pub(crate) came: String,
    pub(crate) meaning: String,
}

/// The checks of one target.
pub(crate) fn conformance(seen: &Conformance) -> ConformanceView {
    let count = |status| seen.count(status);
    let check = |check: &ph_analysis::ConformanceCheck| CheckRow {
        title: visible(&check.title),
        status: check.status.name(),
        failed: check.status == CheckStatus::Failed,
        asked: visible(&check.asked),
        came: visible(&check.came),
        meaning: visible(&check.meaning),
    };
    let mut summary = format!(
        "{} passed, {} failed, {} not checked; {} calls, {} tokens, begun {}",
        count(CheckStatus::Passed),
        count(CheckStatus::Failed),
        count(CheckStatus::NotChecked),
        seen.calls.len(),
        seen.tokens,
        instant(seen.started_at)
    );
    for (name, text) in [
        ("the target calls itself", seen.reported_model.clone()),
        ("answers' fingerprint", seen.answers_fingerprint.map(|digest| digest.to_string())),
    ] {
        if let Some(text) = text {
            summary.push_str(&format!("; {name} {}", visible(&text)));
        }
    }
    let unreachable = seen.unreachable.as_ref().map(|error| visible(&error.message));
    ConformanceView {
        target: visible(&seen.target.to_string()),
        summary,
        unreachable,
        checks: seen.checks.iter().map(check).collect(),
    }
}

/// The costs.
pub(crate) struct CostView {
    pub(crate) total: String,
    pub(crate) unknown: Option<String>,
    pub(crate) budget: Option<String>,
    pub(crate) rows: Vec<CostRow>,
    pub(crate) roles: Vec<RoleRow>,
}

/// What one run cost.
pub(crate) struct CostRow {
    pub(crate) target: String,
    pub(crate) task: String,
    pub(crate) samples: u64,
    pub(crate) total: String,
    pub(crate) per_sample: String,
    pub(crate) most: String,
    pub(crate) per_solved: String,
    pub(crate) price: String,
}

/// What a model that graded or helped cost.
pub(crate) struct RoleRow {
    pub(crate) target: String,
    pub(crate) task: String,
    pub(crate) role: String,
    pub(crate) model: String,
    pub(crate) calls: u64,
    pub(crate) tokens: u64,
    pub(crate) total: String,
}

/// The costs of the runs.
pub(crate) fn costs(costs: &Costs) -> CostView {
    let totals: Vec<String> = costs.total.iter().map(Money::to_string).collect();
    CostView {
        total: if totals.is_empty() { "not known".to_owned() } else { totals.join(" and ") },
        unknown: unknown_text(costs),
        budget: costs.budget.map(|used| {
            let ended = if used.ended_run { "; it ended a run before all samples were asked" } else { "" };
            format!("{} of {} used{ended}", used.spent, used.limit)
        }),
        rows: costs.tasks.iter().map(cost).collect(),
        roles: costs.roles.iter().map(role).collect(),
    }
}

fn role(role: &RoleCost) -> RoleRow {
    RoleRow {
        target: visible(&role.target.to_string()),
        task: visible(&role.task),
        role: visible(&role.role),
        model: visible(&role.used.target),
        calls: role.used.calls,
        tokens: role.used.usage.total_tokens(),
        total: role.used.cost.map_or_else(|| "not known".to_owned(), |cost| cost.to_string()),
    }
}

fn cost(task: &TaskCost) -> CostRow {
    let money = |amount: Option<Money>| amount.map_or_else(|| NONE.to_owned(), |amount| amount.to_string());
    let price = task.price.as_ref();
    CostRow {
        target: visible(&task.target.to_string()),
        task: visible(&task.task),
        samples: task.samples,
        total: match (task.total, task.samples_unknown) {
            (Some(total), 0) => total.to_string(),
            (Some(total), unknown) => format!("≥ {total} ({unknown} unknown)"),
            (None, _) => "not known".to_owned(),
        },
        per_sample: money(task.per_sample),
        most: money(task.most),
        per_solved: match (task.per_solved, &task.solved_by) {
            (Some(amount), Some(solved)) => format!("{amount} ({} of {} solved)", solved.solved, solved.of),
            _ => NONE.to_owned(),
        },
        price: price
            .map_or_else(|| NONE.to_owned(), |price| visible(&format!("{}, as of {}", price.source, price.as_of))),
    }
}
