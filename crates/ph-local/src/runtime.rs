//! A loaded model as a [`ModelApi`]: worker threads own the forward passes, callers wait on channels.
//!
//! Used by the engine through the trait. Dropping the runtime stops the workers; dropping a call's future cancels its
//! sequence at the next step. It never retries and never shortens a prompt.

use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use ph_base::Digest;
use ph_model::{
    CompletionApi, Message, ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelReply, ModelRequest, OutputChunk,
    OutputSink, Role, StopReason, TargetName, TokenAlternative, TokenLogprob, ToolChoice, ToolDefinition, Usage,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::LocalError;
use crate::batch::{Batch, Job};
use crate::forward::single_threaded;
use crate::kv_cache::KvShape;
use crate::model::LocalModel;
use crate::queue::{Queue, Taken};
use crate::sampler::{Scored, Settings};
use crate::sequence::{Prompt, Reply};
use crate::tool_call::{self, TextBesideCalls};

/// How a model is run.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// The target's name as the plan has it.
    pub target: TargetName,
    /// Sequences that a worker runs together; a forward pass has 16 rows, so 16 fill it.
    pub batch: usize,
    /// Worker threads. A reply does not depend on their number.
    pub workers: usize,
    /// Bytes that all caches of keys and values together may take; fewer sequences run together where it is short.
    pub kv_bytes_max: u64,
}

impl RuntimeOptions {
    /// One worker, 16 sequences, 1 GiB of caches.
    #[must_use]
    pub fn new(target: TargetName) -> Self {
        Self { target, batch: 16, workers: 1, kv_bytes_max: 1 << 30 }
    }
}

/// A running model.
#[derive(Debug)]
pub struct LocalRuntime {
    model: LocalModel,
    target: TargetName,
    queue: Arc<Queue>,
    workers: Vec<JoinHandle<()>>,
}

impl LocalRuntime {
    /// Starts the workers.
    ///
    /// # Errors
    /// When a thread cannot be started or not even one sequence's cache fits `kv_bytes_max`.
    pub fn start(model: LocalModel, options: RuntimeOptions) -> Result<Self, LocalError> {
        let workers = options.workers.max(1);
        let slots = slots_per_worker(&model, &options, workers)?;
        let mut runtime = Self {
            model,
            target: options.target,
            queue: Arc::new(Queue::default()),
            workers: Vec::with_capacity(workers),
        };
        for n in 0..workers {
            let (model, queue) = (runtime.model.clone(), Arc::clone(&runtime.queue));
            let worker = std::thread::Builder::new()
                .name(format!("model-worker-{n}"))
                .spawn(move || work(&model, &queue, slots))
                .map_err(|error| LocalError::Worker { what: format!("could not start: {error}") })?;
            runtime.workers.push(worker);
        }
        Ok(runtime)
    }

    /// The model that runs.
    #[must_use]
    pub fn model(&self) -> &LocalModel {
        &self.model
    }

