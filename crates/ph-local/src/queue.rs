//! Requests on their way to the workers.
//!
//! Filled by the runtime, emptied by its workers. It holds prompts only, no caches: a request that waits costs its tokens.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::batch::Job;

/// What a worker got when it asked for work.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A request.
    Job(Box<Job>),
    /// Nothing waits now.
    Nothing,
    /// The runtime was dropped: finish nothing, end.
    Closed,
}

/// A queue shared by the runtime and its workers.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// Adds a request; dropped, and with it its receiver told, when the queue is closed.
    pub(crate) fn put(&self, job: Job) {
        let mut state = self.lock();
        if !state.closed {
            state.jobs.push_back(job);
            self.changed.notify_one();
        }
    }

    /// The oldest request that is still wanted; waits for one only if `wait`.
    pub(crate) fn take(&self, wait: bool) -> Taken {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Taken::Closed;
            }
            while let Some(job) = state.jobs.pop_front() {
                if !job.reply.is_closed() {
                    return Taken::Job(Box::new(job));
                }
            }
            if !wait {
                return Taken::Nothing;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the runtime was dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends the workers and drops what waits.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
        self.changed.notify_all();
    }

    /// A worker that panicked leaves the queue as it was between two operations, so it stays usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
