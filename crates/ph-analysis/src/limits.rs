//! What a report does not show: the same plain sentences in every report, and some that depend on the run.

use ph_record::RunKind;

use crate::caveat::PAIRS_FEW;
use crate::comparison::Comparison;
use crate::input::AnalysisInput;

/// The limits of this report, in words.
pub(crate) fn limits(input: &AnalysisInput, comparisons: &[Comparison], has_comparator: bool) -> Vec<String> {
    let mut all = vec![
        "It measures and records. It does not license the model, and no number in it is a judgement that the model \
         may be released."
            .to_owned(),
        "Every number is about the items of these suites, as asked here: other wordings, languages, tools, longer \
         conversations and more effort at eliciting may give others."
            .to_owned(),
        "That nothing was found does not show that nothing is there. Each negative names the bound that the number \
         of items supports."
            .to_owned(),
        "Limits around estimates cover chance in the choice of items and replies. They do not cover errors of the \
         scorers, which were not measured against human labels here."
            .to_owned(),
    ];
    if input.runs.iter().flat_map(|run| &run.manifest.task.scorer).any(|scorer| scorer.name() == "refusal") {
        all.push(
            "Whether a target refused is read by rule from its reply. A reply that the rule does not take for a refusal \
             counts as not refusing, whether or not it helps; an empty reply counts as neither."
                .to_owned(),
        );
    }
    if has_comparator {
        all.push(
            "The adjusted intervals of the comparisons are made so that all hold together; by construction that is \
             exact at the margin for up to 2,000 independent pairs and approximate elsewhere. The adjusted p-values \
             (Holm) stand beside them and decide nothing."
                .to_owned(),
        );
        all.push(
            "A difference says that the target does something more or less often than the comparator. A fault that \
             both share does not show as a difference; see the absolute rates."
                .to_owned(),
        );
    } else {
        all.push(
            "There is no comparator: only absolute rates with bounds are given, and nothing is tested.".to_owned(),
        );
    }
    if input.plan.kind == RunKind::Exploratory {
        all.push("The plan is exploratory: its differences suggest and confirm nothing.".to_owned());
    } else if input.manifest.cosigned_by.is_empty() {
        all.push(
            "That the plan was locked before the first answer is the word of whoever ran this: nobody else has signed \
             it."
            .to_owned(),
        );
    } else {
        all.push(format!(
            "That the plan was locked before the first answer is what {} cosigned; whether that is so is shown by the \
             bundle's proofs, not by this page.",
            list(&input.manifest.cosigned_by)
        ));
    }
    if comparisons.iter().any(|comparison| (1..PAIRS_FEW).contains(&comparison.clusters)) {
        all.push(format!(
            "Some comparisons have fewer than {PAIRS_FEW} independent pairs; their intervals are approximate."
        ));
    }
    all.extend(input.manifest.remarks.iter().cloned());
    all.extend(input.manifest.resumed.iter().map(|at| {
        format!("The assessment had been broken off and was gone on with at {at}; no finished sample was asked again.")
    }));
    all
}

/// Names in back-ticks.
fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
