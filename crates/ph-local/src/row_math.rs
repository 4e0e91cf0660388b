//! What the forward pass calculates for one row alone: normalisation, rotation, attention, gate.
//!
//! Called by the forward pass only. Every function sees one row and sums in an order that depends on nothing but the row's
//! own position, so a row's bits cannot depend on its neighbours. `pulp` picks the machine's vector instructions at run
//! time; the order of every sum is fixed by the code, not by the vectors' width.

use crate::kv_cache::LANES;

/// Runs `work` compiled for the best instruction set that this machine has.
fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    struct Work<F>(F);
    impl<R, F: FnOnce() -> R> pulp::WithSimd for Work<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Work(work))
}

/// `out = x / √(mean(x²) + ε) · weight` (RMSNorm).
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            let mut lanes = [0.0_f32; LANES];
            let (chunks, rest) = x.as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, value) in lanes.iter_mut().zip(chunk) {
                    *lane += value * value;
                }
            }
            let squares = sum(&lanes) + rest.iter().map(|value| value * value).sum::<f32>();
            let scale = 1.0 / (squares / x.len() as f32 + eps).sqrt();
            for ((out, value), weight) in out.iter_mut().zip(x).zip(weight) {
                *out = value * scale * weight;
            }
        },
    );
}

/// Rotates one head's halves by the angles of its position, in place.
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (low, high) = head.split_at_mut(cos.len());
    for (((low, high), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        let (a, b) = (*low, *high);
        *low = a * cos - b * sin;
        *high = b * cos + a * sin;
    }
}

/// `out = silu(gate) · up`.
pub(crate) fn gate(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *out = gate / (1.0 + (-gate).exp()) * up;
    }
}

/// `x += y`.
pub(crate) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// One query head over the first `count` positions of its key-value head.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    /// The rotated query.
    pub(crate) query: &'a [f32],
    /// `[block][head_dim][LANES]`.
    pub(crate) keys: &'a [f32],
    /// `[position][value_width]`.
    pub(crate) values: &'a [f32],
    /// Width of a position's value, padded to whole vectors.
    pub(crate) value_width: usize,
    /// Positions that are visible: this row's own and all before it.
    pub(crate) count: usize,
}

impl Attention<'_> {
    /// Softmax-weighted sum of the values into `out`; `scores` and `mixed` are working memory.
    pub(crate) fn run(&self, work: &mut AttentionMemory, out: &mut [f32]) {
        let AttentionMemory { scores, mixed } = work;
        scores.resize(self.count.next_multiple_of(LANES), 0.0);
        mixed.resize(self.value_width, 0.0);
        pulp::Arch::new().dispatch(Score { attention: *self, scores });
        let visible = &mut scores[..self.count];
        let largest = visible.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = 1.0 / (self.query.len() as f32).sqrt();
        for score in visible.iter_mut() {
            *score = ((*score - largest) * scale).exp();
        }
        let mut lanes = [0.0_f32; LANES];
        for chunk in visible.chunks(LANES) {
            for (lane, weight) in lanes.iter_mut().zip(chunk) {
                *lane += weight;
            }
        }
        let share = 1.0 / sum(&lanes);
        pulp::Arch::new().dispatch(Mix { attention: *self, weights: visible, mixed });
        for (out, mixed) in out.iter_mut().zip(mixed) {
            *out = *mixed * share;
        }
    }
}

/// Working memory of [`Attention::run`].
#[derive(Debug, Default)]
pub(crate) struct AttentionMemory {
    scores: Vec<f32>,
    mixed: Vec<f32>,
}

/// Dot products of the query with all keys of the visible blocks, unscaled.
struct Score<'a> {
    attention: Attention<'a>,
    scores: &'a mut [f32],
}

impl pulp::WithSimd for Score<'_> {
    type Output = ();

    /// A vector holds positions, so every position is summed alone: even and odd places of the head, then both.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let Self { attention, scores } = self;
        let vectors = LANES / S::F32_LANES;
        let (scores, _) = S::as_mut_simd_f32s(scores);
        let (keys, _) = S::as_simd_f32s(attention.keys);
        let head_dim = attention.query.len();
        let blocks = scores.chunks_exact_mut(vectors).zip(keys.chunks_exact(head_dim * vectors));
        for (scores, block) in blocks {
            for (n, score) in scores.iter_mut().enumerate() {
                let zero = simd.splat_f32s(0.0);
                let (mut even, mut odd) = (zero, zero);
                let places = block.chunks_exact(2 * vectors).zip(attention.query.chunks_exact(2));
                for (pair, query) in places {
                    even = simd.mul_add_e_f32s(simd.splat_f32s(query[0]), pair[n], even);
                    odd = simd.mul_add_e_f32s(simd.splat_f32s(query[1]), pair[vectors + n], odd);
                }
                *score = simd.add_f32s(even, odd);
            }
        }
    }
}

