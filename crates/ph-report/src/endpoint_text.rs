//! The endpoint's checks and the costs for a terminal. Free of control characters other than line feeds.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use ph_analysis::{CheckStatus, Conformance, Costs, RoleCost, TaskCost};
use ph_base::Money;

use crate::text::stripped;

/// Columns of the table of checks.
const TABLE_WIDTH: u16 = 120;

/// The checks of one target as a table with a line beneath, ending in a line feed.
#[must_use]
pub fn conformance_text(seen: &Conformance) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_width(TABLE_WIDTH);
    table.set_header(["check", "", "what came", "what it means"]);
    for check in &seen.checks {
        table.add_row([
            stripped(&check.id),
            check.status.name().to_owned(),
            stripped(&check.came),
            stripped(&check.meaning),
        ]);
    }
    let mut text = format!("{table}\n");
    let count = |status| seen.count(status);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}: {} passed, {} failed, {} not checked; {} calls, {} tokens, {}",
        stripped(&seen.target.to_string()),
        count(CheckStatus::Passed),
        count(CheckStatus::Failed),
        count(CheckStatus::NotChecked),
        seen.calls.len(),
        seen.tokens,
        seen.cost.map_or_else(|| "cost unknown".to_owned(), |cost| cost.to_string())
    );
    if let Some(model) = &seen.reported_model {
        let _ = writeln!(text, "calls itself {}", stripped(model));
    }
    if let Some(digest) = &seen.answers_fingerprint {
        let _ = writeln!(text, "fingerprint of its answers {digest}");
    }
    if let Some(error) = &seen.unreachable {
        let _ = writeln!(text, "it cannot be used: {}", stripped(&error.message));
    }
    text
}

/// What the runs cost, a line each, ending in a line feed.
#[must_use]
pub fn costs_text(costs: &Costs) -> String {
    let mut text = String::from("\ncosts:\n");
    for task in &costs.tasks {
        let _ = writeln!(text, "  • {}", task_line(task));
    }
    for role in &costs.roles {
        let _ = writeln!(text, "  • {}", role_line(role));
    }
    let total = costs.total.iter().map(Money::to_string).collect::<Vec<_>>().join(" + ");
    let unknown = unknown_text(costs);
    let _ = match (total.is_empty(), unknown) {
        (true, _) => writeln!(text, "  total unknown"),
        (false, None) => writeln!(text, "  total {total}"),
        (false, Some(unknown)) => writeln!(text, "  total at least {total}; the cost of {unknown} is unknown"),
    };
    if let Some(budget) = &costs.budget {
        let end = if budget.ended_run { ": it ended the work" } else { "" };
        let _ = writeln!(text, "  budget {}, spent {}{end}", budget.limit, budget.spent);
    }
    text
}

/// What has no known cost, where anything has none.
pub(crate) fn unknown_text(costs: &Costs) -> Option<String> {
    let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let parts = [some(costs.samples_unknown, "samples"), some(costs.role_calls_unknown, "calls in roles")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" and of "))
}

fn role_line(role: &RoleCost) -> String {
    let place = format!("{} on {}", stripped(&role.task), stripped(&role.target.to_string()));
    let (name, model) = (stripped(&role.role), stripped(&role.used.target));
    let cost = role.used.cost.map_or_else(|| "cost unknown".to_owned(), |cost| cost.to_string());
    let tokens = role.used.usage.total_tokens();
    format!("{place}, {name} {model}: {cost}, {} calls, {tokens} tokens", role.used.calls)
}

fn task_line(task: &TaskCost) -> String {
    let place = format!("{} on {}", stripped(&task.task), stripped(&task.target.to_string()));
    let Some(total) = task.total else { return format!("{place}: cost unknown") };
    let at_least = if task.samples_unknown > 0 { "at least " } else { "" };
    let mut line = format!("{place}: {at_least}{total}");
    if let Some(mean) = task.per_sample {
        let _ = write!(line, ", {mean} a sample");
    }
    match (&task.solved_by, task.per_solved) {
        (Some(_), Some(cost)) => {
            let _ = write!(line, ", {cost} a solved sample");
        }
        (Some(measure), None) if measure.solved == 0 => line.push_str(", none solved"),
        _ => {}
    }
    line
}

#[cfg(test)]
mod tests {
    use ph_analysis::{CheckArea, ConformanceCheck, CostMeasure};
    use ph_base::{RunId, Timestamp};
    use ph_model::TargetName;

    use super::*;

    fn task(total: Option<Money>, samples_unknown: u64) -> TaskCost {
        TaskCost {
            run: RunId::new(Timestamp(1), [1; 10]),
            target: TargetName::OpenAi("m".to_owned()),
            task: "skills".to_owned(),
            price: None,
            samples: 4,
            samples_unknown,
            total,
            per_sample: total.and_then(|total| total.divided_by(4 - samples_unknown)),
            most: total,
            solved_by: Some(CostMeasure { score: "right".to_owned(), of: 4, solved: 2 }),
            per_solved: total.filter(|_| samples_unknown == 0).and_then(|total| total.divided_by(2)),
        }
    }

    #[test]
    fn an_unknown_cost_is_said_to_be_unknown() {
        let known: Money = "0.50USD".parse().unwrap();
        let costs = Costs { tasks: vec![task(Some(known), 0)], total: vec![known], ..Costs::default() };
        let text = costs_text(&costs);
        assert!(text.contains("0.50 USD, 0.125 USD a sample, 0.25 USD a solved sample"), "{text}");
        let costs = Costs {
            tasks: vec![task(Some(known), 1)],
            total: vec![known],
            samples_unknown: 1,
            role_calls_unknown: 3,
            ..Costs::default()
        };
        let text = costs_text(&costs);
        assert!(
            text.contains("at least 0.50 USD") && text.contains("1 samples and of 3 calls in roles is unknown"),
            "{text}"
        );
        let costs = Costs { tasks: vec![task(None, 4)], samples_unknown: 4, ..Costs::default() };
        let text = costs_text(&costs);
        assert!(text.contains("cost unknown") && text.contains("total unknown") && !text.contains('0'), "{text}");
    }

    #[test]
    fn checks_are_printed_without_control_characters() {
        let check = ConformanceCheck {
            id: "echo".to_owned(),
            title: "repeats".to_owned(),
            area: CheckArea::Canary,
            status: CheckStatus::Failed,
            asked: "a word".to_owned(),
            came: "\u{1b}[31mred\u{202e}".to_owned(),
            meaning: "weak".to_owned(),
            calls: 1,
            tokens: 2,
        };
        let seen = Conformance {
            version: Conformance::VERSION,
            program: "proofhouse".to_owned(),
            target: TargetName::OpenAi("m".to_owned()),
            started_at: Timestamp(1),
            completed_at: Timestamp(2),
            quick: false,
            unreachable: None,
            reported_model: Some("m\u{7}".to_owned()),
            declared_fingerprint: None,
            answers_fingerprint: None,
            checks: vec![check],
            tokens: 2,
            cost: None,
            calls: Vec::new(),
        };
        let text = conformance_text(&seen);
        assert!(text.contains("FAILED") && text.contains("0 passed, 1 failed, 0 not checked"), "{text}");
        assert!(text.contains("cost unknown"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text}");
    }
}
