//! What an external grader said, from the record of a run: a replay takes it from there and starts nothing. A grader is
//! an outside part like a model, and the commands of a record from elsewhere are nobody's here to run.

use std::sync::Arc;

use async_trait::async_trait;
use ph_record::{Sample, SampleRecord, Score, ScoreValue};
use serde_json::Value;

use super::placed::inverted;
use super::{Scorer, ScorerError, Subject};
use crate::role::RoleAsker;

/// Where what external graders said of the present sample is read.
pub trait RecordedGrades: Send + Sync {
    /// What the grader at this place said: the label of the scorer, then those within it.
    ///
    /// # Errors
    /// What it failed on.
    fn grade(&self, place: &[String]) -> Result<Score, String>;
}

/// The place of a scorer in its task.
#[derive(Debug, Clone, Default)]
pub(super) struct ScorerPlace {
    /// The label of the scorer, then those within it.
    pub(super) labels: Vec<String>,
    /// Whether the last of them inverts its scores; the recorded ones are inverted already.
    pub(super) inverts: bool,
}

/// An external grader that was asked once and is not asked again.
pub(super) struct Recorded {
    grades: Arc<dyn RecordedGrades>,
    place: ScorerPlace,
}

impl Recorded {
    pub(super) fn new(grades: Arc<dyn RecordedGrades>, place: ScorerPlace) -> Self {
        Self { grades, place }
    }
}

#[async_trait]
impl Scorer for Recorded {
    async fn score(&self, _: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let score = self.grades.grade(&self.place.labels).map_err(ScorerError)?;
        if !self.place.inverts {
            return Ok(score);
        }
        // Whoever asks inverts it once more.
        Ok(Score { value: inverted(&score.value)?, ..score })
    }

    fn check(&self, _: &[String], _: &Sample) -> Result<(), ScorerError> {
        Ok(())
    }
}

/// What the grader at `place` said of this sample; `failure` is the message of the scorer that holds it, where that
/// failed.
pub(crate) fn grade_in(record: &SampleRecord, failure: Option<&str>, place: &[String]) -> Result<Score, String> {
    let (label, within) = place.split_first().ok_or("a scorer has no label")?;
    if let Some(score) = record.scores.get(label) {
        let parts = |score: Option<Score>, label: &String| {
            let part = score?.metadata.get("scores")?.get(label)?.clone();
            serde_json::from_value::<Score>(part).ok()
        };
        let score = within.iter().fold(Some(score.clone()), parts);
        return score.ok_or_else(|| "the record has no score of this grader".to_owned());
    }
    let failure = failure.ok_or("the record has no score of this grader")?;
    let mut own = failure.strip_prefix(&format!("scorer `{label}`: ")).unwrap_or(failure);
    for label in within {
        match own.strip_prefix(&format!("`{label}`: ")) {
            Some(rest) => own = rest,
            // Another part of the scorer failed. What this one said is not known, and makes no difference.
            None => return Ok(of_value(own, label)),
        }
    }
    Err(own.to_owned())
}

/// Any score; one that is no number where that is what was wrong with it.
fn of_value(failure: &str, label: &str) -> Score {
    let is_no_number = failure == format!("the score of `{label}` is not a number");
    let value = if is_no_number { ScoreValue::Text("?".to_owned()) } else { ScoreValue::incorrect() };
    Score { value, answer: None, explanation: None, metadata: serde_json::Map::<String, Value>::new() }
}
