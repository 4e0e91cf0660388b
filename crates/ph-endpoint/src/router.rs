//! The routes, and what holds for all of them: host, key, request id.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::catalogue::Endpoint;
use crate::failure::{ApiFailure, Dialect, FailureKind};
use crate::fields::clip;
use crate::options::{EndpointOptions, ServedModel};
use crate::{anthropic, openai};

/// The routes over `models`; the first one of a name answers to it. The caller binds the socket.
pub fn router(models: Vec<ServedModel>, options: EndpointOptions) -> Router {
    let endpoint = Arc::new(Endpoint::new(models, options));
    Router::new()
        .route("/v1/chat/completions", post(openai::chat))
        .route("/v1/completions", post(openai::complete))
        .route("/v1/models", get(openai::models))
        .route("/v1/models/{*id}", get(openai::model))
        .route("/v1/messages", post(anthropic::messages))
        .route("/v1/messages/count_tokens", post(anthropic::count_tokens))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(unknown_path)
        .layer(middleware::from_fn_with_state(Arc::clone(&endpoint), guard))
        .with_state(endpoint)
}

/// Lets a request in, and gives its response an id under both dialects' names.
async fn guard(State(endpoint): State<Arc<Endpoint>>, request: Request, next: Next) -> Response {
    let dialect = Dialect::of(request.uri().path(), request.headers());
    let mut response = match admit(&endpoint, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.response(dialect),
    };
    if let Ok(id) = HeaderValue::from_str(&endpoint.id("req_")) {
        response.headers_mut().insert("x-request-id", id.clone());
        response.headers_mut().insert("request-id", id);
    }
    response
}

fn admit(endpoint: &Endpoint, headers: &HeaderMap) -> Result<(), ApiFailure> {
    match &endpoint.options.key {
        Some(key) if key.is_shown(headers) => Ok(()),
        Some(_) => {
            let message = "the request shows no valid key; send it as `Authorization: Bearer KEY` or `x-api-key: KEY`";
            Err(ApiFailure::new(FailureKind::NoKey, message))
        }
        None if names_loopback(headers) => Ok(()),
        None => {
            let message = "without a key only requests to `localhost` or a loopback address are answered";
            Err(ApiFailure::new(FailureKind::Forbidden, message))
        }
    }
}

/// Whether the `Host` is this machine's own: a page elsewhere can point its own name at a loopback address, but not
/// change the name that its browser sends.
fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|value| value.to_str().ok()) else { return false };
    let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

async fn unknown_path(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!("there is nothing at `{method} {}`", clip(path));
    ApiFailure::new(FailureKind::UnknownPath, message).response(Dialect::of(path, request.headers()))
}

async fn method_not_allowed(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let allowed = if path.starts_with("/v1/models") { "GET, HEAD" } else { "POST" };
    let message = format!("`{}` does not take `{method}`; it takes {allowed}", clip(path));
    let mut response = ApiFailure::new(FailureKind::Method, message).response(Dialect::of(path, request.headers()));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_names_are_its_own() {
        let check = |host: &'static str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            assert_eq!(names_loopback(&headers), expected, "{host}");
        };
        check("localhost:8080", true);
        check("127.0.0.1", true);
        check("127.9.9.9:1", true);
        check("[::1]:8080", true);
        check("localhost.evil.example", false);
        check("evil.example:8080", false);
        check("10.0.0.1", false);
        check("", false);
        assert!(!names_loopback(&HeaderMap::new()));
    }
}
