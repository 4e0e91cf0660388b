//! Takes a run's events to its recorders, in a thread of its own: the loop that asks the model does not wait for a disk.
//!
//! Events that came meanwhile are taken as one group with one commit. An event comes back once every recorder holds
//! it; only then does it count. After a failure nothing is taken any more but the run's end.

use std::thread::JoinHandle;
use std::time::Duration;

use ph_record::{RecordError, Recorder, RunEvent, RunStatus};
use tokio::sync::mpsc;

/// The most events of a group.
const GROUP_MAX: usize = 256;
/// How long a group is waited for: a finished sample waits for nobody, so that few commits carry many.
const GATHER: Duration = Duration::from_millis(2);

/// The way to the recorders.
pub(super) struct Recording {
    events: Option<mpsc::UnboundedSender<RunEvent>>,
    kept: mpsc::UnboundedReceiver<Result<Vec<RunEvent>, RecordError>>,
    under_way: usize,
    thread: Option<JoinHandle<()>>,
}

/// The thread with the recorders has gone: a bug, or the machine has no room for a thread.
#[derive(Debug)]
pub(super) struct Gone(pub(super) String);

impl Recording {
    pub(super) fn begin(recorders: Vec<Box<dyn Recorder>>) -> Result<Self, Gone> {
        let (events, taken) = mpsc::unbounded_channel();
        let (keep, kept) = mpsc::unbounded_channel();
        let work = move || Recorders { recorders, has_failed: false }.keep(taken, &keep);
        let thread = std::thread::Builder::new().name("recorders".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Gone(format!("no thread for the recorders: {error}")))?;
        Ok(Self { events: Some(events), kept, under_way: 0, thread: Some(thread) })
    }

    /// Sends an event on its way.
    pub(super) fn send(&mut self, event: RunEvent) {
        self.under_way += 1;
        if let Some(events) = &self.events {
            // Where nobody takes it, `kept` says so.
            let _ = events.send(event);
        }
    }

    /// How many events are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// The next group that is kept, or why one could not be.
    pub(super) async fn kept(&mut self) -> Result<Result<Vec<RunEvent>, RecordError>, Gone> {
        match self.kept.recv().await {
            Some(Ok(group)) => {
                self.under_way = self.under_way.saturating_sub(group.len());
                Ok(Ok(group))
            }
            Some(Err(error)) => Ok(Err(error)),
            None => Err(self.gone()),
        }
    }

    fn gone(&mut self) -> Gone {
        let ended = self.thread.take().map(JoinHandle::join);
        let problem = match &ended {
            Some(Err(panic)) => crate::generate::panic_text(panic.as_ref()).to_owned(),
            _ => "its thread ended".to_owned(),
        };
        Gone(format!("a recorder panicked: {problem}"))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.events = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Lets a group gather. Waking for every sample would cost more than writing it does.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, which nobody cancels")]
fn gather() {
    std::thread::sleep(GATHER);
}

fn is_end(event: &RunEvent) -> bool {
    matches!(event, RunEvent::RunFinished(_))
}

/// An end that could not be kept comes once more, as that of a run that failed.
fn is_failed_end(event: &RunEvent) -> bool {
    matches!(event, RunEvent::RunFinished(manifest) if manifest.status == RunStatus::Error)
}

struct Recorders {
    recorders: Vec<Box<dyn Recorder>>,
    has_failed: bool,
}

impl Recorders {
    fn keep(
        mut self,
        mut events: mpsc::UnboundedReceiver<RunEvent>,
        kept: &mpsc::UnboundedSender<Result<Vec<RunEvent>, RecordError>>,
    ) {
        while let Some(first) = events.blocking_recv() {
            let is_sample = matches!(first, RunEvent::SampleFinished(_));
            let mut group = vec![first];
            if is_sample {
                gather();
            }
            while group.len() < GROUP_MAX
                && let Ok(event) = events.try_recv()
            {
                group.push(event);
            }
            if self.has_failed {
                self.end(&group);
            } else {
                let (refused, failure) = self.take(&mut group);
                self.has_failed = failure.is_some();
                if kept.send(Ok(group)).is_err() {
                    return;
                }
                let Some(failure) = failure else { continue };
                if kept.send(Err(failure)).is_err() {
                    return;
                }
                // The run's end may be what could not be kept, or come right after it: whoever waits for it is told.
                self.end(&refused);
                group = refused.into_iter().filter(is_end).collect();
            }
            if kept.send(Ok(group)).is_err() {
                return;
            }
        }
    }

    /// Keeps a group; where that fails, what of it is kept is left in it, and the rest comes back with the failure.
    fn take(&mut self, group: &mut Vec<RunEvent>) -> (Vec<RunEvent>, Option<RecordError>) {
        let mut failure = None;
        let mut refused = Vec::new();
        for at in 0..group.len() {
            let taken = self.recorders.iter_mut().try_for_each(|recorder| recorder.record(&group[at]));
            if let Err(error) = taken {
                failure = Some(error);
                refused = group.split_off(at);
                break;
            }
        }
        match self.recorders.iter_mut().try_for_each(|recorder| recorder.commit()) {
            Ok(()) => (refused, failure),
            Err(error) => {
                group.append(&mut refused);
                (std::mem::take(group), failure.or(Some(error)))
            }
        }
    }

    /// After a failure every recorder that still can keeps the run's end; the first failure is the one to be told.
    fn end(&mut self, group: &[RunEvent]) {
        for event in group.iter().filter(|event| is_failed_end(event)) {
            for recorder in &mut self.recorders {
                let _ = recorder.record(event).and_then(|()| recorder.commit());
            }
        }
    }
}
