//! `POST /v1/completions`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::{Request, State};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use futures::future::try_join_all;
use futures::{Stream, StreamExt as _, stream};
use ph_model::{CompletionOutput, ModelApi, Usage};
use serde_json::Value;

use super::completion_reply::{chunk, logprobs, usage_chunk, whole};
use super::completion_request::{self, Completions};
use super::finish_reason;
use super::heading::Heading;
use crate::catalogue::Endpoint;
use crate::failure::{ApiFailure, Dialect, FailureKind};
use crate::generation::{Running, Step, rest_of};
use crate::sse::{self, data};

pub(crate) async fn complete(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    answer(&endpoint, request).await.unwrap_or_else(|failure| failure.response(Dialect::OpenAi))
}

async fn answer(endpoint: &Endpoint, request: Request) -> Result<Response, ApiFailure> {
    let admitted = endpoint.admit(request).await?;
    let asked = completion_request::read(admitted.fields)?;
    let served = endpoint.model(&asked.model)?;
    if served.model.completion().is_none() {
        let message = format!("the model `{}` takes messages only: use `/v1/chat/completions`", served.id);
        return Err(ApiFailure { param: Some("model".to_owned()), ..ApiFailure::new(FailureKind::Invalid, message) });
    }
    let heading = Heading::of(endpoint, "cmpl-", served);
    let permit = admitted.permit;
    if asked.stream {
        let (include_usage, calls) = (asked.include_usage, start(&served.model, asked));
        let calls = calls.into_iter().map(Running::begun);
        let calls = try_join_all(calls).await.map_err(about_prompt)?;
        let last = Last { include_usage, heading: heading.clone(), permit };
        return Ok(sse::response(events(calls, heading, last)));
    }
    let calls = start(&served.model, asked).into_iter().map(Running::end);
    let outputs: Vec<CompletionOutput> =
        try_join_all(calls).await.map_err(about_prompt)?.into_iter().map(|(output, _)| output).collect();
    drop(permit);
    Ok(Json(whole(&heading, &outputs)).into_response())
}

/// All prompts at once: the model batches them.
fn start(model: &Arc<dyn ModelApi>, asked: Completions) -> Vec<Running<CompletionOutput>> {
    asked.requests.into_iter().map(|request| Running::completion(Arc::clone(model), request, None)).collect()
}

/// A prompt that is too long is called by this dialect's name for it.
fn about_prompt(mut failure: ApiFailure) -> ApiFailure {
    if failure.param.as_deref() == Some("messages") {
        failure.param = Some("prompt".to_owned());
    }
    failure
}

/// The usage of all choices; `None` once one of them failed.
type Sum = Arc<Mutex<Option<Usage>>>;

fn lock(sum: &Sum) -> MutexGuard<'_, Option<Usage>> {
    sum.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What comes after all choices.
struct Last {
    include_usage: bool,
    heading: Heading,
    permit: tokio::sync::OwnedSemaphorePermit,
}

/// The choices one after another; those behind wait with what they have.
fn events(
    calls: Vec<Running<CompletionOutput>>,
    heading: Heading,
    last: Last,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let used: Sum = Arc::new(Mutex::new(Some(Usage::default())));
    let sum = Arc::clone(&used);
    let choices = stream::iter(calls.into_iter().enumerate()).flat_map(move |(n, running)| {
        let mut choice = Choice { n, heading: heading.clone(), sent: String::new(), used: Arc::clone(&sum) };
        sse::events(running, Vec::new(), move |step| choice.told(step))
    });
    let end = stream::once(async move {
        let Last { include_usage, heading, permit } = last;
        drop(permit);
        let used = lock(&used).take();
        let mut events = Vec::new();
        // A choice that failed has ended the stream with its error; nothing may look like a good end after it.
        if let Some(used) = used {
            if include_usage {
                events.push(Ok(data(&usage_chunk(&heading, used))));
            }
            events.push(Ok(Event::default().data("[DONE]")));
        }
        stream::iter(events)
    });
    choices.chain(end.flatten())
}

/// One choice of a stream.
struct Choice {
    n: usize,
    heading: Heading,
    /// The text so far.
    sent: String,
    used: Sum,
}

impl Choice {
    fn told(&mut self, step: Result<Step<CompletionOutput>, ApiFailure>) -> Vec<Event> {
        if lock(&self.used).is_none() {
            return Vec::new();
        }
        match step {
            Ok(Step::Text(text)) => {
                self.sent.push_str(&text);
                vec![data(&chunk(&self.heading, self.n, (&text, Value::Null), None))]
            }
            Ok(Step::StopText(_)) => Vec::new(),
            Ok(Step::End(output)) => self.end(&output),
            Err(failure) => {
                *lock(&self.used) = None;
                vec![data(&failure.body(Dialect::OpenAi))]
            }
        }
    }

    fn end(&mut self, output: &CompletionOutput) -> Vec<Event> {
        if let Some(used) = lock(&self.used).as_mut() {
            used.add(&output.usage);
        }
        let whole = format!("{}{}", output.prompt_text.as_deref().unwrap_or_default(), output.text);
        let rest = rest_of(&whole, &self.sent);
        let reason = Some(finish_reason(output.stop_reason));
        vec![data(&chunk(&self.heading, self.n, (&rest, logprobs(output)), reason))]
    }
}
