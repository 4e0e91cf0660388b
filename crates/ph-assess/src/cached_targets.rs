//! Targets with the response cache before them.

use std::sync::Arc;

use ph_base::Clock;
use ph_eval::{CacheMode, CachedModel, ResponseCache};
use ph_model::{ModelApi, TargetName};

use crate::target::{TargetError, TargetOpener};

/// Opens targets whose replies are kept and served again.
pub struct CachedTargets {
    /// The way to the targets themselves.
    pub inner: Arc<dyn TargetOpener>,
    /// The cache.
    pub cache: Arc<ResponseCache>,
    /// What it is used for.
    pub mode: CacheMode,
    /// Tells when a reply was given.
    pub clock: Arc<dyn Clock>,
}

impl TargetOpener for CachedTargets {
    fn open(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, TargetError> {
        let target = self.inner.open(name)?;
        let cache = (self.cache.clone(), self.mode);
        Ok(Arc::new(CachedModel::new(target, cache, self.clock.clone())))
    }

    /// A stranger is let past the cache: whether the target refuses it is asked of the target.
    fn open_as_stranger(&self, name: &TargetName) -> Result<Arc<dyn ModelApi>, String> {
        self.inner.open_as_stranger(name)
    }

    fn says(&self) -> Vec<String> {
        match self.cache.counts().hits {
            0 => self.inner.says(),
            hits => {
                let text = format!(
                    "{hits} replies were served from a cache: the target gave them earlier, to the same request at the \
                     same epoch. They may be older than the plan, and are marked in the transcripts."
                );
                self.inner.says().into_iter().chain([text]).collect()
            }
        }
    }
}
