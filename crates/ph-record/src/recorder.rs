//! The one event stream of a run, and who must hold it.

use std::sync::Arc;

use crate::run::RunManifest;
use crate::sample_record::SampleRecord;

/// What happens in a run, in the order in which it counts. Console, journal, log and evidence all read this stream.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// The run begins; nothing has been sent yet.
    RunStarted(Arc<RunManifest>),
    /// A round of samples is known: its number from 0 and its size (samples × epochs), where known.
    RoundStarted {
        /// The round.
        round: u32,
        /// Samples × epochs.
        samples: Option<u64>,
        /// How many of them were finished before the run was gone on with.
        finished: u64,
    },
    /// The run's limits were changed while it is under way; the manifest says how.
    LimitsChanged(Arc<RunManifest>),
    /// A sample at an epoch is finished. It counts once every recorder has taken it.
    SampleFinished(Arc<SampleRecord>),
    /// The run has ended, whichever way; the manifest says which.
    RunFinished(Arc<RunManifest>),
}

/// Takes a run's events and holds them: when `commit` returns, what was recorded before it is kept, whatever happens to
/// the machine. Events come in groups, each followed by one `commit`.
///
/// Cannot record = does not happen: after an error the engine sends nothing more to the target and ends the run.
pub trait Recorder: Send {
    /// Takes one event.
    ///
    /// # Errors
    /// [`RecordError`] where it cannot be kept.
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError>;

    /// Keeps every event taken so far. A recorder that keeps each at once needs none.
    ///
    /// # Errors
    /// [`RecordError`] where they could not be kept; none of those since the last `commit` counts.
    fn commit(&mut self) -> Result<(), RecordError> {
        Ok(())
    }
}

/// An event could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot record to `{place}`")]
pub struct RecordError {
    /// Where it should have been kept.
    pub place: String,
    /// Why it could not.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
