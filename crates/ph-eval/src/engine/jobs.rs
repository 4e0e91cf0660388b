//! The samples of a round times their epochs, one after the other.

use ph_record::{Sample, SampleRound, TaskSourceError};
use serde_json::Value;

/// The most epochs that an item may ask for itself.
const ITEM_EPOCHS_MAX: u64 = 10_000;

/// One sample at one epoch, to be run.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) sample: Sample,
    pub(super) epoch: u32,
    pub(super) round: u32,
}

/// Gives out a round's jobs: all epochs of an item, then the next item.
pub(super) struct Jobs {
    samples: SampleRound,
    epochs: u32,
    round: u32,
    present: Option<(Sample, u32, u32)>,
}

impl Jobs {
    pub(super) fn new(samples: SampleRound, epochs: u32, round: u32) -> Self {
        Self { samples, epochs, round, present: None }
    }
}

impl Iterator for Jobs {
    type Item = Result<Job, TaskSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (sample, epoch, epochs) = match self.present.take() {
            Some(present) => present,
            None => match self.samples.next()? {
                Err(error) => return Some(Err(error)),
                Ok(sample) => match item_epochs(&sample, self.epochs) {
                    Err(error) => return Some(Err(error)),
                    Ok(epochs) => (sample, 1, epochs),
                },
            },
        };
        if epoch < epochs {
            self.present = Some((sample.clone(), epoch + 1, epochs));
        }
        Some(Ok(Job { sample, epoch, round: self.round }))
    }
}

/// An item whose metadata have `epochs` is asked that often.
fn item_epochs(sample: &Sample, epochs: u32) -> Result<u32, TaskSourceError> {
    let Some(own) = sample.metadata.get("epochs") else { return Ok(epochs) };
    // A CSV file has only texts.
    let number = own.as_u64().or_else(|| own.as_str().and_then(|text| text.parse().ok()));
    match number {
        Some(count @ 1..=ITEM_EPOCHS_MAX) => Ok(u32::try_from(count).unwrap_or(epochs)),
        _ => Err(not_epochs(sample, own)),
    }
}

fn not_epochs(sample: &Sample, own: &Value) -> TaskSourceError {
    let problem = format!("`metadata.epochs` is `{own}`, not a number from 1 to {ITEM_EPOCHS_MAX}");
    TaskSourceError::new(format!("item `{}`", sample.id), problem)
}
