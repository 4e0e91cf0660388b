//! `GET /v1/models` and `GET /v1/models/{id}`, in the caller's dialect.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::catalogue::Endpoint;
use crate::failure::Dialect;
use crate::options::ServedModel;

pub(crate) async fn models(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap) -> Response {
    let dialect = Dialect::of("", &headers);
    let list: Vec<Value> = endpoint.models.iter().map(|served| entry(served, dialect)).collect();
    let id = |served: Option<&ServedModel>| served.map(|served| served.id.clone());
    Json(match dialect {
        Dialect::OpenAi => json!({ "object": "list", "data": list }),
        Dialect::Anthropic => json!({
            "data": list,
            "has_more": false,
            "first_id": id(endpoint.models.first()),
            "last_id": id(endpoint.models.last()),
        }),
    })
    .into_response()
}

pub(crate) async fn model(
    State(endpoint): State<Arc<Endpoint>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let dialect = Dialect::of("", &headers);
    match endpoint.model(&id) {
        Ok(served) => Json(entry(served, dialect)).into_response(),
        Err(failure) => failure.response(dialect),
    }
}

/// A model as the list has it. `created` is not known for a directory of weights.
fn entry(served: &ServedModel, dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAi => json!({
            "id": served.id,
            "object": "model",
            "created": 0,
            "owned_by": "proofhouse",
            "fingerprint": served.model.fingerprint(),
            "context_length": served.model.context_tokens(),
        }),
        Dialect::Anthropic => json!({
            "type": "model",
            "id": served.id,
            "display_name": served.id,
            "created_at": "1970-01-01T00:00:00Z",
        }),
    }
}
