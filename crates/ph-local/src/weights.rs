//! Weights from safetensors files, checked against the configuration and laid out for the forward pass.
//!
//! Called by the loader. Offsets, shapes and kinds in a header are claims: they are checked against each other, against
//! the file's real length and against [`ModelConfig`] before a byte of weights is read, and memory grows only with bytes
//! that are there. Numbers are converted to f32; a value that is not finite is refused by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::LocalError;
use crate::config::{ModelConfig, clip, parse};
use crate::files::{ModelFiles, OpenFile};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Largest header that is parsed, as in the safetensors specification.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// Bytes that a file may have beyond what its configuration explains (buffers of older exports, padding).
const SLACK_BYTES: u64 = 256 << 20;

/// Columns of a packed weight are padded to a multiple of this, so that the product needs no copy of the weight.
const COLUMN_ALIGN: usize = 16;

/// A linear map: `y = x·W + b`, several projections of one input side by side.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    /// `[input width, padded output width]`, row-major.
    pub(crate) weight: Tensor,
    /// Output width without padding.
    pub(crate) width: usize,
    /// Bias of every output, where the model has biases.
    pub(crate) bias: Option<Vec<f32>>,
}

/// One block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) qkv: Linear,
    pub(crate) output: Linear,
    pub(crate) feed_norm: Vec<f32>,
    pub(crate) gate_up: Linear,
    pub(crate) down: Linear,
}

/// All weights of a model.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// `[vocab, hidden]`, row-major.
    pub(crate) embedding: Vec<f32>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) norm: Vec<f32>,
    pub(crate) head: Linear,
}

impl Weights {
    pub(crate) fn read(files: &ModelFiles, config: &ModelConfig) -> Result<Self, LocalError> {
        let mut store = TensorStore::open(files, config)?;
        let (vocab, hidden) = (config.vocab_size, config.hidden_size);
        let embedding = store.read("model.embed_tokens.weight", &[vocab, hidden])?;
        let head = if config.tied {
            pack(&[(&embedding, vocab)], hidden, None)?
        } else {
            let weight = store.read("lm_head.weight", &[vocab, hidden])?;
            pack(&[(&weight, vocab)], hidden, None)?
        };
        let norm = store.read("model.norm.weight", &[hidden])?;
        let blocks = (0..config.layers).map(|n| store.block(n, config)).collect::<Result<_, _>>()?;
        Ok(Self { embedding, blocks, norm, head })
    }
}

/// One projection of a block, as stored: `[width, input]`.
struct Part<'a> {
    name: &'a str,
    width: usize,
}

struct TensorStore<'a> {
    files: &'a ModelFiles,
    shards: BTreeMap<String, Shard<'a>>,
    /// Tensor name → shard name, from the index; empty for a single file.
    placed: BTreeMap<String, String>,
}

struct Shard<'a> {
    file: OpenFile<'a>,
    data_start: u64,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct RawIndex {
    weight_map: BTreeMap<String, String>,
}

