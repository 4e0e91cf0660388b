//! The treatment at work: what a row counts as in a measure, which rows a treatment touches, and what every other
//! treatment would be called.
//!
//! Where several kinds fit one sample the first of errors, cheated, limit, refusal decides that is not `as-scored`. Access
//! that was cut is never scored, and neither is what somebody labelled void: no treatment reaches either.

use ph_record::{Ending, FaultDirection, Response, Treated, TreatedKind, Treatment};
use serde::{Deserialize, Serialize};

use crate::input::Run;
use crate::measure::Measure;
use crate::run_table::{Row, RunTable};

/// The order in which kinds decide, and in which other treatments are printed.
const ORDER: [TreatedKind; 4] = [TreatedKind::Errors, TreatedKind::Cheated, TreatedKind::Limit, TreatedKind::Refusal];

/// How one kind of sample is treated, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TreatmentUse {
    /// The kind.
    pub kind: TreatedKind,
    /// How its samples count.
    pub how: Treated,
    /// How they count where nobody asks for another treatment.
    pub default: Treated,
    /// Samples × epochs of this kind, void ones left out.
    pub samples: u64,
}

/// What a row is in a measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// It counts with this value.
    Value(f64),
    /// It ended in an error, and is left out.
    Error,
    /// The treatment leaves it out.
    Excluded,
    /// No scorer gave a number.
    Unscored,
}

