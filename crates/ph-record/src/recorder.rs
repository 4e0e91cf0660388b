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
    },
    /// A sample at an epoch is finished. It counts once every recorder has taken it.
    SampleFinished(Arc<SampleRecord>),
    /// The run has ended, whichever way; the manifest says which.
    RunFinished(Arc<RunManifest>),
}

/// Takes a run's events and holds them: when `record` returns, the event is kept.
///
/// Cannot record = does not happen: after an error the engine sends nothing more to the target and ends the run.
pub trait Recorder: Send {
    /// Keeps one event.
    ///
    /// # Errors
    /// [`RecordError`] where it could not be kept.
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError>;
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