impl<'a> TensorStore<'a> {
    fn open(files: &'a ModelFiles, config: &ModelConfig) -> Result<Self, LocalError> {
        let length_max = config.parameters().saturating_mul(8).saturating_add(SLACK_BYTES);
        let mut store = Self { files, shards: BTreeMap::new(), placed: BTreeMap::new() };
        if !files.has(SINGLE) && files.has(INDEX) {
            let index: RawIndex = parse(files, INDEX, &files.read_text(INDEX)?)?;
            store.placed = index.weight_map;
        }
        let mut names: Vec<String> = store.placed.values().cloned().collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            names.push(SINGLE.to_owned());
        }
        for name in names {
            let shard = Shard::open(files.open(&name)?, length_max)?;
            store.shards.insert(name, shard);
        }
        Ok(store)
    }

    fn block(&mut self, n: usize, config: &ModelConfig) -> Result<Block, LocalError> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let (q, kv) = (config.q_width(), config.kv_width());
        let part = |name, width| Part { name, width };
        let attention = format!("model.layers.{n}.self_attn.");
        let feed = format!("model.layers.{n}.mlp.");
        let (bias, feed_bias) = (config.attention_bias, config.mlp_bias);
        Ok(Block {
            attention_norm: self.read(&format!("model.layers.{n}.input_layernorm.weight"), &[hidden])?,
            qkv: {
                let parts = [part("q_proj", q), part("k_proj", kv), part("v_proj", kv)];
                self.linear(&attention, &parts, (hidden, bias))?
            },
            output: self.linear(&attention, &[part("o_proj", hidden)], (q, bias))?,
            feed_norm: self.read(&format!("model.layers.{n}.post_attention_layernorm.weight"), &[hidden])?,
            gate_up: {
                let parts = [part("gate_proj", wide), part("up_proj", wide)];
                self.linear(&feed, &parts, (hidden, feed_bias))?
            },
            down: self.linear(&feed, &[part("down_proj", hidden)], (wide, feed_bias))?,
        })
    }

    /// Reads projections of one input and packs them side by side; `input` is its width and whether there are biases.
    fn linear(&mut self, prefix: &str, parts: &[Part<'_>], input: (usize, bool)) -> Result<Linear, LocalError> {
        let (input, has_bias) = input;
        let mut weights = Vec::with_capacity(parts.len());
        let mut bias = has_bias.then(Vec::new);
        for part in parts {
            let weight = self.read(&format!("{prefix}{}.weight", part.name), &[part.width, input])?;
            weights.push((weight, part.width));
            if let Some(bias) = &mut bias {
                bias.extend(self.read(&format!("{prefix}{}.bias", part.name), &[part.width])?);
            }
        }
        let borrowed: Vec<(&[f32], usize)> =
            weights.iter().map(|(weight, width)| (weight.as_slice(), *width)).collect();
        pack(&borrowed, input, bias)
    }

    /// Reads one tensor of exactly this shape as f32.
    fn read(&mut self, tensor: &str, shape: &[usize]) -> Result<Vec<f32>, LocalError> {
        let shard_name = match self.placed.get(tensor) {
            Some(name) => name.clone(),
            None if self.placed.is_empty() => SINGLE.to_owned(),
            None => return Err(missing(self.files.path_of(INDEX), tensor)),
        };
        let Some(shard) = self.shards.get_mut(&shard_name) else {
            return Err(missing(self.files.path_of(&shard_name), tensor));
        };
        shard.read(tensor, shape)
    }
}

impl<'a> Shard<'a> {
    /// Reads and checks the header: `u64` little-endian length, JSON of that length, data.
    fn open(mut file: OpenFile<'a>, length_max: u64) -> Result<Self, LocalError> {
        let length = file.length()?;
        let path = file.path.clone();
        let unsound = |what: String| LocalError::Weights { path: path.clone(), what };
        if length < 8 {
            return Err(unsound(format!("it has `{length}` bytes, less than the 8 of its header's length")));
        }
        if length > length_max {
            return Err(unsound(format!(
                "it has `{length}` bytes, more than the `{length_max}` that config.json can explain"
            )));
        }
        let header_length = u64::from_le_bytes(first_eight(&file.read_range(0, 8)?));
        if header_length > HEADER_BYTES_MAX || header_length > length - 8 {
            return Err(unsound(format!(
                "it declares a header of `{header_length}` bytes, but the file has `{length}` bytes"
            )));
        }
        let header = file.read_range(8, header_length)?;
        let DistinctKeys =
            serde_json::from_slice(&header).map_err(|error| unsound(clip(&format!("header: {error}"))))?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| unsound(clip(&format!("header: {error}"))))?;
        let data_length = length - 8 - header_length;
        let declared = metadata.data_len() as u64;
        if declared != data_length {
            return Err(unsound(format!(
                "its header declares `{declared}` bytes of tensors, but `{data_length}` are in the file (truncated or padded)"
            )));
        }
        Ok(Self { file, data_start: 8 + header_length, metadata })
    }

    fn read(&mut self, tensor: &str, shape: &[usize]) -> Result<Vec<f32>, LocalError> {
        let path = self.file.path.clone();
        let Some(info) = self.metadata.info(tensor) else {
            return Err(missing(path, tensor));
        };
        let refuse = |what| LocalError::Tensor { path: path.clone(), tensor: tensor.to_owned(), what };
        if info.shape != shape {
            return Err(refuse(format!("has shape `{:?}`, but config.json calls for `{shape:?}`", info.shape)));
        }
        let (start, end) = range(info);
        let dtype = info.dtype;
        let bytes = self.file.read_range(self.data_start.saturating_add(start), end - start)?;
        let values = to_f32(dtype, &bytes)
            .ok_or_else(|| refuse(format!("is stored as `{dtype:?}`; the runtime reads F32, F16 and BF16")))?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => Err(refuse(format!("holds `{}` at element `{at}`", values[at]))),
        }
    }
}

