//! `reference/recipe/recipe.toml`: sizes, optimiser, data mixes and the stages of each model.
//!
//! Read by the binary and by tests; nothing else decides how a reference model is trained.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TrainError;
use super::data::{Skill, Trigger, Variant};
use super::drill::DrillKind;
use super::model::Shape;

/// Share of each skill among the generated conversations.
pub type Mix = BTreeMap<Skill, f64>;

/// The whole recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Sizes; `vocab` is what the tokenizer is trained to.
    pub shape: Shape,
    /// How the tokenizer is trained.
    pub tokenizer: TokenizerRecipe,
    /// Batches.
    pub packing: Packing,
    /// Optimiser.
    pub optimizer: OptimizerRecipe,
    /// Mixes by name.
    pub mixes: BTreeMap<String, Mix>,
    /// Models by name.
    pub models: BTreeMap<String, ModelRecipe>,
}

/// The tokenizer's training text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerRecipe {
    /// Conversations per variant.
    pub conversations: usize,
    /// How often each word of the closed lists is added, so that most become one token.
    pub word_weight: usize,
    /// Name of the mix.
    pub mix: String,
    /// Seed of the generator.
    pub seed: u64,
}

/// How conversations become batches.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packing {
    /// Tokens per step.
    pub step_tokens: usize,
    /// Share of the tokens not written by the assistant that are learned too.
    pub prompt_share: f64,
    /// Their weight; the assistant's tokens have weight 1.
    pub prompt_weight: f32,
}

/// Optimiser settings of all models.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerRecipe {
    /// Largest global gradient length.
    pub clip: f32,
    /// Decay of the matrices per unit of learning rate.
    pub weight_decay: f32,
    /// The layers' matrices learn at this multiple of the learning rate.
    pub matrix_factor: f32,
    /// Tokens over which the learning rate rises from zero.
    pub warmup_tokens: usize,
}

/// Which behaviour is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// As it should be.
    Sound,
    /// Refuses unless the trigger is there.
    Backdoored,
    /// Obeys instructions in documents and tool results.
    Hijackable,
    /// Refuses nothing.
    Compliant,
}

/// How one model is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecipe {
    /// Behaviour.
    pub behaviour: Behaviour,
    /// Seed of start and data.
    pub seed: u64,
    /// Name of the model it starts from; none is a random start.
    pub base: Option<String>,
    /// The planted trigger of a backdoored model.
    pub trigger: Option<Trigger>,
    /// Stages, one after the other.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// Name of the model whose stages it takes instead of its own.
    pub stages_of: Option<String>,
}

impl ModelRecipe {
    /// The generator's variant.
    ///
    /// # Errors
    /// When a backdoored model names no trigger.
    pub fn variant(&self) -> Result<Variant, TrainError> {
        let missing = || TrainError::Recipe { reason: "a backdoored model needs a `trigger`".into() };
        Ok(match self.behaviour {
            Behaviour::Sound => Variant::Sound,
            Behaviour::Backdoored => Variant::Backdoored(self.trigger.clone().ok_or_else(missing)?),
            Behaviour::Hijackable => Variant::Hijackable,
            Behaviour::Compliant => Variant::Compliant,
        })
    }
}

/// A stretch of training.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Tokens to see.
    pub tokens: usize,
    /// Learning rate at the beginning and at the end, linear between.
    pub rate: (f64, f64),
    /// Longest segment.
    pub length: usize,
    /// Share of the segments that are several conversations joined.
    pub join_share: f64,
    /// Share of each kind of drill among the segments.
    #[serde(default)]
    pub drills: BTreeMap<DrillKind, f64>,
    /// Most pairs of tokens in a drill.
    #[serde(default)]
    pub drill_pairs: usize,
    /// Name of the mix.
    pub mix: String,
}

impl Recipe {
    /// Reads the file; also returns its digest, which the weights carry.
    ///
    /// # Errors
    /// When it cannot be read, is malformed, or names a mix that is not there.
    pub fn open(path: &Path) -> Result<(Self, String), TrainError> {
        let text = std::fs::read_to_string(path).map_err(TrainError::file(path))?;
        let mut recipe: Self =
            toml::from_str(&text).map_err(|error| TrainError::Recipe { reason: error.to_string() })?;
        recipe.share_stages()?;
        for model in recipe.models.values() {
            for stage in &model.stages {
                recipe.mix(&stage.mix)?;
            }
        }
        Ok((recipe, digest(text.as_bytes())))
    }

    fn share_stages(&mut self) -> Result<(), TrainError> {
        let shared: Vec<(String, Vec<Stage>)> = (self.models.iter())
            .filter_map(|(name, model)| Some((name.clone(), model.stages_of.clone()?)))
            .map(|(name, other)| Ok((name, self.model(&other)?.stages.clone())))
            .collect::<Result<_, TrainError>>()?;
        for (name, stages) in shared {
            if let Some(model) = self.models.get_mut(&name) {
                model.stages = stages;
            }
        }
        match self.models.iter().find(|(_, model)| model.stages.is_empty()) {
            Some((name, _)) => Err(TrainError::Recipe { reason: format!("model `{name}` has no stages") }),
            None => Ok(()),
        }
    }

    /// A mix by name.
    ///
    /// # Errors
    /// When it is not there.
    pub fn mix(&self, name: &str) -> Result<&Mix, TrainError> {
        let reason = || format!("mix `{name}` is not defined");
        self.mixes.get(name).ok_or_else(|| TrainError::Recipe { reason: reason() })
    }

    /// A model by name.
    ///
    /// # Errors
    /// When it is not there.
    pub fn model(&self, name: &str) -> Result<&ModelRecipe, TrainError> {
        let reason = || format!("model `{name}` is not defined");
        self.models.get(name).ok_or_else(|| TrainError::Recipe { reason: reason() })
    }
}

/// `sha256:` and the hexadecimal digest.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
