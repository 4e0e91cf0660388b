//! Keys and values of one sequence, preallocated for its whole context.
//!
//! Written and read by the forward pass. Keys lie in blocks of [`LANES`] positions, so that the scores of a block are one
//! vector; values lie position by position, padded to whole vectors. It never grows and never moves.

use crate::config::ModelConfig;

/// Positions per block of keys, and the multiple to which a value is padded.
pub(crate) const LANES: usize = 16;

/// The caches' layout, the same for all sequences of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KvShape {
    layers: usize,
    kv_heads: usize,
    head_dim: usize,
    /// `head_dim` padded to whole vectors.
    pub(crate) value_width: usize,
    /// Positions, a multiple of [`LANES`].
    capacity: usize,
}

impl KvShape {
    /// The layout for sequences of up to `context` positions.
    pub(crate) fn new(config: &ModelConfig, context: usize) -> Self {
        Self {
            layers: config.layers,
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            value_width: config.head_dim.next_multiple_of(LANES),
            capacity: context.next_multiple_of(LANES),
        }
    }

    /// Bytes of one sequence's cache.
    pub(crate) fn bytes(&self) -> u64 {
        let per_position = (self.layers * self.kv_heads * (self.head_dim + self.value_width)) as u64;
        per_position * self.capacity as u64 * size_of::<f32>() as u64
    }
}

/// Keys and values of one sequence.
#[derive(Debug, Clone)]
pub(crate) struct KvCache {
    shape: KvShape,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl KvCache {
    /// An empty cache. The memory is zeroed by the system when it is first touched.
    pub(crate) fn new(shape: KvShape) -> Self {
        let heads = shape.layers * shape.kv_heads * shape.capacity;
        Self { shape, keys: vec![0.0; heads * shape.head_dim], values: vec![0.0; heads * shape.value_width] }
    }

    /// Puts key and value of one head at one position.
    pub(crate) fn store(&mut self, at: (Place, usize), key: &[f32], value: &[f32]) {
        let (place, position) = at;
        let KvShape { head_dim, value_width, .. } = self.shape;
        let head = self.head(place);
        let block = head * head_dim + (position / LANES) * head_dim * LANES + position % LANES;
        for (d, k) in key.iter().enumerate() {
            self.keys[block + d * LANES] = *k;
        }
        let start = (head + position) * value_width;
        self.values[start..start + value.len()].copy_from_slice(value);
    }

    /// All keys of one head: `[block][head_dim][LANES]`.
    pub(crate) fn keys(&self, place: Place) -> &[f32] {
        let start = self.head(place) * self.shape.head_dim;
        &self.keys[start..start + self.shape.capacity * self.shape.head_dim]
    }

    /// All values of one head: `[position][value_width]`.
    pub(crate) fn values(&self, place: Place) -> &[f32] {
        let start = self.head(place) * self.shape.value_width;
        &self.values[start..start + self.shape.capacity * self.shape.value_width]
    }

    /// Width of one position's value, padded to whole vectors.
    pub(crate) fn value_width(&self) -> usize {
        self.shape.value_width
    }

    fn head(&self, place: Place) -> usize {
        (place.layer * self.shape.kv_heads + place.kv_head) * self.shape.capacity
    }
}

/// Which head of which block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) layer: usize,
    pub(crate) kv_head: usize,
}
