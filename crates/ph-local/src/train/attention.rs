//! Causal attention over packed segments, forward and backward.
//!
//! A training batch is one long table of token rows; each segment (a conversation) is a run of rows
//! that sees only itself, so there is no padding and no mask tensor. Called by `model`.

use super::kernels::{HEAD_DIM, Rope, dot, fused, softmax};

/// A run of rows that attend to each other, causally, and to nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First row.
    pub start: usize,
    /// Number of rows.
    pub len: usize,
}

/// Sizes of grouped-query attention, and the position table.
pub struct Heads {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Positions.
    pub rope: Rope,
}

type Head = [f32; HEAD_DIM];
const SCALE: f32 = 0.176_776_69; // 1 / sqrt(32)

impl Heads {
    /// Width of a row that holds queries, keys and values side by side.
    #[must_use]
    pub fn row_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * HEAD_DIM
    }

    /// Attention output, `[rows, heads · 32]`, of `qkv`, `[rows, row_width]`.
    #[must_use]
    pub fn forward(&self, qkv: &[f32], segments: &[Segment]) -> Vec<f32> {
        let width = self.heads * HEAD_DIM;
        let mut out = vec![0.0; qkv.len() / self.row_width() * width];
        let mut weights = Vec::new();
        for segment in segments {
            for kv_head in 0..self.kv_heads {
                let table = self.table(qkv, *segment, kv_head);
                for head in self.served_by(kv_head) {
                    for i in 0..segment.len {
                        let query = self.query(qkv, *segment, head, i);
                        table.weights(&query, i, &mut weights);
                        let mixed = mix(&weights, &table.values);
                        let at = (segment.start + i) * width + head * HEAD_DIM;
                        out[at..at + HEAD_DIM].copy_from_slice(&mixed);
                    }
                }
            }
        }
        out
    }

    /// Gradient for `qkv` given the gradient of the output.
    #[must_use]
    pub fn backward(&self, qkv: &[f32], grad: &[f32], segments: &[Segment]) -> Vec<f32> {
        let mut out = vec![0.0; qkv.len()];
        for segment in segments {
            for kv_head in 0..self.kv_heads {
                let table = self.table(qkv, *segment, kv_head);
                let mut back = Back::new(segment.len);
                for head in self.served_by(kv_head) {
                    for i in 0..segment.len {
                        let query = self.query(qkv, *segment, head, i);
                        let at = ((segment.start + i) * self.heads + head) * HEAD_DIM;
                        let mut upstream = [0.0; HEAD_DIM];
                        upstream.copy_from_slice(&grad[at..at + HEAD_DIM]);
                        let grad_query = back.row(&table, &query, &upstream, i);
                        let turned = self.rope.turn_back(&grad_query, i);
                        self.slot(&mut out, segment.start + i, head).copy_from_slice(&turned);
                    }
                }
                self.store_keys_values(&mut out, *segment, kv_head, &back);
            }
        }
        out
    }

    /// Keys (turned by their position) and values of one row, as a cache for decoding holds them.
    #[must_use]
    pub fn key_value(&self, row: &[f32], kv_head: usize, position: usize) -> (Head, Head) {
        let at = (self.heads + kv_head) * HEAD_DIM;
        let key = self.rope.turn(&row[at..at + HEAD_DIM], position);
        let at = at + self.kv_heads * HEAD_DIM;
        let mut value = [0.0; HEAD_DIM];
        value.copy_from_slice(&row[at..at + HEAD_DIM]);
        (key, value)
    }

    /// Attention of one query head of `row` at `position` over cached keys and values.
    #[must_use]
    pub fn attend(&self, row: &[f32], head: usize, cache: (&[Head], &[Head])) -> Head {
        let (keys, values) = cache;
        let position = keys.len() - 1;
        let query = self.rope.turn(&row[head * HEAD_DIM..(head + 1) * HEAD_DIM], position);
        let mut weights: Vec<f32> = keys.iter().map(|key| dot(&query, key) * SCALE).collect();
        softmax(&mut weights);
        mix(&weights, values)
    }

    fn served_by(&self, kv_head: usize) -> std::ops::Range<usize> {
        let group = self.heads / self.kv_heads;
        kv_head * group..(kv_head + 1) * group
    }

    fn query(&self, qkv: &[f32], segment: Segment, head: usize, i: usize) -> Head {
        let at = (segment.start + i) * self.row_width() + head * HEAD_DIM;
        self.rope.turn(&qkv[at..at + HEAD_DIM], i)
    }

    fn slot<'a>(&self, out: &'a mut [f32], row: usize, head: usize) -> &'a mut [f32] {
        let at = row * self.row_width() + head * HEAD_DIM;
        &mut out[at..at + HEAD_DIM]
    }

    fn table(&self, qkv: &[f32], segment: Segment, kv_head: usize) -> Table {
        let mut table = Table::new(segment.len);
        for i in 0..segment.len {
            let at = (segment.start + i) * self.row_width();
            let row = &qkv[at..at + self.row_width()];
            let (key, value) = self.key_value(row, kv_head, i);
            for d in 0..HEAD_DIM {
                table.keys_across[d * segment.len + i] = key[d];
                table.values_across[d * segment.len + i] = value[d];
            }
            table.keys.push(key);
            table.values.push(value);
        }
        table
    }

    fn store_keys_values(&self, out: &mut [f32], segment: Segment, kv_head: usize, back: &Back) {
        for i in 0..segment.len {
            let key = self.rope.turn_back(&back.keys[i], i);
            let head = self.heads + kv_head;
            self.slot(out, segment.start + i, head).copy_from_slice(&key);
            let head = head + self.kv_heads;
            self.slot(out, segment.start + i, head).copy_from_slice(&back.values[i]);
        }
    }
}

