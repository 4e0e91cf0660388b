//! Asks a router as a client would.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use ph_base::Timestamp;
use ph_endpoint::{EndpointOptions, ServedModel, router};
use ph_model::ModelApi;
use ph_testkit::FixedClock;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    /// The events of a stream: name (empty where it has none) and data.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.headers["content-type"], "text/event-stream");
        let text = std::str::from_utf8(&self.body).expect("no character is broken");
        text.split("\n\n").filter(|event| !event.trim().is_empty()).map(event).collect()
    }

    /// The JSON documents of a stream; the closing `[DONE]` must be there and is left out.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let mut events = self.events();
        assert_eq!(events.pop().unwrap().1, "[DONE]");
        events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
    }
}

fn event(text: &str) -> (String, String) {
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    (field("event:"), field("data:"))
}

pub(crate) fn options() -> EndpointOptions {
    EndpointOptions::new(Arc::new(FixedClock::at(Timestamp(1_795_333_411_250))))
}

/// One model, served as `m`.
pub(crate) fn serving(model: impl ModelApi + 'static) -> Router {
    router(vec![ServedModel { id: "m".to_owned(), model: Arc::new(model) }], options())
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), 64 << 20).await.unwrap().to_vec();
    Answer { status, headers, body }
}

pub(crate) async fn post(router: &Router, path: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("host", "localhost").header("content-type", "application/json");
    send(router, request.body(Body::from(body.to_string())).unwrap()).await
}

pub(crate) async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).header("host", "127.0.0.1:80").body(Body::empty()).unwrap()).await
}
