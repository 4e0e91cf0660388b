//! Continuous batching: many sequences share the rows of each forward pass.
//!
//! Driven by a worker thread. A step's rows are filled first with the sequences that need one row to go on, then with
//! prompts, oldest first; a row's result depends only on its own sequence, so this order is free to change. Memory is
//! bounded by the number of slots, each with a preallocated cache.

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::LocalError;
use crate::forward::{Forward, ROWS, Row};
use crate::kv_cache::{KvCache, KvShape};
use crate::model::LocalModel;
use crate::sequence::{Prompt, Reply, Sequence};

/// A prompt and where its reply goes. Dropping the receiver cancels the sequence.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) prompt: Prompt,
    pub(crate) reply: oneshot::Sender<Result<Reply, LocalError>>,
    /// Where pieces of the text go as they become certain; the last ones come with the reply. A context bounds them.
    pub(crate) pieces: Option<UnboundedSender<String>>,
}

/// The sequences that one worker runs together.
#[derive(Debug)]
pub(crate) struct Batch {
    model: LocalModel,
    forward: Forward,
    /// One per slot, made when the slot is first needed.
    caches: Vec<KvCache>,
    free: Vec<usize>,
    /// In order of admission.
    active: Vec<Active>,
    slots: usize,
}

#[derive(Debug)]
struct Active {
    slot: usize,
    sequence: Sequence,
    reply: oneshot::Sender<Result<Reply, LocalError>>,
    pieces: Option<UnboundedSender<String>>,
}

impl Active {
    /// Hands on the text that became certain.
    fn tell(&mut self) {
        if let Some(pieces) = &self.pieces
            && let Some(text) = self.sequence.fresh_text()
        {
            // A receiver that is gone has cancelled; the next step drops the sequence.
            drop(pieces.send(text.to_owned()));
        }
    }
}

impl Batch {
    /// An empty batch of `slots` sequences.
    pub(crate) fn new(model: LocalModel, slots: usize) -> Self {
        let forward = Forward::new(model.clone());
        Self { model, forward, caches: Vec::new(), free: Vec::new(), active: Vec::new(), slots: slots.max(1) }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.active.len() >= self.slots
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Takes a sequence in; the batch must not be full.
    pub(crate) fn admit(&mut self, job: Job) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.caches.push(KvCache::new(KvShape::new(self.model.config(), self.model.context())));
            self.caches.len() - 1
        });
        let sequence = Sequence::new(self.model.clone(), job.prompt);
        self.active.push(Active { slot, sequence, reply: job.reply, pieces: job.pieces });
    }

    /// One forward pass over at most [`ROWS`] rows; sends the replies that it finished.
    pub(crate) fn step(&mut self) {
        self.drop_cancelled();
        let plan = self.plan();
        if plan.is_empty() {
            return;
        }
        let rows: Vec<Row> = plan.iter().flat_map(|(active, count)| self.rows_of(*active, *count)).collect();
        match self.forward.step(&mut self.caches, &rows) {
            Ok(()) => self.take_results(&plan),
            Err(error) => self.fail_all(&error),
        }
    }

    /// Which sequences get how many rows.
    fn plan(&self) -> Vec<(usize, usize)> {
        let mut left = ROWS;
        let mut plan = Vec::with_capacity(ROWS);
        let single = |active: &Active| active.sequence.pending().len() == 1;
        let going_on = (0..self.active.len()).filter(|n| single(&self.active[*n]));
        let prompts = (0..self.active.len()).filter(|n| !single(&self.active[*n]));
        for n in going_on.chain(prompts) {
            let count = self.active[n].sequence.pending().len().min(left);
            if count == 0 {
                break;
            }
            plan.push((n, count));
            left -= count;
        }
        plan
    }

    fn rows_of(&self, active: usize, count: usize) -> Vec<Row> {
        let Active { slot, sequence, .. } = &self.active[active];
        let pending = sequence.pending();
        let row = |(n, token): (usize, &u32)| Row {
            slot: *slot,
            position: sequence.position() + n,
            token: *token,
            wants_logits: sequence.wants_logits(n),
        };
        pending.iter().enumerate().take(count).map(row).collect()
    }

    fn take_results(&mut self, plan: &[(usize, usize)]) {
        let mut finished = Vec::new();
        let mut line = 0;
        for (n, count) in plan {
            let active = &mut self.active[*n];
            let wanted = (0..*count).filter(|place| active.sequence.wants_logits(*place)).count();
            let logits = (line..line + wanted).map(|line| self.forward.logits(line));
            match active.sequence.take(*count, logits) {
                Ok(None) => active.tell(),
                Ok(Some(reply)) => finished.push((*n, Ok(reply))),
                Err(error) => finished.push((*n, Err(error))),
            }
            line += wanted;
        }
        finished.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        for (n, result) in finished {
            let active = self.active.remove(n);
            self.free.push(active.slot);
            // A receiver that is gone has cancelled: nobody wants the reply.
            drop(active.reply.send(result));
        }
    }

    fn drop_cancelled(&mut self) {
        let free = &mut self.free;
        self.active.retain(|active| {
            let wanted = !active.reply.is_closed();
            if !wanted {
                free.push(active.slot);
            }
            wanted
        });
    }

    fn fail_all(&mut self, error: &LocalError) {
        for active in self.active.drain(..) {
            self.free.push(active.slot);
            drop(active.reply.send(Err(LocalError::Compute { what: error.to_string() })));
        }
    }
}
