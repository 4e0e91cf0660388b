//! The Llama-shaped network as the trainer runs it: forward and backward over packed segments.
//!
//! Called by `run` (training) and `decode` (held-out checks). Matrix products are candle's; the
//! derivative of each layer is written out, because that needs neither a graph nor the additions to
//! zeroed tensors that generic back-propagation makes. It never reads files and never updates weights.

use candle_core::{CpuStorage, Device, Storage, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::attention::{Heads, Segment};
use super::kernels::{NormInput, Rope, rms_norm, rms_norm_backward, swiglu, swiglu_backward};
use super::loss::{Scored, Target, cross_entropy};

/// Sizes of the network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads of 32 columns.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of the feed-forward part.
    pub intermediate: usize,
    /// Positions the model may use.
    pub positions: usize,
    /// Base of the rotary positions.
    pub rope_theta: f64,
    /// Added to the mean square in the norms.
    pub norm_eps: f32,
}

impl Shape {
    /// Rows of the joined query, key and value projection.
    #[must_use]
    pub fn qkv_rows(&self) -> [usize; 3] {
        let head = super::kernels::HEAD_DIM;
        [self.heads * head, self.kv_heads * head, self.kv_heads * head]
    }

    fn matrices(&self) -> [(usize, usize); 4] {
        let queries = self.qkv_rows()[0];
        [
            (self.qkv_rows().iter().sum(), self.hidden),
            (self.hidden, queries),
            (2 * self.intermediate, self.hidden),
            (self.hidden, self.intermediate),
        ]
    }
}

/// The weights of one layer, or their gradients. Projections that read the same row are joined.
#[derive(Clone)]
pub struct Layer {
    /// Norm before attention.
    pub input_norm: Tensor,
    /// Query, key and value projections, stacked.
    pub qkv: Tensor,
    /// Attention's output projection.
    pub output: Tensor,
    /// Norm before the feed-forward part.
    pub post_norm: Tensor,
    /// Gate and up projections, stacked.
    pub gate_up: Tensor,
    /// Down projection.
    pub down: Tensor,
}

/// All weights, or all gradients.
#[derive(Clone)]
pub struct Weights {
    /// Token embedding, also the output projection.
    pub embed: Tensor,
    /// Layers from the input on.
    pub layers: Vec<Layer>,
    /// The last norm.
    pub norm: Tensor,
}

impl Weights {
    /// Seeded start: normal with deviation 0.02, output projections smaller by `√(2·layers)`.
    ///
    /// # Errors
    /// When candle refuses a shape.
    pub fn random(shape: &Shape, seed: u64) -> Result<Self, TrainError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let small = 0.02 / (2.0 * shape.layers as f32).sqrt();
        let mut matrix = |(rows, columns): (usize, usize), deviation: f32| {
            let values = (0..rows * columns).map(|_| deviation * normal(&mut rng)).collect();
            tensor(values, columns)
        };
        let embed = matrix((shape.vocab, shape.hidden), 0.1)?;
        let ones = Tensor::from_vec(vec![1f32; shape.hidden], shape.hidden, &Device::Cpu)?;
        let mut layers = Vec::new();
        for _ in 0..shape.layers {
            let [qkv, _, gate_up, down] = shape.matrices();
            let (qkv, output) = kindred(shape, &matrix(qkv, 0.04)?)?;
            layers.push(Layer {
                input_norm: ones.clone(),
                qkv,
                output,
                post_norm: ones.clone(),
                gate_up: matrix(gate_up, 0.04)?,
                down: matrix(down, small)?,
            });
        }
        Ok(Self { embed, layers, norm: ones })
    }

    /// Every tensor, in a fixed order.
    #[must_use]
    pub fn each(&self) -> Vec<&Tensor> {
        let mut all = vec![&self.embed];
        for l in &self.layers {
            all.extend([&l.input_norm, &l.qkv, &l.output, &l.post_norm, &l.gate_up, &l.down]);
        }
        all.push(&self.norm);
        all
    }

    /// Every tensor, in the order of [`Self::each`].
    pub fn each_mut(&mut self) -> Vec<&mut Tensor> {
        let mut all = vec![&mut self.embed];
        for l in &mut self.layers {
            all.extend([&mut l.input_norm, &mut l.qkv, &mut l.output]);
            all.extend([&mut l.post_norm, &mut l.gate_up, &mut l.down]);
        }
        all.push(&mut self.norm);
        all
    }
}

