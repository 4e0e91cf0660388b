//! The recorder: cannot record = does not happen. Whoever asks for an entry goes on only once it is acknowledged, and it is
//! acknowledged only once it outlives a power cut.
//!
//! One thread writes. What waits for it when it is free goes in one group: the bodies first, then the entries, each synced
//! once. After a failure nothing more is recorded: what is on the disk then is known only to whoever opens the ledger anew.

use std::ops::Range;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use ph_base::Clock;
use ph_proof::commitment::Salt;
use ph_proof::entry::{body, leaf};
use ph_proof::event::{EventBody, EventError, LedgerEvent};
use ph_record::entry_store::{BodyStore, EntryStore, EntryStoreError, NewEntry};
use tokio::sync::oneshot;

use crate::record_file::error_chain;

/// Calls that may wait for the writer; further ones wait for a place, or are told so ([`RecorderError::Busy`]).
pub const QUEUE_MAX: usize = 4_096;
/// The longest event, in bytes of its canonical JSON.
pub const EVENT_BYTES_MAX: usize = 16 << 20;
/// Events that go in one group, unless a single call has more.
const GROUP_EVENTS_MAX: usize = 4_096;
/// Bytes of bodies after which a group is closed.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// Fills bytes with randomness that nobody can guess.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What a recorder writes to and draws from.
#[derive(Clone)]
pub struct RecorderSetup {
    /// Where entries go.
    pub entries: Arc<dyn EntryStore>,
    /// Where their bodies go, before them.
    pub bodies: Arc<dyn BodyStore>,
    /// Gives each event its time; one that jumps backwards is recorded as it is.
    pub clock: Arc<dyn Clock>,
    /// Gives each event its salt.
    pub random: Random,
}

/// Why an event was not recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecorderError {
    /// A store failed, now or earlier.
    #[error("nothing is recorded any more, because it failed: {why}")]
    Failed {
        /// The first failure.
        why: String,
    },
    /// The event cannot be written; others can.
    #[error("the event cannot be written")]
    Event(#[source] Arc<EventError>),
    /// The event is too long; others can be recorded.
    #[error("an event of {0} bytes is longer than {EVENT_BYTES_MAX}")]
    TooLong(usize),
    /// A call without events.
    #[error("there is no event to record")]
    Nothing,
    /// The queue is full.
    #[error("{QUEUE_MAX} calls wait to be recorded already")]
    Busy,
    /// The writer is gone.
    #[error("the recorder has ended")]
    Ended,
}

/// What became of a call: the indices of its events.
type Outcome = Result<Range<u64>, RecorderError>;
type Reply = Box<dyn FnOnce(Outcome) + Send>;

struct Call {
    events: Vec<EventBody>,
    reply: Reply,
}

/// Records events. Its calls may come from any thread; when it is dropped it records what waits, and ends.
pub struct LedgerRecorder {
    calls: Option<SyncSender<Call>>,
    writer: Option<JoinHandle<()>>,
    failed: Arc<OnceLock<String>>,
}

impl LedgerRecorder {
    /// Starts the writer.
    ///
    /// # Errors
    /// [`RecorderError::Failed`] where there can be no thread.
    pub fn start(setup: RecorderSetup) -> Result<Self, RecorderError> {
        let (calls, waiting) = mpsc::sync_channel(QUEUE_MAX);
        let failed = Arc::new(OnceLock::new());
        let writer = Writer { setup, failed: Arc::clone(&failed) };
        let writer = std::thread::Builder::new().name("ledger-recorder".to_owned()).spawn(move || writer.run(&waiting));
        let writer = writer.map_err(|error| RecorderError::Failed { why: error_chain(&error) })?;
        Ok(Self { calls: Some(calls), writer: Some(writer), failed })
    }

    /// Records events, all or none, one after the other; returns their indices once they outlive a power cut. Blocks.
    ///
    /// # Errors
    /// [`RecorderError`]; after [`RecorderError::Failed`] whether they are in the ledger shows when it is opened anew.
    pub fn record(&self, events: Vec<EventBody>) -> Outcome {
        let (reply, outcome) = mpsc::sync_channel(1);
        let reply: Reply = Box::new(move |found| drop(reply.send(found)));
        let Some(calls) = &self.calls else { return Err(RecorderError::Ended) };
        self.check(&events)?;
        calls.send(Call { events, reply }).map_err(|_| RecorderError::Ended)?;
        outcome.recv().unwrap_or(Err(RecorderError::Ended))
    }

