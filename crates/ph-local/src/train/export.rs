//! Writes a model as a Hugging Face directory and reads one back to train on.
//!
//! Called by the binary. Weights are stored as 16-bit floats, so whoever measures must read them
//! back from the directory. Nothing here depends on the clock or the machine.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use super::TrainError;
use super::model::{Layer, Shape, Weights, read};
use super::tokenizer::{SPECIAL, TOOL_CALL};

/// The chat template of every reference model.
pub const CHAT_TEMPLATE: &str = include_str!("chat_template.jinja");

/// What the weights say about where they come from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Name of the model.
    pub name: String,
    /// Seed of its training.
    pub seed: u64,
    /// Digest of the recipe.
    pub recipe: String,
    /// Commit of the code.
    pub commit: String,
    /// Digest of the tokenizer.
    pub tokenizer: String,
    /// Digest of the weights it started from, if any.
    pub base: Option<String>,
}

/// Writes the whole directory.
///
/// # Errors
/// When a file cannot be written.
pub fn write_model(dir: &Path, model: (&Shape, &Weights), tokenizer: &[u8], origin: &Origin) -> Result<(), TrainError> {
    let (shape, weights) = model;
    std::fs::create_dir_all(dir).map_err(TrainError::file(dir))?;
    write(dir, "model.safetensors", &weights_bytes(shape, weights, origin)?)?;
    write(dir, "tokenizer.json", tokenizer)?;
    write_json(dir, "config.json", &config(shape))?;
    write_json(dir, "tokenizer_config.json", &tokenizer_config(shape))?;
    write_json(
        dir,
        "generation_config.json",
        &json!({
            "bos_token_id": null, "eos_token_id": 4, "pad_token_id": 5, "do_sample": false, "max_new_tokens": 64,
        }),
    )
}

/// Reads weights of this shape, as 32-bit floats.
///
/// # Errors
/// When the file cannot be read, is not safetensors, or lacks a tensor.
pub fn read_weights(dir: &Path, shape: &Shape) -> Result<Weights, TrainError> {
    let path = dir.join("model.safetensors");
    let bytes = std::fs::read(&path).map_err(TrainError::file(&path))?;
    let file = SafeTensors::deserialize(&bytes)?;
    let matrix = |name: &str| half_tensor(&file, name);
    let mut layers = Vec::new();
    for index in 0..shape.layers {
        let part = |name: &str| matrix(&format!("model.layers.{index}.{name}.weight"));
        let stack = |names: &[&str]| {
            let parts = names.iter().map(|name| part(name)).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, TrainError>(Tensor::cat(&parts, 0)?)
        };
        layers.push(Layer {
            input_norm: part("input_layernorm")?,
            qkv: stack(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"])?,
            output: part("self_attn.o_proj")?,
            post_norm: part("post_attention_layernorm")?,
            gate_up: stack(&["mlp.gate_proj", "mlp.up_proj"])?,
            down: part("mlp.down_proj")?,
        });
    }
    Ok(Weights { embed: matrix("model.embed_tokens.weight")?, layers, norm: matrix("model.norm.weight")? })
}

/// The sizes that a directory's `config.json` gives.
///
/// # Errors
/// When it cannot be read or lacks a size.
pub fn read_shape(dir: &Path) -> Result<Shape, TrainError> {
    let path = dir.join("config.json");
    let text = std::fs::read_to_string(&path).map_err(TrainError::file(&path))?;
    let config: Value = serde_json::from_str(&text)?;
    Ok(serde_json::from_value(json!({
        "vocab": config["vocab_size"],
        "hidden": config["hidden_size"],
        "layers": config["num_hidden_layers"],
        "heads": config["num_attention_heads"],
        "kv_heads": config["num_key_value_heads"],
        "intermediate": config["intermediate_size"],
        "positions": config["max_position_embeddings"],
        "rope_theta": config["rope_theta"],
        "norm_eps": config["rms_norm_eps"],
    }))?)
}

fn half_tensor(file: &SafeTensors<'_>, name: &str) -> Result<Tensor, TrainError> {
    let view = file.tensor(name)?;
    let (pairs, _) = view.data().as_chunks::<2>();
    let values: Vec<f32> = pairs.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()).collect();
    Ok(Tensor::from_vec(values, view.shape(), &Device::Cpu)?)
}

