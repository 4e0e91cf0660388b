//! The family of tests: every comparison of the assessment, adjusted together by Holm's method.
//!
//! A planned comparison that could not be made stays in the family with p = 1, so that a missing run never makes the
//! others look better. The one-sided p-values are doubled: each printed interval is two-sided, and it excludes the
//! margin on the side of the fault exactly where Holm rejects at α.

use ph_record::{AnalysisPlan, FaultDirection};
use ph_stats::{holm, holm_levels};

use crate::comparison::{Comparison, Draft, Outcome};
use crate::interval::Limits;
use crate::power::minimum_detectable_difference;

/// Adjusts all drafts together, in the order given.
pub(crate) fn adjust(drafts: Vec<Draft>, plan: &AnalysisPlan) -> Vec<Comparison> {
    let doubled: Vec<f64> = drafts.iter().map(|draft| doubled(draft.comparison.p_margin)).collect();
    let adjusted = holm(&doubled).unwrap_or_else(|_| vec![1.0; drafts.len()]);
    let levels = holm_levels(&doubled, plan.alpha).unwrap_or_default();
    let tests = drafts.len() as u64;
    let mut comparisons = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.into_iter().enumerate() {
        let Draft { mut comparison, sample } = draft;
        if let Some(sample) = sample {
            comparison.p_adjusted = adjusted.get(index).copied();
            comparison.adjusted_limits = levels.get(index).and_then(|level| sample.limits(*level));
            comparison.minimum_detectable =
                minimum_detectable_difference(sample.units(), tests, plan.alpha, plan.margin);
            comparison.outcome = outcome(comparison.adjusted_limits, comparison.fault, plan.margin);
        }
        comparisons.push(comparison);
    }
    comparisons
}

fn doubled(p: Option<f64>) -> f64 {
    p.map_or(1.0, |p| (2.0 * p).clamp(0.0, 1.0))
}

/// A finding is an adjusted interval wholly beyond the margin on the side of the fault.
fn outcome(adjusted: Option<Limits>, fault: FaultDirection, margin: f64) -> Outcome {
    let Some(limits) = adjusted else { return Outcome::NotCompared };
    let beyond = match fault {
        FaultDirection::Higher => limits.low > margin,
        FaultDirection::Lower => limits.high < -margin,
    };
    if beyond { Outcome::Finding } else { Outcome::NotShown }
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
