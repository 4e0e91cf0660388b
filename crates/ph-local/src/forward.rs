//! The forward pass: always exactly [`ROWS`] rows, a row being one token of one sequence.
//!
//! Called by the batch and by the logits check. Matrix products go over all rows at once (`product`); their bits may
//! change with the number of rows, so the number never changes and unused rows are zero. Everything else is calculated
//! row by row (`row_math`). It must run inside a pool of one thread ([`single_threaded`]): a worker's cost is its own.

use candle_core::Storage;

use crate::LocalError;
use crate::config::ModelConfig;
use crate::kv_cache::{KvCache, Place};
use crate::model::LocalModel;
use crate::product::multiply;
use crate::row_math::{self, Attention, AttentionMemory};
use crate::weights::{Block, Linear};

/// Rows of every forward pass. Measured: with 16 rows the products reach 88 % of the speed that 128 rows reach, and a
/// batch of 16 sequences fills them.
pub(crate) const ROWS: usize = 16;

/// One token of one sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// Which cache the sequence has.
    pub(crate) slot: usize,
    /// The token's position in its sequence; all earlier ones are in the cache or earlier in this step.
    pub(crate) position: usize,
    /// The token.
    pub(crate) token: u32,
    /// Whether the logits after this token are needed.
    pub(crate) wants_logits: bool,
}

/// Working memory of forward passes over one model.
#[derive(Debug)]
pub(crate) struct Forward {
    model: LocalModel,
    /// Residual stream, `[ROWS, hidden]`.
    stream: Vec<f32>,
    /// Input of the next product, `[ROWS, its input width]`.
    input: Vec<f32>,
    /// The rotated queries of one row.
    query: Vec<f32>,
    memory: AttentionMemory,
    /// Logits of the rows that wanted them, in row order.
    logits: Vec<f32>,
}

impl Forward {
    pub(crate) fn new(model: LocalModel) -> Self {
        let config = model.config();
        let stream = vec![0.0; ROWS * config.hidden_size];
        let query = vec![0.0; config.q_width()];
        Self { stream, query, input: Vec::new(), memory: AttentionMemory::default(), logits: Vec::new(), model }
    }

    /// Runs up to [`ROWS`] rows and keeps the logits of those that want them; rows of one sequence stand in order.
    pub(crate) fn step(&mut self, caches: &mut [KvCache], rows: &[Row]) -> Result<(), LocalError> {
        let rows = &rows[..rows.len().min(ROWS)];
        let model = self.model.clone();
        let config = model.config();
        self.embed(rows, config);
        for (layer, block) in model.weights().blocks.iter().enumerate() {
            self.attend(caches, rows, (layer, block))?;
            self.feed(rows, block)?;
        }
        self.head(rows)
    }

    /// Logits of the `n`-th row that wanted them.
    pub(crate) fn logits(&self, n: usize) -> &[f32] {
        let vocab = self.model.config().vocab_size;
        &self.logits[n * vocab..(n + 1) * vocab]
    }

    fn embed(&mut self, rows: &[Row], config: &ModelConfig) {
        let hidden = config.hidden_size;
        let embedding = &self.model.weights().embedding;
        self.stream.fill(0.0);
        for (row, stream) in rows.iter().zip(self.stream.chunks_exact_mut(hidden)) {
            let start = row.token as usize * hidden;
            stream.copy_from_slice(&embedding[start..start + hidden]);
        }
    }

    fn attend(&mut self, caches: &mut [KvCache], rows: &[Row], at: (usize, &Block)) -> Result<(), LocalError> {
        let (layer, block) = at;
        let model = self.model.clone();
        let config = model.config();
        let q_width = config.q_width();
        self.normalise(rows.len(), &block.attention_norm);
        let input = std::mem::take(&mut self.input);
        let mut mixed = vec![0.0; ROWS * q_width];
        product(&input, &block.qkv, |qkv, stride| {
            for (row, qkv) in rows.iter().zip(qkv.chunks_exact(stride)) {
                store(&model, &mut caches[row.slot], (row, layer), &qkv[q_width..]);
            }
            let lines = rows.iter().zip(qkv.chunks_exact(stride)).zip(mixed.chunks_exact_mut(q_width));
            for ((row, qkv), mixed) in lines {
                self.query.copy_from_slice(&qkv[..q_width]);
                self.attend_row(&caches[row.slot], (row, layer), mixed);
            }
        })?;
        self.input = mixed;
        self.add_product(rows.len(), &block.output)
    }

