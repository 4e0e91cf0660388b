//! The digest of a task with its items.

use ph_base::Digest;
use ph_base::digest::DigestBuilder;
use ph_record::{Sample, TaskSpec};

/// The digest of spec, files that solvers read, and items.
#[derive(Clone)]
pub(super) struct ItemDigest(DigestBuilder);

impl ItemDigest {
    /// That of a task of which no item is added yet.
    pub(super) fn new(spec: &TaskSpec, files: &[Digest]) -> Self {
        let mut builder = DigestBuilder::default();
        builder.part(json(spec).as_slice());
        for file in files {
            builder.part(file.bytes());
        }
        Self(builder)
    }

    /// Adds the next item.
    pub(super) fn add(&mut self, item: &Sample) {
        self.0.part(json(item).as_slice());
    }

    /// The digest.
    pub(super) fn finish(self) -> Digest {
        self.0.finish()
    }
}

/// Specs and items are made of texts, numbers and maps with text keys, which always serialise.
fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
