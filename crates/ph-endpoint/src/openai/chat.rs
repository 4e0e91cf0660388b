//! `POST /v1/chat/completions`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use ph_model::ModelOutput;
use serde_json::{Value, json};

use super::chat_reply::{calls_delta, chunk, logprobs, usage_chunk, whole};
use super::heading::Heading;
use super::{chat_request, finish_reason};
use crate::catalogue::Endpoint;
use crate::failure::{ApiFailure, Dialect};
use crate::generation::{Running, Step, rest_of};
use crate::sse::{self, data};

pub(crate) async fn chat(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    answer(&endpoint, request).await.unwrap_or_else(|failure| failure.response(Dialect::OpenAi))
}

async fn answer(endpoint: &Endpoint, request: Request) -> Result<Response, ApiFailure> {
    let admitted = endpoint.admit(request).await?;
    let asked = chat_request::read(admitted.fields)?;
    let served = endpoint.model(&asked.model)?;
    let heading = Heading::of(endpoint, "chatcmpl-", served);
    let running = Running::chat(Arc::clone(&served.model), asked.request, Some(admitted.permit));
    if !asked.stream {
        let (output, _) = running.end().await?;
        return Ok(Json(whole(&heading, &output)).into_response());
    }
    let chunks = Chunks { heading, include_usage: asked.include_usage, sent: String::new() };
    Ok(sse::response(events(running.begun().await?, chunks)))
}

/// What a stream has to remember.
struct Chunks {
    heading: Heading,
    include_usage: bool,
    /// The text so far.
    sent: String,
}

impl Chunks {
    fn text(&mut self, text: String) -> Event {
        self.sent.push_str(&text);
        data(&chunk(&self.heading, json!({ "content": text }), Value::Null, None))
    }

    /// What is left to say once the whole reply is known.
    fn end(&mut self, output: &ModelOutput) -> Vec<Event> {
        let mut events = Vec::new();
        let rest = rest_of(&output.message.text(), &self.sent);
        if !rest.is_empty() {
            events.push(self.text(rest));
        }
        if !output.message.tool_calls.is_empty() {
            events.push(data(&chunk(&self.heading, calls_delta(&output.message.tool_calls), Value::Null, None)));
        }
        if output.logprobs.is_some() {
            events.push(data(&chunk(&self.heading, json!({}), logprobs(output), None)));
        }
        events.push(data(&chunk(&self.heading, json!({}), Value::Null, Some(finish_reason(output.stop_reason)))));
        if self.include_usage {
            events.push(data(&usage_chunk(&self.heading, output)));
        }
        events.push(Event::default().data("[DONE]"));
        events
    }
}

fn events(running: Running<ModelOutput>, mut chunks: Chunks) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let role = json!({ "role": "assistant", "content": "", "refusal": null });
    let first = vec![data(&chunk(&chunks.heading, role, Value::Null, None))];
    sse::events(running, first, move |step| match step {
        Ok(Step::Text(text)) => vec![chunks.text(text)],
        Ok(Step::StopText(_)) => Vec::new(),
        Ok(Step::End(output)) => chunks.end(&output),
        Err(failure) => vec![data(&failure.body(Dialect::OpenAi))],
    })
}