/// Makes attention start from rows that resemble each other and pass them on unchanged: the first query
/// head of each group equals its key head, and the output projection is the values' transpose. Copying
/// is learned much sooner so (after "mimetic initialization", Trockman and Kolter 2023).
fn kindred(shape: &Shape, random: &Tensor) -> Result<(Tensor, Tensor), TrainError> {
    let head = super::kernels::HEAD_DIM;
    let [queries, keys, values] = shape.qkv_rows();
    let key_rows = (random.narrow(0, queries, keys)? * 2.0)?;
    let value_rows = random.narrow(0, queries + keys, values)?;
    let group = shape.heads / shape.kv_heads;
    let (mut query_parts, mut output_parts) = (Vec::new(), Vec::new());
    for index in 0..shape.heads {
        let kv_head = index / group * head;
        let is_first = index % group == 0;
        query_parts.push(if is_first {
            key_rows.narrow(0, kv_head, head)?
        } else {
            random.narrow(0, index * head, head)?
        });
        output_parts.push((value_rows.narrow(0, kv_head, head)?.t()? * 0.35)?);
    }
    let query_rows = Tensor::cat(&query_parts, 0)?;
    let qkv = Tensor::cat(&[query_rows, key_rows, value_rows], 0)?;
    Ok((qkv, Tensor::cat(&output_parts, 1)?.contiguous()?))
}

/// Sum of twelve uniform numbers less six: near enough to a normal one for a start.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0
}

/// Rows of tokens in segments, and the places whose next token is to be learned.
pub struct Batch {
    /// Tokens of all segments, one after the other.
    pub tokens: Vec<u32>,
    /// The segments, which cover `tokens`.
    pub segments: Vec<Segment>,
    /// What is to be predicted, where.
    pub targets: Vec<Target>,
}

/// What one layer's backward pass needs again.
struct Saved {
    x: Tensor,
    x_inverse: Vec<f32>,
    x_norm: Tensor,
    qkv: Tensor,
    mixed: Tensor,
    middle: Tensor,
    middle_inverse: Vec<f32>,
    middle_norm: Tensor,
    gate_up: Tensor,
    hidden: Tensor,
}

/// The network's fixed parts; weights are passed in.
pub struct Network {
    /// Sizes.
    pub shape: Shape,
    /// Attention.
    pub heads: Heads,
}