/// Every tensor under its Hugging Face name: rows of the joined projections taken apart.
fn named(shape: &Shape, weights: &Weights) -> Result<Vec<(String, Tensor)>, TrainError> {
    let mut all = vec![
        ("model.embed_tokens.weight".to_owned(), weights.embed.clone()),
        ("model.norm.weight".to_owned(), weights.norm.clone()),
    ];
    let [queries, keys, values] = shape.qkv_rows();
    let width = shape.intermediate;
    for (index, layer) in weights.layers.iter().enumerate() {
        let parts = [
            ("input_layernorm", layer.input_norm.clone()),
            ("self_attn.q_proj", layer.qkv.narrow(0, 0, queries)?),
            ("self_attn.k_proj", layer.qkv.narrow(0, queries, keys)?),
            ("self_attn.v_proj", layer.qkv.narrow(0, queries + keys, values)?),
            ("self_attn.o_proj", layer.output.clone()),
            ("post_attention_layernorm", layer.post_norm.clone()),
            ("mlp.gate_proj", layer.gate_up.narrow(0, 0, width)?),
            ("mlp.up_proj", layer.gate_up.narrow(0, width, width)?),
            ("mlp.down_proj", layer.down.clone()),
        ];
        all.extend(parts.map(|(name, t)| (format!("model.layers.{index}.{name}.weight"), t)));
    }
    Ok(all)
}

fn weights_bytes(shape: &Shape, weights: &Weights, origin: &Origin) -> Result<Vec<u8>, TrainError> {
    let mut stored = Vec::new();
    for (name, t) in named(shape, weights)? {
        let bytes: Vec<u8> = read(&t, |values| values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect())?;
        stored.push((name, t.dims().to_vec(), bytes));
    }
    let views =
        stored.iter().map(|(name, dims, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F16, dims.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, TrainError>>()?;
    with_metadata(&safetensors::serialize(views, None)?, &metadata(origin))
}

/// The same file with metadata in its header. The `safetensors` crate takes a hash map, whose order changes from
/// run to run; equal weights of equal origin must be equal bytes.
fn with_metadata(file: &[u8], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, TrainError> {
    let (length, _) = SafeTensors::read_metadata(file)?;
    let (header, data) = file[8..].split_at(length);
    let tensors: serde_json::Map<String, Value> = serde_json::from_slice(header)?;
    let mut all = serde_json::Map::new();
    all.insert("__metadata__".to_owned(), serde_json::to_value(metadata)?);
    all.extend(tensors);
    let mut header = serde_json::to_vec(&all)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&(header.len() as u64).to_le_bytes(), header.as_slice(), data].concat())
}

fn metadata(origin: &Origin) -> BTreeMap<String, String> {
    let seed = origin.seed.to_string();
    let pairs = [
        ("format", "pt"),
        ("name", &origin.name),
        ("seed", &seed),
        ("recipe", &origin.recipe),
        ("commit", &origin.commit),
        ("tokenizer", &origin.tokenizer),
        ("base", origin.base.as_deref().unwrap_or("none")),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn config(shape: &Shape) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocab,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": super::kernels::HEAD_DIM,
        "hidden_act": "silu",
        "max_position_embeddings": shape.positions,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": rounded(shape.norm_eps),
        "tie_word_embeddings": true,
        "attention_bias": false,
        "mlp_bias": false,
        "bos_token_id": null,
        "eos_token_id": 4,
        "pad_token_id": 5,
        "torch_dtype": "float16",
    })
}

/// The shortest decimal of a 32-bit float, so that 1e-5 is written so.
fn rounded(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

fn tokenizer_config(shape: &Shape) -> Value {
    let token = |content: &str, special: bool| {
        json!({
            "content": content, "lstrip": false, "normalized": !special,
            "rstrip": false, "single_word": false, "special": special,
        })
    };
    let mut added = serde_json::Map::new();
    for (id, content) in SPECIAL.iter().enumerate() {
        added.insert(id.to_string(), token(content, true));
    }
    for (place, content) in TOOL_CALL.iter().enumerate() {
        let id = shape.vocab - TOOL_CALL.len() + place;
        added.insert(id.to_string(), token(content, false));
    }
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "added_tokens_decoder": added,
        "bos_token": null,
        "eos_token": SPECIAL[4],
        "pad_token": SPECIAL[5],
        "additional_special_tokens": &SPECIAL[..4],
        "clean_up_tokenization_spaces": false,
        "model_max_length": shape.positions,
        "chat_template": CHAT_TEMPLATE.trim_end(),
    })
}