    /// The same for async callers: what comes out of it is what [`Self::record`] returns. Does not block; where too many calls
    /// wait already the answer is [`RecorderError::Busy`].
    #[must_use = "the event is recorded only where this says so"]
    pub fn submit(&self, events: Vec<EventBody>) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        let reply: Reply = Box::new(move |found| drop(reply.send(found)));
        let refused = match (&self.calls, self.check(&events)) {
            (_, Err(error)) => Some((reply, error)),
            (None, _) => Some((reply, RecorderError::Ended)),
            (Some(calls), Ok(())) => match calls.try_send(Call { events, reply }) {
                Ok(()) => None,
                Err(TrySendError::Full(call)) => Some((call.reply, RecorderError::Busy)),
                Err(TrySendError::Disconnected(call)) => Some((call.reply, RecorderError::Ended)),
            },
        };
        if let Some((reply, error)) = refused {
            reply(Err(error));
        }
        outcome
    }

    fn check(&self, events: &[EventBody]) -> Result<(), RecorderError> {
        match self.failed.get() {
            Some(why) => Err(RecorderError::Failed { why: why.clone() }),
            None if events.is_empty() => Err(RecorderError::Nothing),
            None => Ok(()),
        }
    }
}

impl Drop for LedgerRecorder {
    fn drop(&mut self) {
        self.calls = None;
        if let Some(writer) = self.writer.take() {
            // A writer that ended early has told everybody who waited.
            let _ = writer.join();
        }
    }
}

struct Writer {
    setup: RecorderSetup,
    failed: Arc<OnceLock<String>>,
}

/// What goes to the disk together.
#[derive(Default)]
struct Group {
    bodies: Vec<Vec<u8>>,
    leaves: Vec<NewEntry>,
    bytes: usize,
    /// Whose the entries are, in order, with how many.
    replies: Vec<(Reply, u64)>,
}

impl Writer {
    fn run(&self, waiting: &Receiver<Call>) {
        while let Ok(call) = waiting.recv() {
            let mut group = Group::default();
            self.add(&mut group, call);
            while group.leaves.len() < GROUP_EVENTS_MAX && group.bytes < GROUP_BYTES_MAX {
                let Ok(call) = waiting.try_recv() else { break };
                self.add(&mut group, call);
            }
            self.write(group);
        }
    }

    /// Adds a call to the group, or answers it where its events cannot be recorded.
    fn add(&self, group: &mut Group, call: Call) {
        let sealed: Result<Vec<_>, _> = call.events.into_iter().map(|event| self.seal(event)).collect();
        match sealed {
            Err(error) => (call.reply)(Err(error)),
            Ok(sealed) => {
                group.replies.push((call.reply, sealed.len() as u64));
                for (entry, body) in sealed {
                    group.bytes += body.len();
                    group.leaves.push(entry);
                    group.bodies.push(body);
                }
            }
        }
    }

    /// An entry that lacks its body's name, and its body.
    fn seal(&self, event: EventBody) -> Result<(NewEntry, Vec<u8>), RecorderError> {
        let at = self.setup.clock.now();
        let event = LedgerEvent::new(at, event).to_bytes().map_err(|error| RecorderError::Event(Arc::new(error)))?;
        if event.len() > EVENT_BYTES_MAX {
            return Err(RecorderError::TooLong(event.len()));
        }
        let mut salt = [0; 32];
        (self.setup.random)(&mut salt);
        let salt = Salt(salt);
        let name = ph_record::entry_store::BodyId(ph_base::Digest::from_bytes([0; 32]));
        Ok((NewEntry { at, leaf: leaf(&salt, &event).to_vec(), body: name }, body(&salt, &event)))
    }

    fn write(&self, group: Group) {
        let Group { bodies, leaves, replies, .. } = group;
        let kept = match self.failed.get() {
            Some(why) => Err(RecorderError::Failed { why: why.clone() }),
            None if leaves.is_empty() => return,
            None => self.keep(&bodies, leaves).map_err(|error| {
                let why = self.failed.get_or_init(|| error_chain(&error)).clone();
                RecorderError::Failed { why }
            }),
        };
        match kept {
            Err(error) => replies.into_iter().for_each(|(reply, _)| reply(Err(error.clone()))),
            Ok(mut next) => {
                for (reply, count) in replies {
                    reply(Ok(next..next + count));
                    next += count;
                }
            }
        }
    }

    fn keep(&self, bodies: &[Vec<u8>], mut leaves: Vec<NewEntry>) -> Result<u64, EntryStoreError> {
        let names = self.setup.bodies.keep(bodies)?;
        for (entry, name) in leaves.iter_mut().zip(names) {
            entry.body = name;
        }
        self.setup.entries.append(&leaves)
    }
}