impl Fate {
    pub(crate) fn value(self) -> Option<f64> {
        match self {
            Fate::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// The treatment that a run was made to be counted under; the default where it was made for none.
#[must_use]
pub fn own_treatment(run: &Run) -> Treatment {
    run.manifest.origin.as_ref().and_then(|origin| origin.treatment).unwrap_or_default()
}

/// What a row is in a measure under this treatment. Where the ends of the scale are not known what would count as the
/// fault or as no fault is left out.
pub(crate) fn fate(treatment: &Treatment, measure: &Measure, row: &Row) -> Fate {
    let score = row.score(&measure.score);
    let scored = score.map_or(Fate::Unscored, Fate::Value);
    if is_cut(row) {
        return Fate::Error;
    }
    let decides = |kind: &TreatedKind| is_of(row, *kind) && reaches(*kind, treatment.of(*kind), (measure, score));
    let how = ORDER.into_iter().find(decides).map(|kind| treatment.of(kind));
    match how {
        Some(Treated::Fail) => measure.worst().map_or_else(|| left_out(row), Fate::Value),
        Some(Treated::Success) => measure.best().map_or_else(|| left_out(row), Fate::Value),
        Some(Treated::Exclude) => left_out(row),
        Some(Treated::AsScored) | None if row.error.is_some() => Fate::Error,
        Some(Treated::AsScored) | None => scored,
    }
}

/// What becomes of a row that does not count.
fn left_out(row: &Row) -> Fate {
    if row.error.is_some() { Fate::Error } else { Fate::Excluded }
}

/// Access was cut: resumable, never scored.
fn is_cut(row: &Row) -> bool {
    row.ending == Ending::ACCESS_CUT
}

fn is_of(row: &Row, kind: TreatedKind) -> bool {
    match kind {
        TreatedKind::Errors => row.error.is_some() && !is_cut(row),
        TreatedKind::Cheated => row.cheated,
        TreatedKind::Limit => row.ending == "limit",
        TreatedKind::Refusal => row.response == Some(Response::ModelRefusal),
    }
}

/// Whether a treatment decides what a sample is in a measure in which it got `score`.
fn reaches(kind: TreatedKind, how: Treated, (measure, score): (&Measure, Option<f64>)) -> bool {
    if how == Treated::AsScored {
        return false;
    }
    match kind {
        TreatedKind::Errors | TreatedKind::Limit => true,
        // A scorer that gave nothing does not judge this sample; leaving it out leaves nothing out.
        TreatedKind::Cheated => score.is_some(),
        // A score that says itself whether the target refused stays as it is. And where a measure counts what a target
        // does wrong a refusal is no failure.
        TreatedKind::Refusal => {
            let is_judged = how == Treated::Exclude || measure.fault != Some(FaultDirection::Higher);
            score.is_some() && !measure.scores_refusal && is_judged
        }
    }
}

/// How every kind is treated, and how many samples of it a table has.
pub(crate) fn uses(treatment: &Treatment, table: &RunTable) -> Vec<TreatmentUse> {
    let count = |kind| table.rows().filter(|(_, row)| !row.void && is_of(row, kind)).count() as u64;
    let one = |kind| TreatmentUse {
        kind,
        how: treatment.of(kind),
        default: Treatment::default().of(kind),
        samples: count(kind),
    };
    TreatedKind::ALL.map(one).to_vec()
}

/// The uses of several runs together.
pub(crate) fn total(uses: impl Iterator<Item = TreatmentUse>) -> Vec<TreatmentUse> {
    let mut total: Vec<TreatmentUse> = Vec::new();
    for one in uses {
        match total.iter_mut().find(|sum| sum.kind == one.kind) {
            Some(sum) => sum.samples += one.samples,
            None => total.push(one),
        }
    }
    total
}

/// A treatment that differs from another in one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Other {
    pub(crate) kind: TreatedKind,
    pub(crate) how: Treated,
    pub(crate) treatment: Treatment,
}

/// Every treatment that differs from this one in one kind and means something in the measure.
pub(crate) fn others(treatment: &Treatment, measure: &Measure) -> impl Iterator<Item = Other> + use<> {
    let (treatment, has_ends) = (*treatment, measure.worst().is_some());
    let means_something = move |how: Treated| has_ends || !matches!(how, Treated::Fail | Treated::Success);
    ORDER.into_iter().flat_map(move |kind| {
        let differs = move |how: &Treated| *how != treatment.of(kind) && means_something(*how);
        let hows = kind.choices().iter().copied().filter(differs);
        hows.map(move |how| Other { kind, how, treatment: treatment.with(kind, how) })
    })
}

impl Other {
    /// As the command line has it.
    pub(crate) fn flag(&self) -> String {
        format!("{}={}", self.kind, self.how)
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let samples = match self.kind {
            TreatedKind::Errors => "errors",
            TreatedKind::Cheated => "cheated",
            TreatedKind::Limit => "limits met",
            TreatedKind::Refusal => "model refusals",
        };
        let how = match self.how {
            Treated::Fail => "counted as the fault",
            Treated::Success => "counted as no fault",
            Treated::Exclude => "left out",
            Treated::AsScored => "as scored",
        };
        format!("{samples} {how}")
    }
}

#[cfg(test)]
mod tests {
    use ph_record::{Label, LabelKind, LimitKind, RecordedError};

    use super::*;
    use crate::test_records::{RecordSketch, run, task};

    /// A sample with this ending, response, label and score, under this treatment, in a measure with this fault.
    fn check(
        (ending, response, cheated): (&str, Option<Response>, bool),
        (treated, fault): (&str, FaultDirection),
        wanted: Fate,
    ) {
        let mut task = task();
        task.analysis.measures[0].fault = fault;
        let mut record = RecordSketch::scored("a", 0.25).record();
        record.response = response;
        record.ending = match ending {
            "completed" => Ending::Completed,
            "limit" => Ending::Limit { limit: LimitKind::Token, value: None },
            "cut" => Ending::AccessCut(RecordedError::new("x", "y")),
            "grader" => Ending::GraderError(RecordedError::new("x", "y")),
            _ => Ending::ProviderError(RecordedError::new("x", "y")),
        };
        if cheated {
            let (by, reason, at) = ("me".to_owned(), "r".to_owned(), ph_base::Timestamp(1));
            record.labels.push(Label { kind: LabelKind::Cheated, by, reason, at });
        }
        let mut table = RunTable::new(&task);
        table.observe(&record);
        let parts = treated.split_whitespace().map(|part| part.parse::<ph_record::TreatmentPart>().unwrap());
        let treatment = parts.fold(Treatment::default(), |sum, part| sum.with(part.kind, part.how));
        let measure = Measure::of_task(&task).remove(0);
        let row = table.rows().next().unwrap().1;
        assert_eq!(fate(&treatment, &measure, row), wanted, "{ending} {response:?} {cheated} {treated}");
    }

    const LOWER: FaultDirection = FaultDirection::Lower;
    const HIGHER: FaultDirection = FaultDirection::Higher;
    const SCORED: Fate = Fate::Value(0.25);

    #[test]
    fn by_default_cheated_samples_fail_errors_are_left_out_and_the_rest_counts_as_scored() {
        let refused = Some(Response::ModelRefusal);
        check(("completed", None, false), ("", LOWER), SCORED);
        check(("completed", None, true), ("", LOWER), Fate::Value(0.0));
        check(("completed", None, true), ("", HIGHER), Fate::Value(1.0));
        check(("limit", None, false), ("", LOWER), SCORED);
        check(("completed", refused, false), ("", LOWER), SCORED);
        check(("provider", None, false), ("", LOWER), Fate::Error);
    }

    #[test]
    fn every_treatment_does_what_it_says() {
        let refused = Some(Response::ModelRefusal);
        check(("completed", None, true), ("cheated=success", LOWER), Fate::Value(1.0));
        check(("completed", None, true), ("cheated=exclude", LOWER), Fate::Excluded);
        check(("limit", None, false), ("limit=fail", LOWER), Fate::Value(0.0));
        check(("limit", None, false), ("limit=exclude", LOWER), Fate::Excluded);
        check(("completed", refused, false), ("refusal=fail", LOWER), Fate::Value(0.0));
        check(("completed", refused, false), ("refusal=success", LOWER), Fate::Value(1.0));
        check(("completed", refused, false), ("refusal=exclude", LOWER), Fate::Excluded);
        check(("provider", None, false), ("errors=fail", LOWER), Fate::Value(0.0));
        check(("provider", None, false), ("errors=fail", HIGHER), Fate::Value(1.0));
        check(("grader", None, false), ("errors=exclude", LOWER), Fate::Error);
    }

    #[test]
    fn where_several_fit_the_first_decides() {
        let refused = Some(Response::ModelRefusal);
        check(("provider", refused, true), ("errors=exclude refusal=fail", LOWER), Fate::Error);
        check(("limit", refused, true), ("cheated=exclude limit=fail", LOWER), Fate::Excluded);
        check(("limit", refused, false), ("refusal=exclude", LOWER), Fate::Excluded);
    }

    #[test]
    fn no_treatment_reaches_a_cut_nor_takes_a_block_for_a_refusal() {
        for treated in ["errors=fail", "limit=fail", "cheated=success", "refusal=fail"] {
            check(("cut", Some(Response::ModelRefusal), true), (treated, LOWER), Fate::Error);
        }
        check(("completed", Some(Response::SafeguardBlock), false), ("refusal=fail", LOWER), SCORED);
        check(("completed", Some(Response::ModelRefusal), false), ("refusal=fail", HIGHER), SCORED);
    }

    #[test]
    fn what_a_treatment_touches_is_counted() {
        let mut sketches = vec![RecordSketch::scored("a", 1.0), RecordSketch::failed("b"), RecordSketch::failed("c")];
        sketches[0].metadata = serde_json::json!({});
        let run = run("m", &task(), &sketches);
        let uses = uses(&Treatment::default(), &run.table);
        let counts: Vec<_> = uses.iter().map(|one| (one.kind.name(), one.how.name(), one.samples)).collect();
        let wanted =
            [("cheated", "fail", 0), ("refusal", "as-scored", 0), ("errors", "exclude", 2), ("limit", "as-scored", 0)];
        assert_eq!(counts, wanted);
    }

    #[test]
    fn others_are_all_that_differ_in_one_kind() {
        let measure = Measure::of_task(&task()).remove(0);
        let flags: Vec<String> = others(&Treatment::default(), &measure).map(|other| other.flag()).collect();
        let wanted = [
            "errors=fail",
            "cheated=success",
            "cheated=exclude",
            "limit=fail",
            "limit=exclude",
            "refusal=fail",
            "refusal=success",
            "refusal=exclude",
        ];
        assert_eq!(flags, wanted);
        let graded = Measure { own_unit: true, ..measure };
        let flags: Vec<String> = others(&Treatment::default(), &graded).map(|other| other.flag()).collect();
        assert_eq!(flags, ["cheated=exclude", "limit=exclude", "refusal=exclude"], "a grade has no known ends");
    }
}
