//! `POST /v1/messages` and `POST /v1/messages/count_tokens`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use ph_model::{ModelApi, ModelRequest};
use serde_json::json;

use super::reply::Heading;
use super::{request, stream};
use crate::catalogue::Endpoint;
use crate::failure::{ApiFailure, Dialect, FailureKind};
use crate::generation::Running;
use crate::sse;

pub(crate) async fn messages(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    answer(&endpoint, request).await.unwrap_or_else(|failure| failure.response(Dialect::Anthropic))
}

async fn answer(endpoint: &Endpoint, request: Request) -> Result<Response, ApiFailure> {
    let admitted = endpoint.admit(request).await?;
    let asked = request::read(admitted.fields, false)?;
    let served = endpoint.model(&asked.model)?;
    let heading = Heading { id: endpoint.id("msg_"), model: served.id.clone() };
    let model = Arc::clone(&served.model);
    if !asked.stream {
        let (output, stop_text) = Running::chat(model, asked.request, Some(admitted.permit)).end().await?;
        return Ok(Json(heading.message(&output, stop_text.as_deref())).into_response());
    }
    let input_tokens = counted(model.as_ref(), &asked.request).transpose()?.unwrap_or(0);
    let running = Running::chat(model, asked.request, Some(admitted.permit)).begun().await?;
    Ok(sse::response(stream::events(running, &heading, input_tokens)))
}

pub(crate) async fn count_tokens(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    count(&endpoint, request).await.unwrap_or_else(|failure| failure.response(Dialect::Anthropic))
}

async fn count(endpoint: &Endpoint, request: Request) -> Result<Response, ApiFailure> {
    let admitted = endpoint.admit(request).await?;
    let asked = request::read(admitted.fields, true)?;
    let served = endpoint.model(&asked.model)?;
    match counted(served.model.as_ref(), &asked.request) {
        Some(count) => Ok(Json(json!({ "input_tokens": count? })).into_response()),
        None => {
            let message = format!("the model `{}` does not count tokens", served.id);
            Err(ApiFailure::new(FailureKind::Invalid, message))
        }
    }
}

/// The tokens of the prompt, where the model can tell.
fn counted(model: &dyn ModelApi, request: &ModelRequest) -> Option<Result<u64, ApiFailure>> {
    let raw = model.completion()?;
    Some(raw.count_tokens(request).map_err(ApiFailure::from))
}
