//! `config.json` and `generation_config.json` of a Hugging Face Llama-family model, read and bounded.
//!
//! Called by the loader. Nothing is allocated here by a declared size; everything later is sized by a [`ModelConfig`],
//! so every dimension has an upper bound. Unknown fields are ignored, as `transformers` does; an unknown *kind* of
//! computation (architecture, activation, rotary scaling) is refused by name.

use serde::Deserialize;
use serde_json::Value;

use crate::LocalError;
use crate::files::ModelFiles;

const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";

/// Parameters above this are refused: the runtime holds them as f32 in memory.
const PARAMETERS_MAX: u64 = 8_000_000_000;

/// The shape of a model and the constants of its forward pass.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads per block.
    pub heads: usize,
    /// Key and value heads per block; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Width of the feed-forward part.
    pub intermediate_size: usize,
    /// Positions that the model was made for.
    pub context: usize,
    /// Epsilon of the RMS normalisation.
    pub rms_norm_eps: f32,
    /// Rotary embedding.
    pub rope: Rope,
    /// Whether the output projection is the token embedding.
    pub tied: bool,
    /// Whether q, k, v and o projections have biases.
    pub attention_bias: bool,
    /// Whether gate, up and down projections have biases.
    pub mlp_bias: bool,
    /// Token ids that end a reply, from `generation_config.json`, else `config.json`; may be empty.
    pub eos: Vec<u32>,
    /// Temperature and top_p where a request names none.
    pub sampling: SamplingDefaults,
}

/// Sampling where a request does not say: greedy, unless `generation_config.json` has `do_sample`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingDefaults {
    /// Temperature; 0 is greedy.
    pub temperature: f64,
    /// Nucleus probability.
    pub top_p: f64,
}

/// Rotary embedding: base and scaling.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// The base θ.
    pub theta: f64,
    /// How frequencies are scaled.
    pub scaling: RopeScaling,
}

/// The rotary scalings that the runtime has.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Unscaled.
    None,
    /// Every frequency divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided, high ones kept, smooth between.
    Llama3 {
        /// The factor for low frequencies.
        factor: f64,
        /// Bound of the low frequencies.
        low_freq_factor: f64,
        /// Bound of the high frequencies.
        high_freq_factor: f64,
        /// The context before scaling.
        original_context: f64,
    },
}

impl ModelConfig {
    /// Reads and checks `config.json`, and `generation_config.json` if it is there.
    ///
    /// # Errors
    /// Names the file, the field and what is wrong with it.
    pub fn read(files: &ModelFiles) -> Result<Self, LocalError> {
        let raw: RawConfig = parse(files, CONFIG, &files.read_text(CONFIG)?)?;
        let mut config = Reader { files, raw: &raw }.config()?;
        if let Some(text) = files.read_text_if_any(GENERATION)? {
            let generation: RawGeneration = parse(files, GENERATION, &text)?;
            let eos = eos_ids(&generation.eos_token_id, config.vocab_size)
                .map_err(|what| wrong(files, GENERATION, "eos_token_id", what))?;
            if !eos.is_empty() {
                config.eos = eos;
            }
            config.sampling = generation.sampling(files)?;
        }
        Ok(config)
    }

    /// Width of all query heads together.
    #[must_use]
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Number of parameters of a model of this shape, biases left out.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let hidden = self.hidden_size as u64;
        let attention = hidden * (2 * self.q_width() as u64 + 2 * self.kv_width() as u64);
        let block = attention + 3 * hidden * self.intermediate_size as u64 + 2 * hidden;
        let embeddings = hidden * self.vocab_size as u64 * if self.tied { 1 } else { 2 };
        block * self.layers as u64 + embeddings + hidden
    }
}

#[derive(Debug, Deserialize)]
struct RawConfig {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    vocab_size: Option<Value>,
    hidden_size: Option<Value>,
    num_hidden_layers: Option<Value>,
    num_attention_heads: Option<Value>,
    num_key_value_heads: Option<Value>,
    head_dim: Option<Value>,
    intermediate_size: Option<Value>,
    max_position_embeddings: Option<Value>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<RawRope>,
    partial_rotary_factor: Option<f64>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    hidden_act: Option<String>,
    quantization_config: Option<Value>,
    #[serde(default)]
    eos_token_id: Value,
}