/// Keys and values of one segment and key-value head, by row and by column.
struct Table {
    len: usize,
    keys: Vec<Head>,
    values: Vec<Head>,
    keys_across: Vec<f32>,
    values_across: Vec<f32>,
}

impl Table {
    fn new(len: usize) -> Self {
        Self {
            len,
            keys: Vec::with_capacity(len),
            values: Vec::with_capacity(len),
            keys_across: vec![0.0; len * HEAD_DIM],
            values_across: vec![0.0; len * HEAD_DIM],
        }
    }

    /// Attention weights of row `i` over rows `0..=i`.
    fn weights(&self, query: &Head, i: usize, weights: &mut Vec<f32>) {
        weights.clear();
        weights.resize(i + 1, 0.0);
        products(query, &self.keys_across, self.len, weights);
        for weight in weights.iter_mut() {
            *weight *= SCALE;
        }
        softmax(weights);
    }
}

/// `out[j] += Σ_d head[d] · across[d][j]`, four columns of the head at a time.
fn products(head: &Head, across: &[f32], stride: usize, out: &mut [f32]) {
    let count = out.len();
    let (quads, _) = head.as_chunks::<4>();
    for (quad, rows) in quads.iter().zip(across.chunks_exact(4 * stride)) {
        let row0 = &rows[..count];
        let row1 = &rows[stride..stride + count];
        let row2 = &rows[2 * stride..2 * stride + count];
        let row3 = &rows[3 * stride..3 * stride + count];
        for j in 0..count {
            let low = fused(quad[0], row0[j], quad[1] * row1[j]);
            let high = fused(quad[2], row2[j], quad[3] * row3[j]);
            out[j] += low + high;
        }
    }
}

/// `Σ_j weights[j] · rows[j]`.
#[inline(always)]
fn mix(weights: &[f32], rows: &[Head]) -> Head {
    let mut even = [0.0; HEAD_DIM];
    let mut odd = [0.0; HEAD_DIM];
    let (weight_pairs, last) = weights.as_chunks::<2>();
    let (row_pairs, _) = rows[..weights.len()].as_chunks::<2>();
    for (weight, row) in weight_pairs.iter().zip(row_pairs) {
        add_scaled(&mut even, weight[0], &row[0]);
        add_scaled(&mut odd, weight[1], &row[1]);
    }
    if let [weight] = last {
        add_scaled(&mut even, *weight, &rows[weights.len() - 1]);
    }
    add_scaled(&mut even, 1.0, &odd);
    even
}

