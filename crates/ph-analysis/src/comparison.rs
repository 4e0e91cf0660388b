//! One paired comparison: an assessed target against the comparator on the same items.

use ph_model::TargetName;
use ph_record::FaultDirection;
use serde::{Deserialize, Serialize};

use crate::interval::Limits;
use crate::measure::View;
use crate::pairing::{PairedSample, Pairs, Sides};

/// What a comparison shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The adjusted interval lies wholly beyond the margin, on the side of the fault.
    Finding,
    /// It does not. That is no proof of the opposite.
    NotShown,
    /// Nothing could be compared.
    NotCompared,
}

/// Pairs by what both sides did, for yes/no scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PairCounts {
    /// Yes on both sides.
    pub both: u64,
    /// Yes for the target only.
    pub target_only: u64,
    /// Yes for the comparator only.
    pub comparator_only: u64,
    /// Yes on neither side.
    pub neither: u64,
}

/// An assessed target against the comparator. Differences are target − comparator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Comparison {
    /// The assessed target.
    pub target: TargetName,
    /// The comparator.
    pub comparator: TargetName,
    /// The task.
    pub task: String,
    /// The measure.
    pub measure: String,
    /// The measure in words.
    pub title: String,
    /// Which direction of difference is a fault.
    pub fault: FaultDirection,
    /// Whether the measure is a search: then only candidates retested on fresh prompts are compared.
    pub searched: bool,
    /// For a search: the candidate retested; none where no candidate was.
    pub candidate: Option<String>,
    /// Pairs of scores.
    pub pairs: u64,
    /// Items among them.
    pub items: u64,
    /// Clusters of items that belong together.
    pub clusters: u64,
    /// The target's samples that the comparator was not given alike.
    pub unmatched_target: u64,
    /// The comparator's samples that the target was not given alike.
    pub unmatched_comparator: u64,
    /// Pairs left out because a side has no score.
    pub left_out: u64,
    /// The target's mean over the pairs.
    pub target_value: Option<f64>,
    /// The comparator's mean over the pairs.
    pub comparator_value: Option<f64>,
    /// The counts, for yes/no scores.
    pub counts: Option<PairCounts>,
    /// Target − comparator.
    pub difference: Option<f64>,
    /// Its limits alone, at level 1 − α.
    pub limits: Option<Limits>,
    /// Its limits at the level that Holm's step leaves it, from which the outcome is read.
    pub adjusted_limits: Option<Limits>,
    /// p-value of "no difference", two-sided, not adjusted (McNemar's exact test where pairs are independent yes/no).
    pub p_no_difference: Option<f64>,
    /// One-sided p-value of "not beyond the margin on the side of the fault".
    pub p_margin: Option<f64>,
    /// The doubled `p_margin` adjusted by Holm across the whole assessment.
    pub p_adjusted: Option<f64>,
    /// The smallest true difference found with 80 % probability, at an even share of α.
    pub minimum_detectable: Option<f64>,
    /// The difference if samples that ended in an error counted as the fault on both sides; only where there are any.
    pub difference_errors_as_fault: Option<f64>,
    /// What it shows.
    pub outcome: Outcome,
}

/// A comparison whose place in the family of tests is still open.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// What is known so far.
    pub(crate) comparison: Comparison,
    /// The differences; none where nothing could be paired.
    pub(crate) sample: Option<PairedSample>,
}

/// Whose comparison it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The assessed target.
    pub(crate) target: &'a TargetName,
    /// The comparator.
    pub(crate) comparator: &'a TargetName,
    /// The task.
    pub(crate) task: &'a str,
    /// α and margin of the plan.
    pub(crate) plan: &'a ph_record::AnalysisPlan,
}

/// Compares one measure, for a search with one candidate.
pub(crate) fn compare(subject: Subject<'_>, view: View<'_>, sides: Sides<'_>, candidate: Option<&str>) -> Draft {
    let mut draft = empty(subject, view, candidate);
    let Some(fault) = view.measure.fault else { return draft };
    let pairs = Pairs::of(view, sides, candidate, None);
    let sample = PairedSample::of(&pairs);
    let comparison = &mut draft.comparison;
    comparison.pairs = pairs.target.len() as u64;
    comparison.items = pairs.items();
    comparison.clusters = sample.clusters();
    comparison.unmatched_target = pairs.unmatched_target;
    comparison.unmatched_comparator = pairs.unmatched_comparator;
    comparison.left_out = pairs.left_out;
    comparison.target_value = pairs.target_mean();
    comparison.comparator_value = pairs.comparator_mean();
    comparison.difference = difference(&pairs);
    comparison.counts = sample.table.map(|table| PairCounts {
        both: table.both,
        target_only: table.first_only,
        comparator_only: table.second_only,
        neither: table.neither,
    });
    comparison.limits = sample.limits(1.0 - subject.plan.alpha);
    comparison.p_no_difference = sample.p_no_difference();
    comparison.p_margin = sample.p_margin(subject.plan.margin, fault);
    if pairs.left_out > 0 {
        let worst = Pairs::of(view, sides, candidate, Some(view.measure.worst()));
        comparison.difference_errors_as_fault = difference(&worst);
    }
    draft.sample = comparison.p_margin.map(|_| sample);
    draft
}

/// A comparison without a single pair.
pub(crate) fn empty(subject: Subject<'_>, view: View<'_>, candidate: Option<&str>) -> Draft {
    let comparison = Comparison {
        target: subject.target.clone(),
        comparator: subject.comparator.clone(),
        task: subject.task.to_owned(),
        measure: view.measure.id.clone(),
        title: view.measure.title.clone(),
        fault: view.measure.fault.unwrap_or(FaultDirection::Higher),
        searched: view.measure.searched.is_some(),
        candidate: candidate.map(str::to_owned),
        pairs: 0,
        items: 0,
        clusters: 0,
        unmatched_target: 0,
        unmatched_comparator: 0,
        left_out: 0,
        target_value: None,
        comparator_value: None,
        counts: None,
        difference: None,
        limits: None,
        adjusted_limits: None,
        p_no_difference: None,
        p_margin: None,
        p_adjusted: None,
        minimum_detectable: None,
        difference_errors_as_fault: None,
        outcome: Outcome::NotCompared,
    };
    Draft { comparison, sample: None }
}

fn difference(pairs: &Pairs) -> Option<f64> {
    Some(pairs.target_mean()? - pairs.comparator_mean()?)
}
