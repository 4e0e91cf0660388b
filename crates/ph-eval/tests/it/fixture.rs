//! Tasks, models and recorders made to order.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ph_base::{Clock, RunId, Timestamp};
use ph_eval::{Cancellation, Door, NoGenerators, RunError, RunRequest, TaskPlace, load_task, run};
use ph_model::{Message, ModelApi, ModelError, ModelOutput, ModelReply, ModelRequest, StopReason, TargetName, Usage};
use ph_record::{RecordError, Recorder, RunEvent, RunKind, RunManifest, SampleRecord, TaskSource};

/// Stands still, so that records can be compared whole.
pub(crate) struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp(1_000)
    }
}

pub(crate) fn place(files: &[(&str, &str)]) -> TaskPlace {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), Cow::Owned(text.as_bytes().to_vec()));
    TaskPlace::embedded("task", files.iter().map(owned))
}

pub(crate) fn task(toml: &str, items: &str) -> Arc<dyn TaskSource> {
    load_task(&place(&[("task.toml", toml), ("items.jsonl", items)]), &NoGenerators)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A task that asks `n` items `item-1` … for their number.
pub(crate) fn counting_task(n: usize) -> Arc<dyn TaskSource> {
    let items: String =
        (1..=n).map(|k| format!("{{\"id\":\"item-{k}\",\"input\":\"say {k}\",\"target\":\"{k}\"}}\n")).collect();
    task("name = \"count\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\n", &items)
}

type Script = dyn Fn(&ModelRequest) -> Result<ModelOutput, ModelError> + Send + Sync;

/// Answers by a function, yields to other samples first, and counts its calls.
pub(crate) struct Fake {
    target: TargetName,
    script: Box<Script>,
    pub(crate) calls: AtomicUsize,
    pub(crate) under_way: AtomicUsize,
    pub(crate) under_way_max: AtomicUsize,
}

impl Fake {
    pub(crate) fn new(
        script: impl Fn(&ModelRequest) -> Result<ModelOutput, ModelError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::at("reference/fake", script)
    }

    /// The same as a target of this name.
    pub(crate) fn at(
        target: &str,
        script: impl Fn(&ModelRequest) -> Result<ModelOutput, ModelError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Self {
            target: target.parse().unwrap(),
            script: Box::new(script),
            calls: zero(),
            under_way: zero(),
            under_way_max: zero(),
        })
    }

    /// Says the last word of the prompt.
    pub(crate) fn echo() -> Arc<Self> {
        Self::new(|request| Ok(output(last_word(request))))
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

pub(crate) fn last_word(request: &ModelRequest) -> String {
    let text = request.messages.last().map(Message::text).unwrap_or_default();
    text.split_whitespace().last().unwrap_or_default().to_owned()
}

pub(crate) fn output(text: impl Into<String>) -> ModelOutput {
    ModelOutput {
        model: "fake".to_owned(),
        message: Message::assistant(text.into()),
        stop_reason: StopReason::Stop,
        usage: Some(Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() }),
        logprobs: None,
    }
}

#[async_trait]
impl ModelApi for Fake {
    fn target(&self) -> &TargetName {
        &self.target
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.under_way_max.fetch_max(now, Ordering::SeqCst);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        (self.script)(request).map(ModelReply::new)
    }
}

/// Keeps every event in memory.
#[derive(Clone, Default)]
pub(crate) struct Kept(pub(crate) Arc<Mutex<Vec<RunEvent>>>);

impl Kept {
    pub(crate) fn records(&self) -> Vec<Arc<SampleRecord>> {
        let events = self.0.lock().unwrap();
        let records = events.iter().filter_map(|event| match event {
            RunEvent::SampleFinished(record) => Some(record.clone()),
            _ => None,
        });
        let mut records: Vec<_> = records.collect();
        records.sort_by(|a, b| (&a.sample, a.epoch).cmp(&(&b.sample, b.epoch)));
        records
    }

    pub(crate) fn record_of(&self, sample: &str) -> Arc<SampleRecord> {
        self.records().into_iter().find(|record| record.sample == sample).unwrap()
    }

    pub(crate) fn finished(&self) -> Option<Arc<RunManifest>> {
        self.0.lock().unwrap().iter().find_map(|event| match event {
            RunEvent::RunFinished(manifest) => Some(manifest.clone()),
            _ => None,
        })
    }
}

impl Recorder for Kept {
    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

/// Fails at the `n`-th event (from 1) and at every one after it.
pub(crate) struct FailsAt {
    pub(crate) n: usize,
    pub(crate) seen: usize,
}

impl Recorder for FailsAt {
    fn record(&mut self, _: &RunEvent) -> Result<(), RecordError> {
        self.seen += 1;
        if self.seen < self.n {
            return Ok(());
        }
        Err(RecordError { place: "nowhere".to_owned(), source: "full".into() })
    }
}

pub(crate) fn run_id() -> RunId {
    RunId::new(Timestamp(5), [3; 10])
}

/// A door with so many places, every attempt the only one.
pub(crate) fn door(model: Arc<dyn ModelApi>, connections: u32) -> Arc<Door> {
    Door::plain(model, connections, Arc::new(Frozen))
}

pub(crate) fn request(task: Arc<dyn TaskSource>, model: Arc<dyn ModelApi>) -> RunRequest {
    RunRequest {
        id: run_id(),
        plan: None,
        kind: RunKind::Exploratory,
        task,
        door: door(model, 4),
        clock: Arc::new(Frozen),
        seed: 11,
        limit: None,
        epochs: None,
        asked: None,
        earlier: None,
        sandbox_retries: 0,
        chain: None,
        context: None,
        tuning: None,
        meter: ph_eval::Meter::default(),
        roles: ph_eval::Roles::default(),
        cancellation: Cancellation::default(),
    }
}

/// Runs to the end, keeping everything.
pub(crate) async fn run_kept(request: RunRequest) -> (Result<RunManifest, RunError>, Kept) {
    let kept = Kept::default();
    let result = run(request, vec![Box::new(kept.clone())], &mut []).await;
    (result, kept)
}