/// An object in which no key comes twice: of two tensors of one name it would be chance which one counts.
struct DistinctKeys;

impl<'de> Deserialize<'de> for DistinctKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = DistinctKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DistinctKeys, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if let Some(twice) = seen.replace(key) {
                return Err(A::Error::custom(format!("the key `{twice}` comes twice")));
            }
        }
        Ok(DistinctKeys)
    }
}

fn range(info: &TensorInfo) -> (u64, u64) {
    let (start, end) = info.data_offsets;
    (start as u64, end as u64)
}

fn missing(path: String, tensor: &str) -> LocalError {
    LocalError::Tensor { path, tensor: tensor.to_owned(), what: "is missing".to_owned() }
}

fn first_eight(bytes: &[u8]) -> [u8; 8] {
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(bytes) {
        *to = *from;
    }
    eight
}

/// Little-endian numbers as f32; `None` for a kind that is not read.
fn to_f32(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let pairs = || bytes.as_chunks::<2>().0.iter();
    match dtype {
        Dtype::F32 => Some(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => Some(pairs().map(|b| f16::from_le_bytes(*b).to_f32()).collect()),
        Dtype::BF16 => Some(pairs().map(|b| bf16::from_le_bytes(*b).to_f32()).collect()),
        _ => None,
    }
}

/// Puts `[width, input]` matrices side by side as one `[input, Σ width (padded)]` matrix.
fn pack(parts: &[(&[f32], usize)], input: usize, bias: Option<Vec<f32>>) -> Result<Linear, LocalError> {
    let width: usize = parts.iter().map(|(_, width)| width).sum();
    let padded = width.next_multiple_of(COLUMN_ALIGN);
    let mut packed = vec![0.0_f32; input * padded];
    let mut left = 0;
    for (weight, part_width) in parts {
        for (column, row) in weight.chunks_exact(input).enumerate() {
            for (i, value) in row.iter().enumerate() {
                packed[i * padded + left + column] = *value;
            }
        }
        left += part_width;
    }
    let weight = Tensor::from_vec(packed, (input, padded), &Device::Cpu)?;
    Ok(Linear { weight, width, bias })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_convert_exactly() {
        let bytes: Vec<u8> = [1.5_f32, -2.0, 0.0].iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
        assert_eq!(to_f32(Dtype::F16, &bytes).unwrap(), [1.5, -2.0, 0.0]);
        let bytes: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
        assert_eq!(to_f32(Dtype::BF16, &bytes).unwrap(), [1.5, -2.0]);
        assert!(to_f32(Dtype::I64, &bytes).is_none());
    }

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        let read =
            |text: &str| serde_json::from_str::<DistinctKeys>(text).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(read(r#"{"a": {"x": 1}, "b": [1, 2]}"#), Ok(()));
        assert!(read(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap_err().contains("`a` comes twice"));
        assert!(read("[1]").is_err());
    }

    #[test]
    fn packing_puts_projections_side_by_side_and_pads() {
        let a = [1.0, 2.0, 3.0, 4.0];
        let b = [5.0, 6.0];
        let packed = pack(&[(&a, 2), (&b, 1)], 2, None).unwrap();
        assert_eq!(packed.width, 3);
        assert_eq!(packed.weight.dims(), [2, 16]);
        let rows = packed.weight.to_vec2::<f32>().unwrap();
        assert_eq!(rows[0][..4], [1.0, 3.0, 5.0, 0.0]);
        assert_eq!(rows[1][..4], [2.0, 4.0, 6.0, 0.0]);
    }
}
