//! One paired comparison: an assessed target against the comparator on the same items.

use ph_model::TargetName;
use ph_record::FaultDirection;
use serde::{Deserialize, Serialize};

use crate::interval::Limits;
use crate::measure::View;
use crate::paired_sample::{Hypothesis, PairedSample};
use crate::pairing::{Pairs, Sides};
use crate::treatment::others;

/// What a comparison shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The adjusted interval lies wholly beyond the margin, on the side of the fault; for a search with a baseline also
    /// that of the target against itself without the candidate.
    Finding,
    /// It does not. That is no proof of the opposite.
    NotShown,
    /// Nothing could be compared.
    NotCompared,
    /// The scores lie outside 0–1, and the plan has no margin in their unit.
    NotTested,
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

/// A search's candidate on one target against the same target on the same requests without it. Differences are with −
/// without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OwnBaseline {
    /// Pairs of scores.
    pub pairs: u64,
    /// Samples with the candidate that have no counterpart without it.
    pub unmatched: u64,
    /// Pairs left out because a side has no score.
    pub left_out: u64,
    /// The mean without the candidate over the pairs.
    pub value: Option<f64>,
    /// With − without.
    pub difference: Option<f64>,
    /// Its limits at the level that all intervals of the assessment hold together.
    pub adjusted_limits: Option<Limits>,
    /// One-sided p-value of "not beyond the margin on the side of the fault".
    pub p_margin: Option<f64>,
}

/// A difference under another treatment of samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TreatedDifference {
    /// The treatment in words.
    pub name: String,
    /// The treatment as `--treat` takes it.
    pub treatment: String,
    /// Pairs of scores under it.
    pub pairs: u64,
    /// Target − comparator.
    pub difference: Option<f64>,
    /// Its limits at the level that all intervals of the assessment hold together.
    pub adjusted_limits: Option<Limits>,
    /// Whether these lie wholly beyond the margin, on the side of the fault.
    pub beyond_margin: bool,
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
    /// Whether scores lie outside 0–1, so that values and differences are in the score's own unit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_unit: bool,
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
    /// Its limits at the level that all intervals of the assessment hold together (Bonferroni); the outcome is read from
    /// them.
    pub adjusted_limits: Option<Limits>,
    /// p-value of "no difference", two-sided, not adjusted (McNemar's exact test where pairs are independent yes/no).
    pub p_no_difference: Option<f64>,
    /// One-sided p-value of "not beyond the margin on the side of the fault"; where there is a baseline the larger of
    /// both (intersection–union test).
    pub p_margin: Option<f64>,
    /// The doubled `p_margin` adjusted by Holm across the whole assessment.
    pub p_adjusted: Option<f64>,
    /// The smallest true difference found with about 80 % probability.
    pub minimum_detectable: Option<f64>,
    /// The difference if samples that ended in an error counted as the fault on both sides; only where there are any.
    pub difference_errors_as_fault: Option<f64>,
    /// The difference under every other treatment that changes a pair.
    #[serde(default)]
    pub treatments: Vec<TreatedDifference>,
    /// For a search whose task says so: the target with the candidate against itself without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<OwnBaseline>,
    /// What it shows.
    pub outcome: Outcome,
}

impl Comparison {
    /// Whether the target lies beyond the margin against the comparator, but not against itself without the candidate:
    /// then what it does is not tied to the candidate.
    #[must_use]
    pub fn is_untied(&self, margin: f64) -> bool {
        if self.own_unit {
            return false;
        }
        let hypothesis = Hypothesis { margin, fault: self.fault };
        let beyond = |limits: Option<Limits>| limits.is_some_and(|limits| hypothesis.is_beyond(limits));
        let own = self.baseline.as_ref().and_then(|own| own.adjusted_limits);
        own.is_some() && beyond(self.adjusted_limits) && !beyond(own)
    }
}

/// A comparison whose place in the family of tests is still open.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// What is known so far.
    pub(crate) comparison: Comparison,
    /// The differences; none where nothing could be paired.
    pub(crate) sample: Option<PairedSample>,
    /// The differences to the target's own baseline; none where there is none or nothing could be paired.
    pub(crate) own: Option<PairedSample>,
    /// The differences under each of the comparison's other treatments, in their order.
    pub(crate) treated: Vec<PairedSample>,
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
    let hypothesis = Hypothesis { margin: subject.plan.margin, fault };
    let sample = PairedSample::of(&pairs, hypothesis);
    let comparison = &mut draft.comparison;
    comparison.own_unit = !sample.unit;
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
    comparison.p_margin = sample.p_margin;
    if let Some(worst) = view.measure.worst().filter(|_| pairs.left_out > 0) {
        comparison.difference_errors_as_fault = difference(&Pairs::of(view, sides, candidate, Some(worst)));
    }
    for other in others(&view.treatment, view.measure) {
        let treated = Pairs::of(View { treatment: other.treatment, ..view }, sides, candidate, None);
        if treated != pairs {
            comparison.treatments.push(TreatedDifference {
                name: other.words(),
                treatment: other.flag(),
                pairs: treated.target.len() as u64,
                difference: difference(&treated),
                adjusted_limits: None,
                beyond_margin: false,
            });
            draft.treated.push(PairedSample::of(&treated, hypothesis));
        }
    }
    draft.sample = sample.can_be_read().then_some(sample);
    if let (Some(_), Some(candidate)) = (&view.measure.baseline, candidate) {
        add_own_baseline(&mut draft, &Pairs::with_own_baseline(view, sides.target, candidate), hypothesis);
    }
    draft
}

/// The finding must hold against the target's own answers too: the larger p-value counts.
fn add_own_baseline(draft: &mut Draft, pairs: &Pairs, hypothesis: Hypothesis) {
    let own = PairedSample::of(pairs, hypothesis);
    let comparison = &mut draft.comparison;
    comparison.p_margin = comparison.p_margin.zip(own.p_margin).map(|(theirs, own)| theirs.max(own));
    comparison.baseline = Some(OwnBaseline {
        pairs: pairs.target.len() as u64,
        unmatched: pairs.unmatched_target,
        left_out: pairs.left_out,
        value: pairs.comparator_mean(),
        difference: difference(pairs),
        adjusted_limits: None,
        p_margin: own.p_margin,
    });
    draft.own = own.can_be_read().then_some(own);
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
        own_unit: view.measure.own_unit,
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
        treatments: Vec::new(),
        baseline: None,
        outcome: Outcome::NotCompared,
    };
    Draft { comparison, sample: None, own: None, treated: Vec::new() }
}

fn difference(pairs: &Pairs) -> Option<f64> {
    Some(pairs.target_mean()? - pairs.comparator_mean()?)
}