/// Sum of the visible values, each times its weight.
struct Mix<'a> {
    attention: Attention<'a>,
    weights: &'a [f32],
    mixed: &'a mut [f32],
}

impl pulp::WithSimd for Mix<'_> {
    type Output = ();

    /// A vector holds places of the head, so every place is summed alone, position by position.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let Self { attention, weights, mixed } = self;
        let (values, _) = S::as_simd_f32s(attention.values);
        let (mixed, _) = S::as_mut_simd_f32s(mixed);
        let width = mixed.len();
        let mut start = 0;
        for four in mixed.chunks_mut(4) {
            if let [a, b, c, d] = four {
                let mut sums = [simd.splat_f32s(0.0); 4];
                for (weight, row) in weights.iter().zip(values.chunks_exact(width)) {
                    if let Some((row, _)) = row[start..].split_first_chunk::<4>() {
                        let weight = simd.splat_f32s(*weight);
                        sums[0] = simd.mul_add_e_f32s(weight, row[0], sums[0]);
                        sums[1] = simd.mul_add_e_f32s(weight, row[1], sums[1]);
                        sums[2] = simd.mul_add_e_f32s(weight, row[2], sums[2]);
                        sums[3] = simd.mul_add_e_f32s(weight, row[3], sums[3]);
                    }
                }
                [*a, *b, *c, *d] = sums;
            } else {
                for (n, mixed) in four.iter_mut().enumerate() {
                    let mut sum = simd.splat_f32s(0.0);
                    for (weight, row) in weights.iter().zip(values.chunks_exact(width)) {
                        sum = simd.mul_add_e_f32s(simd.splat_f32s(*weight), row[start + n], sum);
                    }
                    *mixed = sum;
                }
            }
            start += 4;
        }
    }
}

/// The sum of the lanes, pairwise.
#[inline(always)]
fn sum(lanes: &[f32; LANES]) -> f32 {
    let mut lanes = *lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for n in 0..half {
            lanes[n] += lanes[n + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelConfig;
    use crate::kv_cache::{KvCache, KvShape, Place};
    use crate::tiny;
    use rand::{RngExt as _, SeedableRng as _};

    /// The textbook form, in f64.
    fn slow(query: &[f32], keys: &[Vec<f32>], values: &[Vec<f32>]) -> Vec<f64> {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let scores: Vec<f64> = keys.iter().map(|key| dot(query, key) / (query.len() as f64).sqrt()).collect();
        let total: f64 = scores.iter().map(|score| score.exp()).sum();
        let mix = |d: usize| scores.iter().zip(values).map(|(s, v)| s.exp() / total * f64::from(v[d])).sum();
        (0..query.len()).map(mix).collect()
    }

    fn check(head_dim: usize, count: usize) {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(count as u64);
        let mut vector = || (0..head_dim).map(|_| rng.random_range(-2.0_f32..2.0)).collect::<Vec<f32>>();
        let shape = tiny::Shape { head_dim, ..tiny::Shape::default() };
        let config = ModelConfig::read(&tiny::files(&shape)).unwrap();
        let mut cache = KvCache::new(KvShape::new(&config, 100));
        let place = Place { layer: 1, kv_head: 1 };
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for position in 0..count + 3 {
            let (key, value) = (vector(), vector());
            cache.store((place, position), &key, &value);
            keys.push(key);
            values.push(value);
        }
        let query = vector();
        let mut out = vec![0.0; head_dim];
        let attention = Attention {
            query: &query,
            keys: cache.keys(place),
            values: cache.values(place),
            value_width: cache.value_width(),
            count,
        };
        attention.run(&mut AttentionMemory::default(), &mut out);
        for (got, want) in out.iter().zip(slow(&query, &keys[..count], &values[..count])) {
            assert!((f64::from(*got) - want).abs() < 1e-5, "head_dim {head_dim}, count {count}: {got} {want}");
        }
    }

    #[test]
    fn attention_agrees_with_the_textbook() {
        for head_dim in [2, 12, 16, 32, 40, 64] {
            for count in [1, 2, 15, 16, 17, 33, 90] {
                check(head_dim, count);
            }
        }
    }

    #[test]
    fn norm_has_unit_mean_square() {
        let x: Vec<f32> = (0..37).map(|n| n as f32 - 11.0).collect();
        let mut out = vec![0.0; x.len()];
        rms_norm(&x, &vec![2.0; x.len()], 0.0, &mut out);
        let mean = out.iter().map(|v| v * v).sum::<f32>() / out.len() as f32;
        assert!((mean - 4.0).abs() < 1e-4, "{mean}");
    }
}