#[inline(always)]
fn add_scaled(to: &mut Head, factor: f32, row: &Head) {
    for d in 0..HEAD_DIM {
        to[d] = fused(factor, row[d], to[d]);
    }
}

/// [`add_scaled`] as a call of its own: inlined into a loop over rows it is vectorised across the
/// rows, with gathers, which takes five times as long.
#[inline(never)]
fn add_scaled_apart(to: &mut Head, factor: f32, row: &Head) {
    add_scaled(to, factor, row);
}

/// Gradients of one segment's keys and values, with scratch rows.
struct Back {
    keys: Vec<Head>,
    values: Vec<Head>,
    weights: Vec<f32>,
    slopes: Vec<f32>,
}

impl Back {
    fn new(len: usize) -> Self {
        Self {
            keys: vec![[0.0; HEAD_DIM]; len],
            values: vec![[0.0; HEAD_DIM]; len],
            weights: Vec::new(),
            slopes: Vec::new(),
        }
    }

    /// Adds row `i`'s part to keys and values; returns the (turned) query's gradient.
    fn row(&mut self, table: &Table, query: &Head, upstream: &Head, i: usize) -> Head {
        table.weights(query, i, &mut self.weights);
        self.slopes.clear();
        self.slopes.resize(i + 1, 0.0);
        products(upstream, &table.values_across, table.len, &mut self.slopes);
        let mean = dot(&self.weights, &self.slopes);
        for (slope, &weight) in self.slopes.iter_mut().zip(&self.weights) {
            *slope = weight * (*slope - mean) * SCALE;
        }
        let pairs = self.weights.iter().zip(&self.slopes);
        for ((weight, slope), (key, value)) in pairs.zip(self.keys.iter_mut().zip(&mut self.values)) {
            add_scaled_apart(value, *weight, upstream);
            add_scaled_apart(key, *slope, query);
        }
        mix(&self.slopes, &table.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> Heads {
        Heads { heads: 4, kv_heads: 2, rope: Rope::new(64, 10_000.0) }
    }

    fn rows(count: usize, phase: f32) -> Vec<f32> {
        (0..count * heads().row_width()).map(|i| (i as f32 * 0.37 + phase).sin()).collect()
    }

    #[test]
    fn a_row_sees_only_itself_and_earlier_rows_of_its_segment() {
        let heads = heads();
        let segments = [Segment { start: 0, len: 5 }, Segment { start: 5, len: 4 }];
        let before = heads.forward(&rows(9, 0.0), &segments);
        let mut changed = rows(9, 0.0);
        for value in &mut changed[6 * heads.row_width()..7 * heads.row_width()] {
            *value += 1.0;
        }
        let after = heads.forward(&changed, &segments);
        for row in 0..9 {
            let same = before[row * 128..(row + 1) * 128] == after[row * 128..(row + 1) * 128];
            assert_eq!(same, row < 6, "row {row}");
        }
    }

    #[test]
    fn decoding_from_a_cache_equals_the_whole_pass() {
        let heads = heads();
        let table = rows(6, 0.4);
        let whole = heads.forward(&table, &[Segment { start: 0, len: 6 }]);
        let width = heads.row_width();
        for head in 0..4 {
            let cache: Vec<_> =
                (0..6).map(|i| heads.key_value(&table[i * width..(i + 1) * width], head / 2, i)).collect();
            let (keys, values): (Vec<_>, Vec<_>) = cache.into_iter().unzip();
            let out = heads.attend(&table[5 * width..], head, (&keys, &values));
            for (a, b) in out.iter().zip(&whole[5 * 128 + head * HEAD_DIM..]) {
                assert!((a - b).abs() < 1e-5);
            }
        }
    }
}