    /// Digest over the model's files.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        self.model.fingerprint()
    }

    /// The prompt's tokens and checked settings of a request.
    async fn prepare(&self, request: &ModelRequest, tools: &[ToolDefinition]) -> Result<Prompt, LocalError> {
        let settings = Settings::new(&request.config, self.model.config().sampling)?;
        let tokens = self.model.prompt(&request.messages, tools).await?;
        Ok(Prompt { tokens, settings, scores_prompt: false, streams: false })
    }

    fn output(&self, reply: &Reply, calls_before: usize, has_tools: bool) -> ModelOutput {
        let (text, calls) =
            if has_tools { tool_call::split(&reply.text, calls_before) } else { (reply.text.clone(), Vec::new()) };
        let calls_tools = !calls.is_empty() && reply.stop == StopReason::Stop;
        let logprobs: Vec<TokenLogprob> = reply.scores.iter().map(|scored| self.logprob(scored)).collect();
        ModelOutput {
            model: self.target.to_string(),
            message: Message { tool_calls: calls, ..Message::new(Role::Assistant, text) },
            stop_reason: if calls_tools { StopReason::ToolCalls } else { reply.stop },
            usage: Some(Usage {
                input_tokens: reply.prompt_tokens as u64,
                output_tokens: reply.generated_tokens as u64,
                ..Usage::default()
            }),
            logprobs: (!logprobs.is_empty()).then_some(logprobs),
        }
    }

    fn logprob(&self, scored: &Scored) -> TokenLogprob {
        TokenLogprob { chosen: self.alternative((scored.token, scored.logprob)), top: self.alternatives(&scored.top) }
    }

    pub(crate) fn alternatives(&self, scored: &[(u32, f64)]) -> Vec<TokenAlternative> {
        scored.iter().map(|scored| self.alternative(*scored)).collect()
    }

    fn alternative(&self, (token, logprob): (u32, f64)) -> TokenAlternative {
        TokenAlternative { token: self.model.tokenizer().token_text(token), logprob }
    }

    /// Puts a prompt in the queue and waits for its reply.
    async fn run(&self, prompt: Prompt) -> Result<Reply, ModelError> {
        self.put(prompt, None).await.unwrap_or_else(|_| Err(ended())).map_err(|error| self.failed(&error))
    }

    /// The same; `told` hears the pieces of the text as they come and ends the call by returning `false`. What of the
    /// reply's text it did not hear became certain only with the end.
    pub(crate) async fn run_streamed(
        &self,
        prompt: Prompt,
        mut told: impl FnMut(&str) -> bool + Send,
    ) -> Result<Reply, ModelError> {
        let (pieces, mut heard) = unbounded_channel();
        let reply = self.put(Prompt { streams: true, ..prompt }, Some(pieces));
        while let Some(piece) = heard.recv().await {
            if !told(&piece) {
                return Err(unwanted());
            }
        }
        reply.await.unwrap_or_else(|_| Err(ended())).map_err(|error| self.failed(&error))
    }

    fn put(
        &self,
        prompt: Prompt,
        pieces: Option<UnboundedSender<String>>,
    ) -> oneshot::Receiver<Result<Reply, LocalError>> {
        let (reply, receiver) = oneshot::channel();
        self.queue.put(Job { prompt, reply, pieces });
        receiver
    }
}

impl Drop for LocalRuntime {
    fn drop(&mut self) {
        self.queue.close();
        for worker in self.workers.drain(..) {
            // A worker that panicked has already dropped its replies' senders; there is nothing left to report.
            drop(worker.join());
        }
    }
}

#[async_trait]
impl ModelApi for LocalRuntime {
    fn target(&self) -> &TargetName {
        &self.target
    }

    fn fingerprint(&self) -> Option<Digest> {
        Some(self.model.fingerprint())
    }

    fn context_tokens(&self) -> Option<u64> {
        Some(self.model.context() as u64)
    }

    fn completion(&self) -> Option<&dyn CompletionApi> {
        Some(self)
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let tools = offered(request);
        let prompt = self.prepare(request, &tools).await.map_err(|error| self.failed(&error))?;
        let reply = self.run(prompt).await?;
        Ok(ModelReply::new(self.output(&reply, calls_in(request), !tools.is_empty())))
    }

    async fn stream(&self, request: &ModelRequest, sink: &mut dyn OutputSink) -> Result<ModelReply, ModelError> {
        let tools = offered(request);
        let prompt = self.prepare(request, &tools).await.map_err(|error| self.failed(&error))?;
        let mut text = (!tools.is_empty()).then(TextBesideCalls::default);
        let mut handed = 0;
        let reply = self
            .run_streamed(prompt, |piece| {
                let certain = text.as_mut().map_or_else(|| piece.to_owned(), |text| text.push(piece));
                handed += certain.len();
                certain.is_empty() || sink.chunk(OutputChunk::Text(certain))
            })
            .await?;
        let output = self.output(&reply, calls_in(request), !tools.is_empty());
        finish(sink, (&output.message.text(), handed), (output.stop_reason, reply.stop_text.as_deref()))?;
        Ok(ModelReply::new(output))
    }
}