fn write_json(dir: &Path, name: &str, value: &Value) -> Result<(), TrainError> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    write(dir, name, text.as_bytes())
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
    let path = dir.join(name);
    std::fs::write(&path, bytes).map_err(TrainError::file(&path))
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, context};

    use super::*;

    fn shape() -> Shape {
        Shape {
            vocab: 40,
            hidden: 64,
            layers: 2,
            heads: 2,
            kv_heads: 1,
            intermediate: 24,
            positions: 128,
            rope_theta: 10_000.0,
            norm_eps: 1e-5,
        }
    }

    #[test]
    fn a_written_model_is_read_back_as_it_was_rounded() {
        let dir = tempfile::tempdir().unwrap();
        let weights = Weights::random(&shape(), 3).unwrap();
        let origin = Origin { name: "tiny".into(), seed: 3, ..Origin::default() };
        write_model(dir.path(), (&shape(), &weights), b"{}", &origin).unwrap();
        assert_eq!(read_shape(dir.path()).unwrap(), shape());
        let back = read_weights(dir.path(), &shape()).unwrap();
        for (before, after) in weights.each().into_iter().zip(back.each()) {
            assert_eq!(before.dims(), after.dims());
            let rounded: Vec<f32> =
                read(before, |values| values.iter().map(|&v| f16::from_f32(v).to_f32()).collect()).unwrap();
            assert_eq!(read(after, <[f32]>::to_vec).unwrap(), rounded);
        }
    }

    #[test]
    fn equal_weights_of_equal_origin_are_equal_bytes() {
        let weights = Weights::random(&shape(), 3).unwrap();
        let origin = Origin { name: "tiny".into(), seed: 3, ..Origin::default() };
        let bytes = || weights_bytes(&shape(), &weights, &origin).unwrap();
        let first = bytes();
        assert!((0..8).all(|_| bytes() == first));
        let (_, header) = SafeTensors::read_metadata(&first).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["name"], "tiny");
    }

    fn render(messages: &Value, tools: &Value) -> String {
        let mut environment = Environment::new();
        environment.add_template("chat", CHAT_TEMPLATE.trim_end()).unwrap();
        let template = environment.get_template("chat").unwrap();
        let value = |json: &Value| minijinja::Value::from(minijinja::value::Serde(json.clone()));
        let (messages, tools) = (value(messages), value(tools));
        template.render(context! { messages, tools, add_generation_prompt => true }).unwrap()
    }

    #[test]
    fn the_chat_template_writes_what_the_trainer_writes() {
        let hello = json!([{ "role": "user", "content": "Hello." }]);
        assert_eq!(render(&hello, &Value::Null), "<|user|>Hello.<|end|><|assistant|>");
        let tool = |name: &str, parameters: &[&str]| {
            let properties: serde_json::Map<_, _> = parameters.iter().map(|p| ((*p).to_owned(), json!({}))).collect();
            json!({ "type": "function", "function": { "name": name, "parameters": { "properties": properties } } })
        };
        let tools = json!([tool("weather", &["city"]), tool("time", &[])]);
        let line = "Tools: weather(city); time()<|end|><|user|>Hello.<|end|><|assistant|>";
        assert_eq!(render(&hello, &tools), format!("<|system|>{line}"));
        let call = json!({ "function": { "name": "weather", "arguments": { "city": "Oslo" } } });
        let messages = json!([
            { "role": "system", "content": "Be brief." },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "content": "rain" },
        ]);
        let written = "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}</tool_call>";
        assert_eq!(
            render(&messages, &json!([tool("weather", &["city"])])),
            format!(
                "<|system|>Be brief.\nTools: weather(city)<|end|><|assistant|>{written}<|end|><|tool|>rain<|end|><|assistant|>"
            )
        );
    }
}
