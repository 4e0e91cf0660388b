//! One call of a model under way: pieces of its text, then its end. Dropping it cancels the call.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures::FutureExt as _;
use ph_model::{
    CompletionOutput, CompletionRequest, ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelRequest, OutputChunk,
    OutputSink,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::failure::{ApiFailure, FailureKind};

/// What happens next in a call.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// More text; never empty.
    Text(String),
    /// The stop text that ended the reply.
    StopText(String),
    /// The whole of it.
    End(Box<T>),
}

enum Told {
    Text(String),
    StopText(String),
}

/// A call under way. Pieces that nobody has taken yet wait here; a reply bounds their number.
pub(crate) struct Running<T> {
    future: Pin<Box<dyn Future<Output = Result<T, ModelError>> + Send>>,
    told: UnboundedReceiver<Told>,
    /// Put back by [`Running::peek_failure`].
    waiting: VecDeque<Step<T>>,
    result: Option<Result<T, ModelError>>,
    is_over: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Running<ModelOutput> {
    /// Asks the model.
    pub(crate) fn chat(model: Arc<dyn ModelApi>, request: ModelRequest, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self::start(permit, |mut sink| async move { model.stream(&request, &mut sink).await.map(|reply| reply.output) })
    }
}

impl Running<CompletionOutput> {
    /// Has the model go on from raw text.
    pub(crate) fn completion(
        model: Arc<dyn ModelApi>,
        request: CompletionRequest,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self::start(permit, |mut sink| async move {
            match model.completion() {
                Some(raw) => raw.complete(&request, &mut sink).await,
                None => Err(ModelError::new(ModelErrorKind::InvalidRequest, "the model takes messages only")),
            }
        })
    }
}

impl<T: Send + 'static> Running<T> {
    fn start<F>(permit: Option<OwnedSemaphorePermit>, call: impl FnOnce(Sink) -> F) -> Self
    where
        F: Future<Output = Result<T, ModelError>> + Send + 'static,
    {
        let (sender, told) = unbounded_channel();
        let call = AssertUnwindSafe(call(Sink(sender))).catch_unwind();
        let future = call.map(|result| result.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))).boxed();
        Self { future, told, waiting: VecDeque::new(), result: None, is_over: false, _permit: permit }
    }

    /// What happens next; `None` after the end or a failure.
    pub(crate) async fn next(&mut self) -> Option<Result<Step<T>, ApiFailure>> {
        if let Some(step) = self.waiting.pop_front() {
            return Some(Ok(step));
        }
        loop {
            if let Ok(told) = self.told.try_recv() {
                return Some(Ok(told.into()));
            }
            if let Some(result) = self.result.take() {
                return Some(result.map(|output| Step::End(Box::new(output))).map_err(ApiFailure::from));
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                biased;
                Some(told) = self.told.recv() => return Some(Ok(told.into())),
                result = &mut self.future => {
                    self.result = Some(result);
                    self.is_over = true;
                }
            }
        }
    }

    /// Waits for the first step, so that a call that fails at once can still be answered with a status.
    pub(crate) async fn begun(mut self) -> Result<Self, ApiFailure> {
        if let Some(step) = self.next().await {
            self.waiting.push_back(step?);
        }
        Ok(self)
    }

    /// Waits for the end; also says which stop text ended the reply, where that is known.
    pub(crate) async fn end(mut self) -> Result<(T, Option<String>), ApiFailure> {
        let mut stop_text = None;
        while let Some(step) = self.next().await {
            match step? {
                Step::Text(_) => {}
                Step::StopText(text) => stop_text = Some(text),
                Step::End(output) => return Ok((*output, stop_text)),
            }
        }
        Err(ApiFailure::new(FailureKind::Model, "the call ended without a reply"))
    }
}

impl<T> From<Told> for Step<T> {
    fn from(told: Told) -> Self {
        match told {
            Told::Text(text) => Step::Text(text),
            Told::StopText(text) => Step::StopText(text),
        }
    }
}

/// Hands the pieces on.
struct Sink(UnboundedSender<Told>);

impl OutputSink for Sink {
    fn chunk(&mut self, chunk: OutputChunk) -> bool {
        match chunk {
            OutputChunk::Text(text) if !text.is_empty() => self.0.send(Told::Text(text)).is_ok(),
            // Reasoning has no place in either dialect's plain replies.
            OutputChunk::Text(_) | OutputChunk::Reasoning(_) | OutputChunk::End(_) => true,
        }
    }

    fn stop_text(&mut self, text: &str) {
        // Nobody listens: the call is being dropped.
        drop(self.0.send(Told::StopText(text.to_owned())));
    }
}

/// A panic inside a model is that call's failure, not the endpoint's.
fn panicked(panic: &(dyn Any + Send)) -> ModelError {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ModelError::new(ModelErrorKind::Model, format!("the model panicked: {}", said.unwrap_or("no message")))
}

/// What of `whole` was not handed out yet; empty where `sent` is not its beginning.
pub(crate) fn rest_of(whole: &str, sent: &str) -> String {
    whole.strip_prefix(sent).unwrap_or_default().to_owned()
}
