//! Findings, negatives and absolute rates in plain English, each made from its numbers and from nothing else.
//!
//! Names and candidates stand in back-ticks. No sentence judges.

use ph_record::{FaultDirection, RunStatus};

use crate::comparison::Comparison;
use crate::estimate::{Bound, BoundSide, Estimate};
use crate::format::{percent, points, probability};
use crate::interval::Limits;
use crate::report_data::PlanSummary;
use crate::search::SearchSummary;

/// What was found; `more` other candidates of the same search were found too.
pub(crate) fn finding(comparison: &Comparison, more: usize, plan: &PlanSummary) -> String {
    let p = comparison.p_adjusted.map_or_else(String::new, |p| format!(", Holm-adjusted {}", probability(p)));
    let also = match more {
        0 => String::new(),
        1 => ", and 1 further candidate likewise".to_owned(),
        more => format!(", and {more} further candidates likewise"),
    };
    let own = comparison.baseline.as_ref().map_or_else(String::new, |own| {
        format!(
            "; on the same requests without it {} (difference {})",
            value(own.value),
            difference(own.difference, own.adjusted_limits, plan)
        )
    });
    format!("{} ({}{p}){own}{also}", head(comparison), evidence(comparison, plan))
}

/// A target that lies beyond the margin with a search's candidate, and does so without it too.
pub(crate) fn untied(comparison: &Comparison, plan: &PlanSummary) -> String {
    let own = comparison.baseline.as_ref();
    format!(
        "`{}`, {}: not tied to a string of the grammar, since it does so with and without. With `{}` it is {}, on the \
         same requests without it {} (difference {}, n = {} pairs), and {} for `{}`.",
        comparison.target,
        comparison.title,
        comparison.candidate.as_deref().unwrap_or_default(),
        value(comparison.target_value),
        value(own.and_then(|own| own.value)),
        difference(own.and_then(|own| own.difference), own.and_then(|own| own.adjusted_limits), plan),
        own.map_or(0, |own| own.pairs),
        value(comparison.comparator_value),
        comparison.comparator
    )
}

/// What is said of a search that did not end.
pub(crate) fn unfinished(search: &SearchSummary) -> String {
    let tried = match search.candidates_total {
        Some(total) => format!("{} of {} candidates", count(search.candidates_searched), count(total)),
        None => format!("{} candidates", count(search.candidates_searched)),
    };
    format!("was not finished: {tried} tried, and nothing is said of what it would have found")
}

/// What was compared and not shown to differ beyond the margin.
pub(crate) fn not_shown(comparison: &Comparison, plan: &PlanSummary) -> String {
    let side = if comparison.fault == FaultDirection::Higher { "higher" } else { "lower" };
    format!(
        "{}: not shown to be {side} by more than the margin of {} points ({}). {}",
        head(comparison),
        plain_points(plan.margin),
        evidence(comparison, plan),
        detectable(comparison)
    )
}

/// What a search did not find; `best` is the comparison of its best candidate, where one was retested and compared.
pub(crate) fn none_found(search: &SearchSummary, title: &str, best: Option<&Comparison>, plan: &PlanSummary) -> String {
    let retest = match (search.retested.len(), best) {
        (0, _) => "None of them stood out enough to be retested.".to_owned(),
        (count, Some(best)) => format!(
            "Of the {count} retested on fresh prompts the furthest was `{}`: {} against {} for `{}` ({}). {}",
            best.candidate.as_deref().unwrap_or_default(),
            value(best.target_value),
            value(best.comparator_value),
            best.comparator,
            evidence(best, plan),
            detectable(best)
        ),
        (count, None) => format!("{count} were retested on fresh prompts, but could not be compared."),
    };
    format!(
        "`{}`, {title}: none in the searched {}. {retest} {} {}",
        search.target,
        searched(search),
        grid(search),
        not_excluded(search)
    )
}

/// A rate with its bound, where there is nothing to compare with.
pub(crate) fn absolute(target: &str, estimate: &Estimate) -> String {
    let own_unit = estimate.own_unit;
    let bound = estimate.bound.map_or_else(|| "no bound could be made".to_owned(), |it| bound_text(it, own_unit));
    let limits = estimate.limits.map_or_else(String::new, |limits| format!(", {}", interval(limits, own_unit)));
    format!(
        "`{target}`, {}: {}{limits}, n = {} items; {bound}. Without a comparator nothing is tested.",
        estimate.title,
        value_in(own_unit, estimate.value),
        estimate.items
    )
}

/// A search with nothing to compare its candidates with.
pub(crate) fn absolute_search(search: &SearchSummary, title: &str) -> String {
    if search.status != RunStatus::Success {
        return format!("`{}`, {title}: the search {}.", search.target, unfinished(search));
    }
    let best = match (&search.best, search.best_value) {
        (Some(best), Some(rate)) => format!(
            "Of {} candidates retested on fresh prompts the furthest was `{best}` with {}.",
            search.retested.len(),
            value(Some(rate))
        ),
        _ => "No candidate stood out enough to be retested.".to_owned(),
    };
    format!(
        "`{}`, {title}: searched {}. {best} {} {} Without a comparator nothing is tested.",
        search.target,
        searched(search),
        grid(search),
        not_excluded(search)
    )
}

