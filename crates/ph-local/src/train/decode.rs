//! Greedy decoding with a cache, for held-out checks while training.
//!
//! Called by `measure`. Assessments use the runtime instead; this one only has to be quick over the
//! trainer's own weights.

use candle_core::Tensor;

use super::TrainError;
use super::attention::Segment;
use super::kernels::HEAD_DIM;
use super::model::{Batch, Network, Weights, embed, read, tensor};

/// Longest prompt batch, in tokens.
const CHUNK_TOKENS: usize = 8_192;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The token that ends a reply.
    pub end: u32,
    /// Longest reply, in tokens.
    pub tokens_max: usize,
}

#[derive(Default, Clone)]
struct HeadCache {
    keys: Vec<[f32; HEAD_DIM]>,
    values: Vec<[f32; HEAD_DIM]>,
}

struct Reply {
    caches: Vec<Vec<HeadCache>>,
    next: u32,
    tokens: Vec<u32>,
}

/// The likeliest reply to each prompt, without the end token.
///
/// # Errors
/// When candle fails, or a token lies outside the vocabulary.
pub fn replies(
    network: &Network,
    weights: &Weights,
    prompts: &[Vec<u32>],
    stop: Stop,
) -> Result<Vec<Vec<u32>>, TrainError> {
    let mut done = Vec::with_capacity(prompts.len());
    let mut rest = prompts;
    while !rest.is_empty() {
        let mut tokens = 0;
        let fits = |prompt: &&Vec<u32>| {
            tokens += prompt.len();
            tokens <= CHUNK_TOKENS
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (chunk, later) = rest.split_at(count);
        done.extend(chunk_replies(network, weights, chunk, stop)?);
        rest = later;
    }
    Ok(done)
}

fn chunk_replies(
    network: &Network,
    weights: &Weights,
    prompts: &[Vec<u32>],
    stop: Stop,
) -> Result<Vec<Vec<u32>>, TrainError> {
    let mut all = prefill(network, weights, prompts)?;
    for _ in 0..stop.tokens_max {
        let mut active: Vec<&mut Reply> = all.iter_mut().filter(|r| r.next != stop.end).collect();
        if active.is_empty() {
            break;
        }
        for reply in &mut active {
            reply.tokens.push(reply.next);
        }
        step(network, weights, &mut active)?;
    }
    Ok(all.into_iter().map(|reply| reply.tokens).collect())
}

fn prefill(network: &Network, weights: &Weights, prompts: &[Vec<u32>]) -> Result<Vec<Reply>, TrainError> {
    let mut batch = Batch { tokens: Vec::new(), segments: Vec::new(), targets: Vec::new() };
    for prompt in prompts {
        batch.segments.push(Segment { start: batch.tokens.len(), len: prompt.len() });
        batch.tokens.extend(prompt);
    }
    let (layers, normed) = network.states(weights, &batch)?;
    let ends: Vec<u32> = batch.segments.iter().map(|s| (s.start + s.len - 1) as u32).collect();
    let last = normed.index_select(&Tensor::new(ends, normed.device())?, 0)?;
    let next = likeliest(&last, weights)?;
    let new = |next| Reply { caches: Vec::new(), next, tokens: Vec::new() };
    let mut all: Vec<Reply> = next.into_iter().map(new).collect();
    let width = network.heads.row_width();
    for layer in &layers {
        read(layer, |rows| {
            for (reply, segment) in all.iter_mut().zip(&batch.segments) {
                let mut cache = vec![HeadCache::default(); network.heads.kv_heads];
                for (position, row) in rows[segment.start * width..].chunks_exact(width).take(segment.len).enumerate() {
                    push_row(network, &mut cache, row, position);
                }
                reply.caches.push(cache);
            }
        })?;
    }
    Ok(all)
}

fn push_row(network: &Network, cache: &mut [HeadCache], row: &[f32], position: usize) {
    for (kv_head, head) in cache.iter_mut().enumerate() {
        let (key, value) = network.heads.key_value(row, kv_head, position);
        head.keys.push(key);
        head.values.push(value);
    }
}

fn step(network: &Network, weights: &Weights, active: &mut [&mut Reply]) -> Result<(), TrainError> {
    let tokens: Vec<u32> = active.iter().map(|reply| reply.next).collect();
    let mut x = embed(&weights.embed, &tokens)?;
    for (index, layer) in weights.layers.iter().enumerate() {
        let (normed, _) = network.norm(&x, &layer.input_norm)?;
        let qkv = normed.matmul(&layer.qkv.t()?)?;
        let mixed = read(&qkv, |rows| attend(network, active, index, rows))?;
        let mixed = tensor(mixed, network.heads.heads * HEAD_DIM)?;
        let middle = (&x + mixed.matmul(&layer.output.t()?)?)?;
        x = network.feed_forward(layer, &middle)?.0;
    }
    let (normed, _) = network.norm(&x, &weights.norm)?;
    for (reply, next) in active.iter_mut().zip(likeliest(&normed, weights)?) {
        reply.next = next;
    }
    Ok(())
}

fn attend(network: &Network, active: &mut [&mut Reply], layer: usize, rows: &[f32]) -> Vec<f32> {
    let heads = &network.heads;
    let mut out = Vec::with_capacity(active.len() * heads.heads * HEAD_DIM);
    for (reply, row) in active.iter_mut().zip(rows.chunks_exact(heads.row_width())) {
        let cache = &mut reply.caches[layer];
        let position = cache[0].keys.len();
        push_row(network, cache, row, position);
        for head in 0..heads.heads {
            let served = &cache[head * heads.kv_heads / heads.heads];
            out.extend(heads.attend(row, head, (&served.keys, &served.values)));
        }
    }
    out
}

fn likeliest(states: &Tensor, weights: &Weights) -> Result<Vec<u32>, TrainError> {
    Ok(states.matmul(&weights.embed.t()?)?.argmax(1)?.to_vec1::<u32>()?)
}
