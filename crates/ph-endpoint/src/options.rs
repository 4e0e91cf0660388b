//! What is served, and how.

use std::sync::Arc;

use ph_base::Clock;
use ph_model::ModelApi;

use crate::api_key::ApiKey;

/// A model under the name by which requests ask for it.
#[derive(Clone)]
pub struct ServedModel {
    /// The name in requests' `model` and in `/v1/models`. The target's name is understood too.
    pub id: String,
    /// The model.
    pub model: Arc<dyn ModelApi>,
}

/// How models are served.
#[derive(Clone)]
pub struct EndpointOptions {
    /// Tells `created`.
    pub clock: Arc<dyn Clock>,
    /// The key that every request must show. Without one only requests that name a loopback host are answered, so that
    /// a page in somebody's browser cannot reach the models under a name of its own.
    pub key: Option<ApiKey>,
    /// The most bytes of a request's body.
    pub body_bytes_max: usize,
    /// The most requests whose bodies are held at once; further ones wait before theirs is read.
    pub requests_max: usize,
}

impl EndpointOptions {
    /// No key, bodies of 4 MiB, 256 requests at once: at most 1 GiB of bodies.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, key: None, body_bytes_max: 4 << 20, requests_max: 256 }
    }
}
