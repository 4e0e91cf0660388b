//! Tiny random models for tests: any shape, byte-level tokenizer, weights from a seed. Shared by the unit tests (as
//! `crate::tiny`), the integration tests and the benches.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(unreachable_pub, reason = "a module of tests")]
#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use super::{LocalTokenizer, ModelFiles};

/// Spellings of the special tokens; the last two are ordinary text.
const ADDED: [(&str, bool); 8] = [
    ("<|system|>", true),
    ("<|user|>", true),
    ("<|assistant|>", true),
    ("<|tool|>", true),
    ("<|end|>", true),
    ("<|pad|>", true),
    ("<tool_call>", false),
    ("</tool_call>", false),
];

/// Bytes first, then the added tokens.
pub const BYTE_IDS: usize = 256;
/// The id of `<|end|>`.
pub const END: u32 = 260;

const TEMPLATE: &str = "{% for m in messages %}{{ '<|' ~ m.role ~ '|>' ~ m.content ~ '<|end|>' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/// The shape of a tiny model.
#[derive(Debug, Clone)]
pub struct Shape {
    pub vocab: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub intermediate: usize,
    pub context: usize,
    pub tied: bool,
    pub bias: bool,
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            vocab: 272,
            hidden: 32,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 12,
            intermediate: 48,
            context: 256,
            tied: false,
            bias: false,
            seed: 7,
        }
    }
}

impl Shape {
    /// The shape of the reference models.
    pub fn reference() -> Self {
        Self {
            vocab: 1216,
            hidden: 128,
            layers: 4,
            head_dim: 32,
            intermediate: 352,
            context: 2048,
            tied: true,
            ..Self::default()
        }
    }
}

/// The files of a random model of this shape, in memory.
pub fn files(shape: &Shape) -> ModelFiles {
    ModelFiles::embedded("tiny", map(shape))
}

/// The same as a map, for tests that damage it.
pub fn map(shape: &Shape) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("config.json".to_owned(), config(shape).to_string().into_bytes()),
        ("generation_config.json".to_owned(), br#"{"eos_token_id": 260}"#.to_vec()),
        ("tokenizer.json".to_owned(), tokenizer_json().to_string().into_bytes()),
        (
            "tokenizer_config.json".to_owned(),
            json!({ "chat_template": TEMPLATE, "eos_token": "<|end|>" }).to_string().into_bytes(),
        ),
        ("model.safetensors".to_owned(), weights(shape)),
    ])
}

/// `config.json` of this shape.
pub fn config(shape: &Shape) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "vocab_size": shape.vocab, "hidden_size": shape.hidden, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "intermediate_size": shape.intermediate, "max_position_embeddings": shape.context, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": shape.tied, "attention_bias": shape.bias, "mlp_bias": shape.bias,
        "eos_token_id": END
    })
}

/// The tokenizer of every tiny model.
pub fn tokenizer() -> LocalTokenizer {
    LocalTokenizer::read(&files(&Shape::default()), 272).unwrap()
}

fn tokenizer_json() -> Value {
    let vocab: BTreeMap<String, u32> =
        (0..=255_u8).map(|byte| (byte_char(byte).to_string(), u32::from(byte))).collect();
    let added: Vec<Value> = ADDED
        .iter()
        .enumerate()
        .map(|(n, (content, special))| {
            json!({ "id": BYTE_IDS + n, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": special })
        })
        .collect();
    let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
        "model": { "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                   "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": [] }
    })
}

/// How byte-level tokenizers spell a byte: printable Latin-1 as itself, the rest from U+0100 on.
fn byte_char(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let place = (0..byte).filter(|earlier| !printable(*earlier)).count() as u32;
    char::from_u32(256 + place).unwrap()
}

/// Names and shapes of all tensors.
pub fn tensors(shape: &Shape) -> Vec<(String, Vec<usize>)> {
    let (q, kv) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    let (hidden, wide) = (shape.hidden, shape.intermediate);
    let mut list = vec![("model.embed_tokens.weight".to_owned(), vec![shape.vocab, hidden])];
    for n in 0..shape.layers {
        let mut add = |name: &str, dims: Vec<usize>| list.push((format!("model.layers.{n}.{name}"), dims));
        add("input_layernorm.weight", vec![hidden]);
        add("post_attention_layernorm.weight", vec![hidden]);
        for (name, out, input) in [
            ("self_attn.q_proj", q, hidden),
            ("self_attn.k_proj", kv, hidden),
            ("self_attn.v_proj", kv, hidden),
            ("self_attn.o_proj", hidden, q),
            ("mlp.gate_proj", wide, hidden),
            ("mlp.up_proj", wide, hidden),
            ("mlp.down_proj", hidden, wide),
        ] {
            add(&format!("{name}.weight"), vec![out, input]);
            if shape.bias {
                add(&format!("{name}.bias"), vec![out]);
            }
        }
    }
    list.push(("model.norm.weight".to_owned(), vec![hidden]));
    if !shape.tied {
        list.push(("lm_head.weight".to_owned(), vec![shape.vocab, hidden]));
    }
    list
}

/// A safetensors file with random weights: norms about 1, matrices scaled by their input width.
pub fn weights(shape: &Shape) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(shape.seed);
    let list = tensors(shape);
    let bytes: Vec<Vec<u8>> = list
        .iter()
        .map(|(name, dims)| {
            let count: usize = dims.iter().product();
            let (centre, spread) = match name {
                name if name.contains("norm") => (1.0, 0.2),
                name if name.contains("embed") => (0.0, 1.0),
                _ => (0.0, 1.7 / (*dims.last().unwrap() as f32).sqrt()),
            };
            (0..count).flat_map(|_| (centre + spread * rng.random_range(-1.0_f32..1.0)).to_le_bytes()).collect()
        })
        .collect();
    let views = list
        .iter()
        .zip(&bytes)
        .map(|((name, dims), bytes)| (name.clone(), TensorView::new(Dtype::F32, dims.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}