/// Hands over what is left of `text` after its first bytes, and how the reply ended.
pub(crate) fn finish(
    sink: &mut dyn OutputSink,
    (text, handed): (&str, usize),
    (stop, stop_text): (StopReason, Option<&str>),
) -> Result<(), ModelError> {
    let rest = text.get(handed..).unwrap_or_default();
    if !rest.is_empty() && !sink.chunk(OutputChunk::Text(rest.to_owned())) {
        return Err(unwanted());
    }
    if let Some(stop_text) = stop_text {
        sink.stop_text(stop_text);
    }
    sink.chunk(OutputChunk::End(stop));
    Ok(())
}

/// The caller's sink wants no more: nobody reads this.
pub(crate) fn unwanted() -> ModelError {
    ModelError::new(ModelErrorKind::Unreachable, "the caller ended the call")
}

fn ended() -> LocalError {
    LocalError::Worker { what: "has ended".to_owned() }
}

/// Tool calls in the conversation so far; the ids of new ones count on from there.
fn calls_in(request: &ModelRequest) -> usize {
    request.messages.iter().map(|message| message.tool_calls.len()).sum()
}

impl LocalRuntime {
    pub(crate) fn failed(&self, error: &LocalError) -> ModelError {
        let kind = match error {
            LocalError::Prompt { .. } => ModelErrorKind::ContextTooLong,
            LocalError::Setting { .. } => ModelErrorKind::InvalidRequest,
            LocalError::Worker { .. } => ModelErrorKind::Unreachable,
            _ => ModelErrorKind::Model,
        };
        ModelError::new(kind, format!("{error}; {}", error.hint()))
    }

    /// How many tokens the prompt of this conversation has.
    pub(crate) fn prompt_tokens(&self, request: &ModelRequest) -> Result<usize, LocalError> {
        let text = self.model.template().render(&request.messages, &offered(request))?;
        Ok(self.model.tokenizer().encode(&text)?.len())
    }
}

/// The tools that the request really offers.
fn offered(request: &ModelRequest) -> Vec<ToolDefinition> {
    match &request.tool_choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Auto | ToolChoice::Any => request.tools.clone(),
        ToolChoice::Function(name) => request.tools.iter().filter(|tool| tool.name == *name).cloned().collect(),
    }
}

/// How many caches a worker may hold.
fn slots_per_worker(model: &LocalModel, options: &RuntimeOptions, workers: usize) -> Result<usize, LocalError> {
    let bytes = KvShape::new(model.config(), model.context()).bytes().max(1);
    let fit = usize::try_from(options.kv_bytes_max / bytes).unwrap_or(usize::MAX) / workers;
    if fit == 0 {
        let what = format!(
            "needs `{bytes}` bytes of cache per sequence for a context of `{}`, and may have `{}` for `{workers}` workers",
            model.context(),
            options.kv_bytes_max
        );
        return Err(LocalError::Worker { what });
    }
    Ok(options.batch.clamp(1, fit))
}

/// A worker's life: take requests while there is room, run a step, until the queue is closed.
fn work(model: &LocalModel, queue: &Queue, slots: usize) {
    // Without its pool the worker cannot run; its end shows at the callers, whose channels close.
    drop(single_threaded(|| {
        let mut batch = Batch::new(model.clone(), slots);
        while fill(&mut batch, queue) {
            batch.step();
        }
    }));
}

/// Admits waiting requests; `false` when the queue is closed.
fn fill(batch: &mut Batch, queue: &Queue) -> bool {
    while !batch.is_full() {
        match queue.take(batch.is_empty()) {
            Taken::Job(job) => batch.admit(*job),
            Taken::Nothing => return true,
            Taken::Closed => return false,
        }
    }
    !queue.is_closed()
}
