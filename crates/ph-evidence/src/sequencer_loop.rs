//! A sequencer that goes on by itself: for a server, whose entries are in the tree within a second of their commit.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::record_file::error_chain;
use crate::sequencer::{Sequencer, SequencerError};

/// The longest that an entry waits before it is brought into the tree.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// The thread. When it is dropped it brings in what is committed, and ends.
pub struct SequencerLoop {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl SequencerLoop {
    /// Starts it. It tries again after a failure: nothing is signed that contradicts what was.
    ///
    /// # Errors
    /// [`std::io::Error`] where there can be no thread.
    pub fn start(mut sequencer: Sequencer) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::sync_channel(1);
        let failure = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failure);
        let run = move || loop {
            let is_last = !matches!(stopped.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout));
            let failed = sequencer.integrate().err().map(|error: SequencerError| error_chain(&error));
            *told.lock().unwrap_or_else(PoisonError::into_inner) = failed;
            if is_last {
                return;
            }
        };
        let thread = std::thread::Builder::new().name("ledger-sequencer".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), failure })
    }

    /// Why the last attempt failed; none where it did not.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for SequencerLoop {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that ended has nothing to say.
            let _ = thread.join();
        }
    }
}
