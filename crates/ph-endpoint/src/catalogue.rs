//! The models that are served, and what all handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use ph_base::{Digest, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body;
use crate::failure::{ApiFailure, FailureKind};
use crate::fields::{Fields, clip};
use crate::options::{EndpointOptions, ServedModel};

/// The state behind the routes.
pub(crate) struct Endpoint {
    pub(crate) models: Vec<ServedModel>,
    pub(crate) options: EndpointOptions,
    permits: Arc<Semaphore>,
    started: Timestamp,
    calls: AtomicU64,
}

/// A request that was read, with its place among those under way.
pub(crate) struct Admitted {
    pub(crate) fields: Fields,
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Endpoint {
    pub(crate) fn new(models: Vec<ServedModel>, options: EndpointOptions) -> Self {
        let permits = options.requests_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            started: options.clock.now(),
            calls: AtomicU64::new(0),
            models,
            options,
        }
    }

    /// Waits for a place, then reads the body.
    pub(crate) async fn admit(&self, request: Request) -> Result<Admitted, ApiFailure> {
        let closed = |_| ApiFailure::new(FailureKind::Overloaded, "the endpoint is closing");
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(closed)?;
        let fields = body::read(request, self.options.body_bytes_max).await?;
        Ok(Admitted { fields, permit })
    }

    /// The model of this name.
    pub(crate) fn model(&self, name: &str) -> Result<&ServedModel, ApiFailure> {
        let is_named = |served: &&ServedModel| served.id == name || served.model.target().to_string() == name;
        self.models.iter().find(is_named).ok_or_else(|| {
            let ids: Vec<String> = self.models.iter().map(|served| format!("`{}`", served.id)).collect();
            let message = format!("there is no model `{}`; served here: {}", clip(name), ids.join(", "));
            ApiFailure { param: Some("model".to_owned()), ..ApiFailure::new(FailureKind::UnknownModel, message) }
        })
    }

    /// A new id: unique among the endpoint's own and, by its start, among endpoints.
    pub(crate) fn id(&self, prefix: &str) -> String {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let digest = Digest::of_parts([&self.started.0.to_le_bytes()[..], &call.to_le_bytes()[..]]);
        format!("{prefix}{}", &digest.hex()[..24])
    }

    /// Seconds since 1970, as the dialects count them.
    pub(crate) fn now_seconds(&self) -> i64 {
        self.options.clock.now().0.div_euclid(1000)
    }
}