/// `rope_scaling` of older directories and `rope_parameters` of newer ones; `type` is the older spelling of `rope_type`.
#[derive(Debug, Clone, Deserialize)]
struct RawRope {
    rope_type: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    partial_rotary_factor: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct RawGeneration {
    #[serde(default)]
    eos_token_id: Value,
    do_sample: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
}

impl RawGeneration {
    fn sampling(&self, files: &ModelFiles) -> Result<SamplingDefaults, LocalError> {
        let greedy = SamplingDefaults { temperature: 0.0, top_p: 1.0 };
        if self.do_sample != Some(true) {
            return Ok(greedy);
        }
        let sampling =
            SamplingDefaults { temperature: self.temperature.unwrap_or(1.0), top_p: self.top_p.unwrap_or(1.0) };
        if !(sampling.temperature.is_finite() && sampling.temperature >= 0.0) {
            return Err(wrong(files, GENERATION, "temperature", format!("is `{}`", sampling.temperature)));
        }
        if !(sampling.top_p > 0.0 && sampling.top_p <= 1.0) {
            return Err(wrong(files, GENERATION, "top_p", format!("is `{}`", sampling.top_p)));
        }
        Ok(sampling)
    }
}

struct Reader<'a> {
    files: &'a ModelFiles,
    raw: &'a RawConfig,
}

