//! Reads a request's body under its limits.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;

use crate::failure::{ApiFailure, FailureKind};
use crate::fields::{Fields, clip};

/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// The JSON object in the request's body, of at most `bytes_max` bytes.
pub(crate) async fn read(request: Request, bytes_max: usize) -> Result<Fields, ApiFailure> {
    check_media_type(request.headers())?;
    check_length(request.headers(), bytes_max)?;
    let bytes = tokio::time::timeout(BODY_TIME_MAX, collect(request.into_body(), bytes_max)).await;
    let bytes =
        bytes.unwrap_or_else(|_| Err(ApiFailure::new(FailureKind::TooSlow, "the body did not arrive in time")))?;
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        ApiFailure::new(FailureKind::Invalid, format!("the body is not JSON: {}", clip(&error.to_string())))
    })?;
    Fields::new(value, "")
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ApiFailure> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"));
    if is_json {
        return Ok(());
    }
    let message = format!("the body's content type is `{}`, not `application/json`", clip(value));
    Err(ApiFailure::new(FailureKind::MediaType, message))
}

fn check_length(headers: &HeaderMap, bytes_max: usize) -> Result<(), ApiFailure> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > bytes_max as u64) { Err(too_large(bytes_max)) } else { Ok(()) }
}

async fn collect(body: Body, bytes_max: usize) -> Result<Vec<u8>, ApiFailure> {
    let mut bytes = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            ApiFailure::new(FailureKind::Invalid, format!("the body broke off: {}", clip(&error.to_string())))
        })?;
        if bytes.len() + piece.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn too_large(bytes_max: usize) -> ApiFailure {
    ApiFailure::new(FailureKind::TooLarge, format!("the body has more than `{bytes_max}` bytes"))
}