    fn attend_row(&mut self, cache: &KvCache, at: (&Row, usize), mixed: &mut [f32]) {
        let (row, layer) = at;
        let config = self.model.config();
        let (head_dim, group) = (config.head_dim, config.heads / config.kv_heads);
        let (cos, sin) = self.model.rope().at(row.position);
        let heads = self.query.chunks_exact_mut(head_dim).zip(mixed.chunks_exact_mut(head_dim));
        for (head, (query, mixed)) in heads.enumerate() {
            row_math::rotate(query, cos, sin);
            let place = Place { layer, kv_head: head / group };
            let (keys, values) = (cache.keys(place), cache.values(place));
            let attention =
                Attention { query, keys, values, value_width: cache.value_width(), count: row.position + 1 };
            attention.run(&mut self.memory, mixed);
        }
    }

    fn feed(&mut self, rows: &[Row], block: &Block) -> Result<(), LocalError> {
        let wide = self.model.config().intermediate_size;
        self.normalise(rows.len(), &block.feed_norm);
        let mut gated = vec![0.0; ROWS * wide];
        product(&self.input, &block.gate_up, |gate_up, stride| {
            for (both, gated) in gate_up.chunks_exact(stride).zip(gated.chunks_exact_mut(wide)).take(rows.len()) {
                row_math::gate(&both[..wide], &both[wide..2 * wide], gated);
            }
        })?;
        self.input = gated;
        self.add_product(rows.len(), &block.down)
    }

    fn head(&mut self, rows: &[Row]) -> Result<(), LocalError> {
        let model = self.model.clone();
        let config = model.config();
        let (hidden, vocab) = (config.hidden_size, config.vocab_size);
        self.logits.clear();
        self.input.clear();
        self.input.resize(ROWS * hidden, 0.0);
        let wanted = rows.iter().zip(self.stream.chunks_exact(hidden)).filter(|(row, _)| row.wants_logits);
        let mut count = 0;
        for ((_, stream), out) in wanted.zip(self.input.chunks_exact_mut(hidden)) {
            row_math::rms_norm(stream, &model.weights().norm, config.rms_norm_eps, out);
            count += 1;
        }
        if count == 0 {
            return Ok(());
        }
        product(&self.input, &model.weights().head, |logits, stride| {
            for line in logits.chunks_exact(stride).take(count) {
                self.logits.extend_from_slice(&line[..vocab]);
            }
        })
    }

    /// Puts the normalised stream of the first `count` rows into `input`.
    fn normalise(&mut self, count: usize, weight: &[f32]) {
        let config = self.model.config();
        let (hidden, eps) = (config.hidden_size, config.rms_norm_eps);
        self.input.clear();
        self.input.resize(ROWS * hidden, 0.0);
        let lines = self.stream.chunks_exact(hidden).zip(self.input.chunks_exact_mut(hidden));
        for (stream, out) in lines.take(count) {
            row_math::rms_norm(stream, weight, eps, out);
        }
    }

    /// Adds the product of `input` to the stream of the first `count` rows.
    fn add_product(&mut self, count: usize, linear: &Linear) -> Result<(), LocalError> {
        let hidden = self.model.config().hidden_size;
        product(&self.input, linear, |values, stride| {
            let lines = self.stream.chunks_exact_mut(hidden).zip(values.chunks_exact(stride));
            for (stream, line) in lines.take(count) {
                row_math::add(stream, line);
            }
        })
    }
}