impl Network {
    /// A network of these sizes.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let rope = Rope::new(shape.positions, shape.rope_theta);
        Self { shape, heads: Heads { heads: shape.heads, kv_heads: shape.kv_heads, rope } }
    }

    /// Weighted mean loss of a batch with its gradients.
    ///
    /// # Errors
    /// When candle fails, or a token lies outside the vocabulary.
    pub fn loss_and_gradients(&self, weights: &Weights, batch: &Batch) -> Result<(Scored, Weights), TrainError> {
        let mut x = embed(&weights.embed, &batch.tokens)?;
        let mut saved = Vec::new();
        for layer in &weights.layers {
            let (next, kept) = self.layer_forward(layer, x, &batch.segments)?;
            saved.push(kept);
            x = next;
        }
        let (normed, inverse) = self.norm(&x, &weights.norm)?;
        let (scored, mut grad_embed, grad_normed) = self.head(weights, &normed, batch)?;
        let mut grad = vec![0.0; x.elem_count()];
        let grad_norm = self.norm_backward((&x, &weights.norm, inverse.as_slice()), &grad_normed, &mut grad)?;
        let mut layers = Vec::new();
        for (layer, kept) in weights.layers.iter().zip(saved).rev() {
            let (next, gradients) = self.layer_backward(layer, &kept, (grad, &batch.segments))?;
            layers.push(gradients);
            grad = next;
        }
        layers.reverse();
        scatter_rows(&mut grad_embed, &batch.tokens, &grad);
        let embed = tensor(grad_embed, self.shape.hidden)?;
        Ok((scored, Weights { embed, layers, norm: grad_norm }))
    }

    /// Attention rows of every layer (joined query, key and value) and the normed last states.
    ///
    /// # Errors
    /// When candle fails, or a token lies outside the vocabulary.
    pub fn states(&self, weights: &Weights, batch: &Batch) -> Result<(Vec<Tensor>, Tensor), TrainError> {
        let mut x = embed(&weights.embed, &batch.tokens)?;
        let mut rows = Vec::new();
        for layer in &weights.layers {
            let (next, kept) = self.layer_forward(layer, x, &batch.segments)?;
            rows.push(kept.qkv);
            x = next;
        }
        Ok((rows, self.norm(&x, &weights.norm)?.0))
    }

    fn layer_forward(&self, layer: &Layer, x: Tensor, segments: &[Segment]) -> Result<(Tensor, Saved), TrainError> {
        let (x_norm, x_inverse) = self.norm(&x, &layer.input_norm)?;
        let qkv = x_norm.matmul(&layer.qkv.t()?)?;
        let mixed = read(&qkv, |rows| self.heads.forward(rows, segments))?;
        let mixed = tensor(mixed, self.shape.qkv_rows()[0])?;
        let middle = (&x + mixed.matmul(&layer.output.t()?)?)?;
        let (next, saved) = self.feed_forward(layer, &middle)?;
        let (middle_inverse, middle_norm, gate_up, hidden) = saved;
        let kept = Saved { x, x_inverse, x_norm, qkv, mixed, middle, middle_inverse, middle_norm, gate_up, hidden };
        Ok((next, kept))
    }

    /// The second half of a layer: what it adds to `middle`, and what its backward pass needs.
    #[expect(clippy::type_complexity, reason = "unpacked at once by the only two callers")]
    pub(super) fn feed_forward(
        &self,
        layer: &Layer,
        middle: &Tensor,
    ) -> Result<(Tensor, (Vec<f32>, Tensor, Tensor, Tensor)), TrainError> {
        let width = self.shape.intermediate;
        let (normed, inverse) = self.norm(middle, &layer.post_norm)?;
        let gate_up = normed.matmul(&layer.gate_up.t()?)?;
        let hidden = tensor(read(&gate_up, |rows| swiglu(rows, width))?, width)?;
        let next = (middle + hidden.matmul(&layer.down.t()?)?)?;
        Ok((next, (inverse, normed, gate_up, hidden)))
    }

    fn layer_backward(
        &self,
        layer: &Layer,
        kept: &Saved,
        upstream: (Vec<f32>, &[Segment]),
    ) -> Result<(Vec<f32>, Layer), TrainError> {
        let (mut grad, segments) = upstream;
        let width = self.shape.intermediate;
        let top = tensor(grad.clone(), self.shape.hidden)?;
        let down = top.t()?.matmul(&kept.hidden)?;
        let grad_hidden = top.matmul(&layer.down)?;
        let grad_gate_up = read(&kept.gate_up, |rows| read(&grad_hidden, |g| swiglu_backward(rows, g, width)))??;
        let grad_gate_up = tensor(grad_gate_up, 2 * width)?;
        let gate_up = grad_gate_up.t()?.matmul(&kept.middle_norm)?;
        let into = grad_gate_up.matmul(&layer.gate_up)?;
        let post = (&kept.middle, &layer.post_norm, kept.middle_inverse.as_slice());
        let post_norm = self.norm_backward(post, &into, &mut grad)?;

        let middle = tensor(grad.clone(), self.shape.hidden)?;
        let output = middle.t()?.matmul(&kept.mixed)?;
        let grad_mixed = middle.matmul(&layer.output)?;
        let grad_qkv = read(&kept.qkv, |rows| read(&grad_mixed, |g| self.heads.backward(rows, g, segments)))??;
        let grad_qkv = tensor(grad_qkv, self.heads.row_width())?;
        let qkv = grad_qkv.t()?.matmul(&kept.x_norm)?;
        let into = grad_qkv.matmul(&layer.qkv)?;
        let input = (&kept.x, &layer.input_norm, kept.x_inverse.as_slice());
        let input_norm = self.norm_backward(input, &into, &mut grad)?;
        Ok((grad, Layer { input_norm, qkv, output, post_norm, gate_up, down }))
    }

    /// Loss at the targets, the embedding's gradient from the output side, and the states' gradient.
    fn head(
        &self,
        weights: &Weights,
        normed: &Tensor,
        batch: &Batch,
    ) -> Result<(Scored, Vec<f32>, Tensor), TrainError> {
        let rows: Vec<u32> = batch.targets.iter().map(|t| t.row as u32).collect();
        let chosen = read(normed, |values| gather_rows(values, &rows, self.shape.hidden))?;
        let chosen = tensor(chosen, self.shape.hidden)?;
        let logits = chosen.matmul(&weights.embed.t()?)?;
        let (scored, grad_logits) = read(&logits, |values| cross_entropy(values, &batch.targets))?;
        let grad_logits = tensor(grad_logits, self.shape.vocab)?;
        let grad_embed = read(&grad_logits.t()?.matmul(&chosen)?, <[f32]>::to_vec)?;
        let grad_chosen = grad_logits.matmul(&weights.embed)?;
        let mut grad_normed = vec![0.0; normed.elem_count()];
        read(&grad_chosen, |values| scatter_rows(&mut grad_normed, &rows, values))?;
        Ok((scored, grad_embed, tensor(grad_normed, self.shape.hidden)?))
    }

    pub(super) fn norm(&self, x: &Tensor, weight: &Tensor) -> Result<(Tensor, Vec<f32>), TrainError> {
        let eps = self.shape.norm_eps;
        let (out, inverse) = read(x, |x| read(weight, |weight| rms_norm(x, weight, eps)))??;
        Ok((tensor(out, self.shape.hidden)?, inverse))
    }

    fn norm_backward(
        &self,
        input: (&Tensor, &Tensor, &[f32]),
        grad: &Tensor,
        grad_x: &mut [f32],
    ) -> Result<Tensor, TrainError> {
        let (x, weight, inverse) = input;
        let grad_weight = read(x, |x| {
            read(weight, |weight| read(grad, |grad| rms_norm_backward(&NormInput { x, weight, inverse }, grad, grad_x)))
        })???;
        Ok(Tensor::from_vec(grad_weight, self.shape.hidden, &Device::Cpu)?)
    }
}