fn head(comparison: &Comparison) -> String {
    let says_when = comparison.title.contains(" when ");
    let when = comparison.candidate.as_ref().map_or_else(String::new, |name| {
        if says_when { format!(" (candidate `{name}`)") } else { format!(" when `{name}` is present") }
    });
    format!(
        "`{}` {}{when}: {} against {} for `{}`",
        comparison.target,
        comparison.title,
        value(comparison.target_value),
        value(comparison.comparator_value),
        comparison.comparator
    )
}

/// Difference, adjusted interval and n.
fn evidence(comparison: &Comparison, plan: &PlanSummary) -> String {
    let difference = difference(comparison.difference, comparison.adjusted_limits, plan);
    let groups = if comparison.clusters < comparison.pairs {
        format!(" in {} groups", comparison.clusters)
    } else {
        String::new()
    };
    format!("difference {difference}, n = {} pairs{groups}", comparison.pairs)
}

/// A difference with its adjusted interval.
fn difference(difference: Option<f64>, adjusted: Option<Limits>, plan: &PlanSummary) -> String {
    let gap = difference.map_or_else(|| "not known".to_owned(), |gap| format!("{} points", points(gap)));
    let level = percent(1.0 - plan.alpha).replace(".0 %", " %");
    let adjusted = adjusted.map_or_else(String::new, |limits| {
        format!(", adjusted {level} interval {} to {}", points(limits.low), points(limits.high))
    });
    format!("{gap}{adjusted}")
}

fn detectable(comparison: &Comparison) -> String {
    let groups = if comparison.clusters < comparison.pairs { ", even if all of a group were alike" } else { "" };
    match comparison.minimum_detectable {
        Some(gap) => format!(
            "With as many differences the other way as here, a true difference of {} points or more would have been \
             found with about 80 % probability{groups}.",
            plain_points(gap)
        ),
        None => "So few pairs could not have found any difference reliably.".to_owned(),
    }
}

fn grid(search: &SearchSummary) -> String {
    let bound = search.grid_bound.map_or_else(|| "no bound could be made".to_owned(), |it| bound_text(it, false));
    format!(
        "In the first round {} of {} prompts lay on the side of the fault: {bound}, as a mean over all candidates and \
         prompts of this grammar.",
        search.grid_hits, search.grid_prompts
    )
}

fn not_excluded(search: &SearchSummary) -> String {
    let prompts = search.looks_per_candidate;
    if prompts == 0 {
        return "Not excluded: anything outside this grammar, and the candidates that have no scored prompt."
            .to_owned();
    }
    let word = if prompts == 1 { "one look".to_owned() } else { format!("{prompts} looks") };
    let missed = match search.half_retested {
        Some(retested) => format!("is not retested after {word} with probability {}", percent(1.0 - retested)),
        None => {
            let silent = 0.5_f64.powi(i32::try_from(prompts).unwrap_or(i32::MAX));
            format!("is missed with probability {} or more, for it shows nothing in {word} so often", percent(silent))
        }
    };
    format!(
        "Not excluded: anything outside this grammar, and a candidate that seldom works: one that works on half of all \
         prompts {missed}."
    )
}

/// What was looked through.
fn searched(search: &SearchSummary) -> String {
    let tried = count(search.candidates_searched);
    match search.candidates_total {
        Some(total) if total > search.candidates_searched => {
            format!("part of the grammar ({tried} of {} candidates)", count(total))
        }
        _ => format!("grammar ({tried} candidates)"),
    }
}

/// A count with its thousands apart: `1,440`.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bound_text(bound: Bound, own_unit: bool) -> String {
    let side = if bound.side == BoundSide::AtMost { "at most" } else { "at least" };
    let level = percent(bound.level).replace(".0 %", " %");
    format!("{side} {} (one-sided {level} bound)", value_in(own_unit, Some(bound.value)))
}

fn interval(limits: Limits, own_unit: bool) -> String {
    let level = percent(limits.level).replace(".0 %", " %");
    let [low, high] = [limits.low, limits.high].map(|end| value_in(own_unit, Some(end)));
    format!("{level} interval {low} to {high}")
}

/// A mean in the score's own unit as it is; else as [`value`].
fn value_in(own_unit: bool, mean: Option<f64>) -> String {
    match mean {
        Some(mean) if own_unit => format!("{mean:.3}"),
        mean => value(mean),
    }
}

/// A rate as per cent; a mean outside [0, 1] as it is.
fn value(value: Option<f64>) -> String {
    match value {
        Some(rate) if (0.0..=1.0).contains(&rate) => percent(rate),
        Some(mean) => format!("{mean:.3}"),
        None => "no value".to_owned(),
    }
}

fn plain_points(gap: f64) -> String {
    points(gap).trim_start_matches('+').replace(".0", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_without_sign_and_idle_decimals() {
        assert_eq!(plain_points(0.1), "10");
        assert_eq!(plain_points(0.184), "18.4");
        assert_eq!(value(None), "no value");
        assert_eq!([count(7), count(501), count(1_440), count(1_000_000)], ["7", "501", "1,440", "1,000,000"]);
        assert_eq!(value(Some(3.5)), "3.500");
    }
}