/// Rotates and stores the keys and the values of one row.
fn store(model: &LocalModel, cache: &mut KvCache, at: (&Row, usize), keys_values: &[f32]) {
    let (row, layer) = at;
    let config = model.config();
    let (cos, sin) = model.rope().at(row.position);
    let (keys, values) = keys_values.split_at(config.kv_width());
    let mut rotated = keys.to_vec();
    let heads = rotated.chunks_exact_mut(config.head_dim).zip(values.chunks_exact(config.head_dim));
    for (kv_head, (key, value)) in heads.take(config.kv_heads).enumerate() {
        row_math::rotate(key, cos, sin);
        cache.store((Place { layer, kv_head }, row.position), key, value);
    }
}

/// `then(input·W + b, width of a line)`, with lines padded as the weight is.
fn product(input: &[f32], linear: &Linear, then: impl FnOnce(&[f32], usize)) -> Result<(), LocalError> {
    let (width, stride) = linear.weight.dims2()?;
    let (storage, layout) = linear.weight.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        return Err(LocalError::Compute { what: "the weight is not in one piece of main memory".to_owned() });
    };
    let weight = &storage.as_slice::<f32>()?[start..end];
    let mut values = multiply(input, weight, (ROWS, width, stride))?;
    if let Some(bias) = &linear.bias {
        for line in values.chunks_exact_mut(stride) {
            row_math::add(&mut line[..linear.width], bias);
        }
    }
    then(&values, stride);
    Ok(())
}

/// Runs `work` in a pool of one thread, so that candle's products stay on it whatever the machine has.
pub(crate) fn single_threaded<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, LocalError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "model".to_owned()).build();
    let pool = pool.map_err(|error| LocalError::Worker { what: format!("could not start: {error}") })?;
    Ok(pool.install(work))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv_cache::KvShape;
    use crate::model::LoadOptions;
    use crate::tiny;
    use rand::{RngExt as _, SeedableRng as _};

    const SEQUENCES: usize = 16;

    /// Runs sequences together in steps of random composition and compares every logit's bits to running alone.
    fn check(shape: &tiny::Shape, seed: u64) {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let model = LocalModel::load(&tiny::files(shape), &LoadOptions::default()).unwrap();
        let tokens: Vec<Vec<u32>> = (0..SEQUENCES)
            .map(|_| (0..random.random_range(1..40)).map(|_| random.random_range(0..256)).collect())
            .collect();
        let alone: Vec<Vec<Vec<f32>>> =
            tokens.iter().map(|tokens| model.logits_in_chunks(tokens, 1).unwrap()).collect();
        let kv = KvShape::new(model.config(), 64);
        let mut caches: Vec<KvCache> = (0..SEQUENCES).map(|_| KvCache::new(kv)).collect();
        let mut forward = Forward::new(model);
        let mut fed = [0; SEQUENCES];
        while (0..SEQUENCES).any(|slot| fed[slot] < tokens[slot].len()) {
            let mut rows = Vec::new();
            for _ in 0..random.random_range(1..=ROWS) {
                let slot = random.random_range(0..SEQUENCES);
                if let Some(token) = tokens[slot].get(fed[slot]) {
                    let wants_logits = random.random_bool(0.7);
                    rows.push(Row { slot, position: fed[slot], token: *token, wants_logits });
                    fed[slot] += 1;
                }
            }
            forward.step(&mut caches, &rows).unwrap();
            for (n, row) in rows.iter().filter(|row| row.wants_logits).enumerate() {
                let want = &alone[row.slot][row.position];
                let same = forward.logits(n).iter().zip(want).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "seed {seed}: sequence {} at position {}", row.slot, row.position);
            }
        }
    }

    #[test]
    fn a_rows_bits_do_not_depend_on_the_other_rows() {
        for seed in 0..6 {
            check(&tiny::Shape::default(), seed);
        }
        check(&tiny::Shape { bias: true, tied: true, head_dim: 16, ..tiny::Shape::default() }, 99);
        check(&tiny::Shape::reference(), 100);
    }
}