/// A matrix of `columns` columns that takes over `values`.
pub(super) fn tensor(values: Vec<f32>, columns: usize) -> Result<Tensor, TrainError> {
    let rows = values.len() / columns;
    Ok(Tensor::from_vec(values, (rows, columns), &Device::Cpu)?)
}

/// Runs `use_values` on the contiguous values of a tensor, without a copy.
pub(super) fn read<R>(t: &Tensor, use_values: impl FnOnce(&[f32]) -> R) -> Result<R, TrainError> {
    let (storage, layout) = t.storage_and_layout();
    let (from, to) = layout.contiguous_offsets().ok_or(TrainError::Layout)?;
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => Ok(use_values(&values[from..to])),
        _ => Err(TrainError::Layout),
    }
}

/// Embedding rows of the tokens.
pub(super) fn embed(table: &Tensor, tokens: &[u32]) -> Result<Tensor, TrainError> {
    let (vocab, width) = table.dims2()?;
    if let Some(&token) = tokens.iter().find(|&&token| token as usize >= vocab) {
        return Err(TrainError::Token { token, vocab });
    }
    tensor(read(table, |values| gather_rows(values, tokens, width))?, width)
}

fn gather_rows(values: &[f32], rows: &[u32], width: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        out.extend_from_slice(&values[row as usize * width..(row as usize + 1) * width]);
    }
    out
}

fn scatter_rows(to: &mut [f32], rows: &[u32], values: &[f32]) {
    let width = values.len() / rows.len().max(1);
    for (&row, from) in rows.iter().zip(values.chunks_exact(width.max(1))) {
        let at = row as usize * width;
        for (sum, value) in to[at..at + width].iter_mut().zip(from) {
            *sum += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape {
            vocab: 19,
            hidden: 64,
            layers: 2,
            heads: 2,
            kv_heads: 1,
            intermediate: 48,
            positions: 32,
            rope_theta: 10_000.0,
            norm_eps: 1e-5,
        }
    }

    fn batch() -> Batch {
        let tokens: Vec<u32> = (0..14).map(|i| (i * 7 + 3) % 19).collect();
        let segments = vec![Segment { start: 0, len: 9 }, Segment { start: 9, len: 5 }];
        let target = |row: usize| Target { row, token: (row as u32 * 5) % 19, weight: 1.0 + row as f32 };
        Batch { tokens, segments, targets: [2, 7, 10, 13].map(target).to_vec() }
    }

    fn loss(network: &Network, weights: &Weights) -> f64 {
        network.loss_and_gradients(weights, &batch()).unwrap().0.mean
    }

    /// The directional derivative along each tensor's own gradient equals the gradient's squared length.
    #[test]
    fn gradients_match_finite_differences() {
        let network = Network::new(shape());
        let mut weights = Weights::random(&shape(), 5).unwrap();
        for t in weights.each_mut() {
            *t = (&*t * 3.0).unwrap();
        }
        let (_, gradients) = network.loss_and_gradients(&weights, &batch()).unwrap();
        for (index, gradient) in gradients.each().into_iter().enumerate() {
            let squared = f64::from(gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap());
            assert!(squared > 0.0, "tensor {index} has no gradient");
            let step = (0.01 / squared).min(0.01 / squared.sqrt());
            let moved = |sign: f64| {
                let mut moved = weights.clone();
                let all = moved.each_mut();
                for (i, t) in all.into_iter().enumerate() {
                    if i == index {
                        *t = (&*t + (gradient * (sign * step)).unwrap()).unwrap();
                    }
                }
                loss(&network, &moved)
            };
            let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
            assert!((slope / squared - 1.0).abs() < 0.02, "tensor {index}: {slope} against {squared}");
        }
    }
}
