//! Streams of server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use serde_json::Value;

use crate::failure::ApiFailure;
use crate::generation::{Running, Step};

/// Silence after which a comment keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The response that carries these events.
pub(crate) fn response(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// An event with a JSON document; a JSON document has no line break, so it is one line.
pub(crate) fn data(document: &Value) -> Event {
    Event::default().data(document.to_string())
}

/// The same with a name.
pub(crate) fn named(name: &str, document: &Value) -> Event {
    Event::default().event(name).data(document.to_string())
}

/// `first`, then what `told` makes of each step of the call.
pub(crate) fn events<T: Send + 'static>(
    running: Running<T>,
    first: Vec<Event>,
    told: impl FnMut(Result<Step<T>, ApiFailure>) -> Vec<Event> + Send,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let start = (running, VecDeque::from(first), told);
    futures::stream::unfold(start, |(mut running, mut ready, mut told)| async move {
        loop {
            if let Some(event) = ready.pop_front() {
                return Some((Ok(event), (running, ready, told)));
            }
            ready.extend(told(running.next().await?));
        }
    })
}
