//! A target with a cache before it.

use std::sync::Arc;

use async_trait::async_trait;
use ph_base::{Clock, Digest};
use ph_model::{
    CompletionApi, ModelApi, ModelError, ModelReply, ModelRequest, OutputSink, Recalled, StopReason, TargetName,
};

use super::{CacheMode, CachedReply, ResponseCache, cache_key};
use crate::sample_scope::present;

/// A target whose replies to samples are kept and served again. Calls outside of a sample, such as the check of an
/// endpoint, go through untouched, and so do streams.
pub struct CachedModel {
    inner: Arc<dyn ModelApi>,
    cache: Arc<ResponseCache>,
    mode: CacheMode,
    clock: Arc<dyn Clock>,
}

impl CachedModel {
    /// `inner` with this cache before it.
    #[must_use]
    pub fn new(
        inner: Arc<dyn ModelApi>,
        (cache, mode): (Arc<ResponseCache>, CacheMode),
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { inner, cache, mode, clock }
    }

    fn key(&self, request: &ModelRequest) -> Option<(Digest, u32)> {
        let epoch = present()?.epoch;
        Some((cache_key(self.inner.as_ref(), request, epoch)?, epoch))
    }
}

/// Whether a reply may stand for another call: one of which nobody knows why it ended may be cut off.
fn is_whole(reply: &ModelReply) -> bool {
    reply.output.stop_reason != StopReason::Unknown
}

#[async_trait]
impl ModelApi for CachedModel {
    fn target(&self) -> &TargetName {
        self.inner.target()
    }

    fn fingerprint(&self) -> Option<Digest> {
        self.inner.fingerprint()
    }

    fn context_tokens(&self) -> Option<u64> {
        self.inner.context_tokens()
    }

    fn takes_seed(&self) -> bool {
        self.inner.takes_seed()
    }

    fn address(&self) -> Option<String> {
        self.inner.address()
    }

    fn completion(&self) -> Option<&dyn CompletionApi> {
        self.inner.completion()
    }

    async fn recall(&self, request: &ModelRequest) -> Option<Recalled> {
        if !self.mode.reads() {
            return None;
        }
        let (key, _) = self.key(request)?;
        let reply = self.cache.get(&key)?;
        Some(Recalled { output: reply.output, asked_at: Some(reply.asked_at), took_ms: Some(reply.took_ms) })
    }

    /// Asks the target; a cached reply is served by [`Self::recall`] alone, so that whoever is answered from the cache
    /// knows it.
    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let asked_at = self.clock.now();
        let reply = self.inner.generate(request).await?;
        if self.mode.writes()
            && is_whole(&reply)
            && let Some((key, epoch)) = self.key(request)
        {
            let took_ms = self.clock.now().ms_since(asked_at);
            let (target, output) = (self.target().to_string(), reply.output.clone());
            self.cache.put(&key, &CachedReply { key, target, epoch, asked_at, took_ms, output });
        }
        Ok(reply)
    }

    async fn stream(&self, request: &ModelRequest, sink: &mut dyn OutputSink) -> Result<ModelReply, ModelError> {
        self.inner.stream(request, sink).await
    }
}