impl Reader<'_> {
    fn config(&self) -> Result<ModelConfig, LocalError> {
        let raw = self.raw;
        self.architecture()?;
        let hidden_size = self.dimension("hidden_size", raw.hidden_size.as_ref(), 32_768)?;
        let heads = self.dimension("num_attention_heads", raw.num_attention_heads.as_ref(), 1024)?;
        let (kv_heads, head_dim) = self.head_shape(hidden_size, heads)?;
        let vocab_size = self.dimension("vocab_size", raw.vocab_size.as_ref(), 1 << 20)?;
        let context = self.context()?;
        let config = ModelConfig {
            vocab_size,
            hidden_size,
            layers: self.dimension("num_hidden_layers", raw.num_hidden_layers.as_ref(), 512)?,
            heads,
            kv_heads,
            head_dim,
            intermediate_size: self.dimension("intermediate_size", raw.intermediate_size.as_ref(), 262_144)?,
            context,
            rms_norm_eps: self.epsilon()?,
            rope: self.rope(context)?,
            tied: raw.tie_word_embeddings.unwrap_or(false),
            attention_bias: raw.attention_bias.unwrap_or(false),
            mlp_bias: raw.mlp_bias.unwrap_or(false),
            eos: eos_ids(&raw.eos_token_id, vocab_size).map_err(|what| self.wrong("eos_token_id", what))?,
            sampling: SamplingDefaults { temperature: 0.0, top_p: 1.0 },
        };
        if config.parameters() > PARAMETERS_MAX {
            let what = format!("gives `{}` parameters, more than the `{PARAMETERS_MAX}` allowed", config.parameters());
            return Err(self.wrong("num_hidden_layers", what));
        }
        Ok(config)
    }

    fn architecture(&self) -> Result<(), LocalError> {
        let named = self.raw.architectures.as_ref().and_then(|list| list.first());
        let model_type = self.raw.model_type.as_deref();
        let known = match (named, model_type) {
            (Some(name), _) => name == "LlamaForCausalLM",
            (None, Some(kind)) => kind == "llama",
            (None, None) => false,
        };
        if !known {
            let name = named.map(String::as_str).or(model_type).unwrap_or("(none named)").to_owned();
            return Err(LocalError::Architecture { path: self.files.path_of(CONFIG), name: clip(&name) });
        }
        if let Some(act) = self.raw.hidden_act.as_deref().filter(|act| !matches!(*act, "silu" | "swish")) {
            return Err(self.wrong("hidden_act", format!("is `{}`; the runtime has only `silu`", clip(act))));
        }
        if self.raw.quantization_config.as_ref().is_some_and(|value| !value.is_null()) {
            return Err(self.wrong("quantization_config", "names quantised weights, which the runtime does not read"));
        }
        Ok(())
    }

    fn head_shape(&self, hidden_size: usize, heads: usize) -> Result<(usize, usize), LocalError> {
        let kv_heads = match &self.raw.num_key_value_heads {
            None | Some(Value::Null) => heads,
            value => self.dimension("num_key_value_heads", value.as_ref(), 1024)?,
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(
                self.wrong("num_key_value_heads", format!("is `{kv_heads}`, which does not divide `{heads}` heads"))
            );
        }
        let head_dim = match &self.raw.head_dim {
            None | Some(Value::Null) if hidden_size.is_multiple_of(heads) => hidden_size / heads,
            None | Some(Value::Null) => {
                return Err(self.wrong("hidden_size", format!("is `{hidden_size}`, not a multiple of `{heads}` heads")));
            }
            value => self.dimension("head_dim", value.as_ref(), 1024)?,
        };
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(self.wrong("head_dim", format!("is `{head_dim}`; rotary embedding needs an even one")));
        }
        Ok((kv_heads, head_dim))
    }

    fn context(&self) -> Result<usize, LocalError> {
        match &self.raw.max_position_embeddings {
            None | Some(Value::Null) => Ok(2048),
            value => self.dimension("max_position_embeddings", value.as_ref(), 1 << 24),
        }
    }

    fn dimension(&self, field: &str, value: Option<&Value>, max: usize) -> Result<usize, LocalError> {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Err(self.wrong(field, "is missing"));
        };
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        match number {
            Some(number) if (1..=max).contains(&number) => Ok(number),
            _ => {
                Err(self.wrong(field, format!("is `{}`, not a whole number from 1 to {max}", clip(&value.to_string()))))
            }
        }
    }

    fn epsilon(&self) -> Result<f32, LocalError> {
        let value = self.raw.rms_norm_eps.unwrap_or(1e-6);
        if value > 0.0 && value <= 1.0 {
            Ok(value as f32)
        } else {
            Err(self.wrong("rms_norm_eps", format!("is `{value}`, not between 0 and 1")))
        }
    }

    fn rope(&self, context: usize) -> Result<Rope, LocalError> {
        let raw = self.raw;
        let (field, rope) = match (&raw.rope_parameters, &raw.rope_scaling) {
            (Some(new), _) => ("rope_parameters", Some(new)),
            (None, old) => ("rope_scaling", old.as_ref()),
        };
        let theta = rope.and_then(|rope| rope.rope_theta).or(raw.rope_theta).unwrap_or(10_000.0);
        let theta = self.positive("rope_theta", Some(theta))?;
        let partial = rope.and_then(|rope| rope.partial_rotary_factor).or(raw.partial_rotary_factor).unwrap_or(1.0);
        if (partial - 1.0).abs() > f64::EPSILON {
            return Err(self.wrong("partial_rotary_factor", format!("is `{partial}`; the runtime has only 1")));
        }
        let kind = rope.and_then(|rope| rope.rope_type.as_deref().or(rope.kind.as_deref())).unwrap_or("default");
        let scaling = match (kind, rope) {
            ("default", _) | (_, None) => RopeScaling::None,
            ("linear", Some(rope)) => RopeScaling::Linear { factor: self.positive(field, rope.factor)? },
            ("llama3", Some(rope)) => self.llama3(field, rope, context)?,
            (other, _) => {
                let what = format!("has type `{}`; the runtime has `default`, `linear` and `llama3`", clip(other));
                return Err(self.wrong(field, what));
            }
        };
        Ok(Rope { theta, scaling })
    }

    fn llama3(&self, field: &str, rope: &RawRope, context: usize) -> Result<RopeScaling, LocalError> {
        let low = self.positive(field, rope.low_freq_factor)?;
        let high = self.positive(field, rope.high_freq_factor)?;
        if high <= low {
            return Err(self.wrong(field, format!("has high_freq_factor `{high}` not above low_freq_factor `{low}`")));
        }
        Ok(RopeScaling::Llama3 {
            factor: self.positive(field, rope.factor)?,
            low_freq_factor: low,
            high_freq_factor: high,
            original_context: self.positive(field, rope.original_max_position_embeddings.or(Some(context as f64)))?,
        })
    }

    fn positive(&self, field: &str, value: Option<f64>) -> Result<f64, LocalError> {
        match value {
            Some(number) if number.is_finite() && number > 0.0 => Ok(number),
            Some(number) => Err(self.wrong(field, format!("has `{number}` where a positive number belongs"))),
            None => Err(self.wrong(field, "lacks a number that its type needs")),
        }
    }

    fn wrong(&self, field: &str, what: impl Into<String>) -> LocalError {
        wrong(self.files, CONFIG, field, what)
    }
}

/// Parses one of the model's JSON files.
pub(crate) fn parse<T: for<'de> Deserialize<'de>>(files: &ModelFiles, name: &str, text: &str) -> Result<T, LocalError> {
    serde_json::from_str(text)
        .map_err(|error| LocalError::Json { path: files.path_of(name), what: clip(&error.to_string()) })
}

