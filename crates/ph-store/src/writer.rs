//! The one writer: a thread that runs many closures in one transaction, each in its own savepoint, commits once and only
//! then answers all of them. So the disk is waited for once per group and not once per caller.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rusqlite::{Connection, Savepoint, Transaction, TransactionBehavior};

use crate::StoreError;

/// The most closures of one transaction.
const GROUP_MAX: usize = 1024;
/// How many closures may wait; whoever comes then waits to be queued.
const QUEUE_MAX: usize = 4096;

/// What a closure handed to [`Store::write`](crate::Store::write) writes with.
pub struct Writing<'a> {
    pub(crate) savepoint: &'a Savepoint<'a>,
}

impl Writing<'_> {
    /// SQL of the caller's own, for projections. The transaction is the store's: a closure that ends it fails, and all
    /// of its group with it.
    #[must_use]
    pub fn sql(&self) -> &Connection {
        self.savepoint
    }
}

/// The way to the writing thread.
pub(crate) struct Writer {
    path: PathBuf,
    queue: Option<SyncSender<Box<dyn Job>>>,
    broken: Arc<OnceLock<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, path: &Path) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let broken = Arc::new(OnceLock::new());
        let group = Groups { connection, jobs, path: path.to_owned(), broken: broken.clone() };
        let thread = std::thread::Builder::new().name("ph-store writer".to_owned()).spawn(move || group.run())?;
        Ok(Self { path: path.to_owned(), queue: Some(queue), broken, thread: Some(thread) })
    }

    /// Runs `work` in the next transaction; returns when that is committed.
    pub(crate) fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = sync_channel(1);
        let job: Box<dyn Job> = Box::new(WriteJob { work, answer });
        let queued = self.queue.as_ref().is_some_and(|queue| queue.send(job).is_ok());
        let answered = if queued { answered.recv().ok() } else { None };
        answered.unwrap_or_else(|| Err(self.why_broken()))
    }

    fn why_broken(&self) -> StoreError {
        let why = self.broken.get().map_or("its writer ended", String::as_str).to_owned();
        StoreError::Broken { path: self.path.clone(), why }
    }
}

impl Drop for Writer {
    /// Waits until the file is closed, unless a closure was the last to let the store go.
    fn drop(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else { return };
        if thread.thread().id() != std::thread::current().id() {
            // A writer that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// A closure and whom to answer.
trait Job: Send {
    fn run(self: Box<Self>, writing: &mut Writing<'_>) -> Ran;
    fn refuse(self: Box<Self>, error: StoreError);
}

struct WriteJob<W, T> {
    work: W,
    answer: SyncSender<Result<T, StoreError>>,
}

/// How a closure went, and its answer, which waits for the commit.
struct Ran {
    verdict: Verdict,
    answer: Box<dyn FnOnce(Result<(), StoreError>)>,
}

enum Verdict {
    Wrote,
    Failed,
    /// The disk or the file is at fault.
    Fatal(String),
}

impl<T, W> Job for WriteJob<W, T>
where
    T: Send + 'static,
    W: FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send,
{
    fn run(self: Box<Self>, writing: &mut Writing<'_>) -> Ran {
        let Self { work, answer } = *self;
        let result = work(writing);
        let verdict = match &result {
            Ok(_) => Verdict::Wrote,
            Err(error) if error.is_fatal() => Verdict::Fatal(in_full(error)),
            Err(_) => Verdict::Failed,
        };
        // Whoever asked may be gone.
        let answer = move |committed: Result<(), StoreError>| {
            let _ = answer.send(match result {
                Ok(value) => committed.map(|()| value),
                Err(error) => Err(error),
            });
        };
        Ran { verdict, answer: Box::new(answer) }
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.answer.send(Err(error));
    }
}

struct Groups {
    connection: Connection,
    jobs: Receiver<Box<dyn Job>>,
    path: PathBuf,
    broken: Arc<OnceLock<String>>,
}

impl Groups {
    fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            match self.broken.get() {
                Some(why) => first.refuse(StoreError::Broken { path: self.path.clone(), why: why.clone() }),
                None => self.group(first),
            }
        }
    }

    /// One transaction: the first closure and whatever else waits by then.
    fn group(&mut self, first: Box<dyn Job>) {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => return refuse_to_begin(first, StoreError::Sql(error), &self.path, &self.broken),
        };
        let (answers, outcome) = run_group(transaction, first, &self.jobs);
        if let Err(why) = &outcome {
            let _ = self.broken.set(why.clone());
        }
        for answer in answers {
            answer(outcome.clone().map_err(|why| StoreError::Commit { path: self.path.clone(), why }));
        }
    }
}

fn refuse_to_begin(job: Box<dyn Job>, error: StoreError, path: &Path, broken: &OnceLock<String>) {
    if error.is_fatal() {
        let _ = broken.set(in_full(&error));
    }
    job.refuse(error.of_file(path));
}

type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

/// Runs closures until none waits; commits, unless the disk or the file was at fault.
fn run_group(
    mut transaction: Transaction<'_>,
    first: Box<dyn Job>,
    jobs: &Receiver<Box<dyn Job>>,
) -> (Vec<Answer>, Result<(), String>) {
    let mut answers = Vec::new();
    let mut next = Some(first);
    while let Some(job) = next {
        if let Err(why) = run_in_savepoint(&mut transaction, job, &mut answers) {
            return (answers, Err(why));
        }
        next = if answers.len() < GROUP_MAX { jobs.try_recv().ok() } else { None };
    }
    (answers, transaction.commit().map_err(|error| error.to_string()))
}

/// Runs one closure; what it wrote stays only if it succeeded. An error is one that the whole group shares.
fn run_in_savepoint(
    transaction: &mut Transaction<'_>,
    job: Box<dyn Job>,
    answers: &mut Vec<Answer>,
) -> Result<(), String> {
    let savepoint = match transaction.savepoint() {
        Ok(savepoint) => savepoint,
        Err(error) => {
            let why = error.to_string();
            job.refuse(StoreError::Sql(error));
            return Err(why);
        }
    };
    let Ran { verdict, answer } = job.run(&mut Writing { savepoint: &savepoint });
    answers.push(answer);
    if savepoint.is_autocommit() {
        return Err("a closure ended the transaction, or SQLite took it back".to_owned());
    }
    match verdict {
        Verdict::Wrote => savepoint.commit().map_err(|error| error.to_string()),
        // A savepoint that is not committed is rolled back.
        Verdict::Failed => savepoint.finish().map_err(|error| error.to_string()),
        Verdict::Fatal(why) => Err(why),
    }
}

/// An error with all its causes, in one line.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
