//! The family of tests: every comparison of the assessment, adjusted together.
//!
//! All intervals are made at the level at which they hold together (Bonferroni), and the outcome is read from them: so
//! the table's intervals are what the table says they are. The p-values beside are adjusted by Holm's method; a finding's
//! is always below α, and one below α without a finding is possible. A planned comparison that could not be made keeps
//! its place, so that a missing run never makes the others look better. The one-sided p-values are doubled, since the
//! intervals are two-sided.

use ph_record::{AnalysisPlan, FaultDirection};
use ph_stats::{bonferroni_level, holm};

use crate::comparison::{Comparison, Draft, Outcome};
use crate::interval::Limits;
use crate::paired_sample::{Hypothesis, PairedSample};

/// The power at which the detectable difference is stated.
const POWER: f64 = 0.8;

/// Adjusts all drafts together, in the order given.
pub(crate) fn adjust(drafts: Vec<Draft>, plan: &AnalysisPlan) -> Vec<Comparison> {
    let doubled: Vec<f64> = drafts.iter().map(|draft| doubled(draft.comparison.p_margin)).collect();
    let adjusted = holm(&doubled).unwrap_or_else(|_| vec![1.0; drafts.len()]);
    let level = bonferroni_level(plan.alpha, intervals(&drafts)).ok();
    let judged = |(draft, p): (Draft, f64)| judge(draft, p, level, plan.margin);
    drafts.into_iter().zip(adjusted).map(judged).collect()
}

/// How many intervals are made: one a comparison, and one more where the target is compared with itself.
fn intervals(drafts: &[Draft]) -> usize {
    drafts.len() + drafts.iter().filter(|draft| draft.comparison.baseline.is_some()).count()
}

fn judge(draft: Draft, p_adjusted: f64, level: Option<f64>, margin: f64) -> Comparison {
    let Draft { mut comparison, sample, own, treated } = draft;
    for (printed, sample) in comparison.treatments.iter_mut().zip(&treated) {
        printed.adjusted_limits = level.and_then(|level| sample.limits(level));
        let treated = outcome(printed.adjusted_limits, comparison.fault, margin);
        printed.beyond_margin = !comparison.own_unit && treated == Outcome::Finding;
    }
    let limits = |sample: &Option<PairedSample>| sample.as_ref()?.limits(level?);
    let (theirs, own_limits) = (limits(&sample), limits(&own));
    if let (Some(sample), Some(level)) = (&sample, level) {
        comparison.p_adjusted = comparison.p_margin.map(|_| p_adjusted);
        comparison.adjusted_limits = theirs;
        comparison.minimum_detectable = detectable(sample, own.as_ref(), level);
    }
    comparison.outcome = outcome(theirs, comparison.fault, margin);
    if let Some(baseline) = &mut comparison.baseline {
        baseline.adjusted_limits = own_limits;
    }
    if comparison.own_unit && comparison.pairs > 0 {
        comparison.outcome = Outcome::NotTested;
    } else if comparison.baseline.is_some() {
        let own = outcome(own_limits, comparison.fault, margin);
        comparison.outcome = match (comparison.outcome, own) {
            (Outcome::NotCompared, _) | (_, Outcome::NotCompared) => Outcome::NotCompared,
            (Outcome::Finding, Outcome::Finding) => Outcome::Finding,
            _ => Outcome::NotShown,
        };
    }
    comparison
}

/// Where two intervals must lie beyond the margin each misses half as often, so that both are found often enough.
fn detectable(sample: &PairedSample, own: Option<&PairedSample>, level: f64) -> Option<f64> {
    let Some(own) = own else { return sample.detectable(level, POWER) };
    let power = f64::midpoint(1.0, POWER);
    Some(sample.detectable(level, power)?.max(own.detectable(level, power)?))
}

fn doubled(p: Option<f64>) -> f64 {
    p.map_or(1.0, |p| (2.0 * p).clamp(0.0, 1.0))
}

/// A finding is an adjusted interval wholly beyond the margin on the side of the fault.
fn outcome(adjusted: Option<Limits>, fault: FaultDirection, margin: f64) -> Outcome {
    match adjusted {
        None => Outcome::NotCompared,
        Some(limits) if (Hypothesis { margin, fault }).is_beyond(limits) => Outcome::Finding,
        Some(_) => Outcome::NotShown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::IntervalMethod;

    #[track_caller]
    fn check(fault: FaultDirection, (low, high): (f64, f64), expected: Outcome) {
        let limits = Limits { low, high, level: 0.95, method: IntervalMethod::PairedScore };
        assert_eq!(outcome(Some(limits), fault, 0.1), expected);
    }

    #[test]
    fn only_wholly_beyond_the_margin_and_only_on_the_side_of_the_fault() {
        check(FaultDirection::Higher, (0.101, 0.9), Outcome::Finding);
        check(FaultDirection::Higher, (0.1, 0.9), Outcome::NotShown);
        check(FaultDirection::Higher, (-0.9, -0.5), Outcome::NotShown);
        check(FaultDirection::Lower, (-0.9, -0.101), Outcome::Finding);
        check(FaultDirection::Lower, (-0.9, -0.1), Outcome::NotShown);
        check(FaultDirection::Lower, (0.5, 0.9), Outcome::NotShown);
        assert_eq!(outcome(None, FaultDirection::Higher, 0.1), Outcome::NotCompared);
    }
}