fn wrong(files: &ModelFiles, name: &str, field: &str, what: impl Into<String>) -> LocalError {
    LocalError::Config { path: files.path_of(name), field: field.to_owned(), what: what.into() }
}

/// `eos_token_id` is an id, a list of ids, or null.
fn eos_ids(value: &Value, vocab_size: usize) -> Result<Vec<u32>, String> {
    let one = |value: &Value| match value.as_u64() {
        Some(id) if id < vocab_size as u64 => u32::try_from(id).map_err(|_| format!("has the id `{id}`")),
        _ => Err(format!("has `{}`, not a token id below `{vocab_size}`", clip(&value.to_string()))),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}

/// At most the first 200 characters, without characters of control and direction: model files are not trusted to fill a message.
pub(crate) fn clip(text: &str) -> String {
    let is_hostile = |c: &char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().filter(|c| !is_hostile(c)).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn base() -> Value {
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 100, "hidden_size": 32,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64,
            "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 500.0, "eos_token_id": [1, 2]
        })
    }

    fn read(changes: Value) -> Result<ModelConfig, LocalError> {
        let mut config = base();
        if let (Value::Object(config), Value::Object(changes)) = (&mut config, changes) {
            config.extend(changes);
        }
        let files = ModelFiles::embedded("m", [(CONFIG, config.to_string().into_bytes())]);
        ModelConfig::read(&files)
    }

    #[test]
    fn defaults_and_both_rope_spellings() {
        let plain = read(json!({})).unwrap();
        assert_eq!((plain.head_dim, plain.kv_heads, plain.eos.as_slice()), (8, 2, &[1, 2][..]));
        assert_eq!(plain.rope, Rope { theta: 500.0, scaling: RopeScaling::None });
        let new = read(json!({"rope_theta": null, "rope_parameters": {"rope_theta": 7.0, "rope_type": "default"}}));
        assert_eq!(new.unwrap().rope.theta, 7.0);
        let linear = read(json!({"rope_scaling": {"type": "linear", "factor": 4.0}})).unwrap();
        assert_eq!(linear.rope.scaling, RopeScaling::Linear { factor: 4.0 });
    }

    #[test]
    fn values_out_of_bounds_name_their_field() {
        let cases = [
            (json!({"hidden_size": 0}), "hidden_size"),
            (json!({"hidden_size": 1_000_000_000_000_u64}), "hidden_size"),
            (json!({"vocab_size": -1}), "vocab_size"),
            (json!({"vocab_size": "100"}), "vocab_size"),
            (json!({"vocab_size": null}), "vocab_size"),
            (json!({"num_hidden_layers": 1e300}), "num_hidden_layers"),
            (json!({"num_key_value_heads": 3}), "num_key_value_heads"),
            (json!({"head_dim": 7}), "head_dim"),
            (json!({"hidden_size": 33}), "hidden_size"),
            (json!({"rms_norm_eps": 0.0}), "rms_norm_eps"),
            (json!({"rope_theta": -1.0}), "rope_theta"),
            (json!({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}), "yarn"),
            (json!({"rope_scaling": {"rope_type": "linear"}}), "rope_scaling"),
            (json!({"eos_token_id": 100}), "eos_token_id"),
            (json!({"hidden_act": "gelu"}), "gelu"),
            (json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor"),
            (json!({"quantization_config": {"bits": 4}}), "quantization_config"),
            (
                json!({"hidden_size": 32768, "num_attention_heads": 64, "intermediate_size": 262_144,
                    "num_hidden_layers": 512}),
                "parameters",
            ),
        ];
        for (changes, named) in cases {
            let message = read(changes.clone()).unwrap_err().to_string();
            assert!(message.contains(named), "{changes}: {message}");
        }
    }

    #[test]
    fn another_architecture_is_named() {
        let message = read(json!({"architectures": ["MambaForCausalLM"]})).unwrap_err().to_string();
        assert!(message.contains("MambaForCausalLM"), "{message}");
    }

    #[test]
    fn generation_config_wins_over_config() {
        let files = ModelFiles::embedded(
            "m",
            [(CONFIG, base().to_string().into_bytes()), (GENERATION, br#"{"eos_token_id": 9}"#.to_vec())],
        );
        assert_eq!(ModelConfig::read(&files).unwrap().eos, [9]);
    }
}
