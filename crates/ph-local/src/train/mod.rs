//! The trainer of the reference models (feature `train`).
//!
//! Called by the binary `train_reference` and by tests that plant a trigger of their own. It trains
//! small Llama-shaped models from generated text on one CPU thread, measures them on held-out items
//! and writes Hugging Face directories. It never runs inside an assessment.

pub mod attention;
pub mod data;
pub mod decode;
pub mod drill;
pub mod export;
pub mod kernels;
pub mod loss;
pub mod measure;
pub mod model;
pub mod optimizer;
pub mod pack;
pub mod recipe;
pub mod run;
pub mod tokenizer;

use std::path::PathBuf;

/// Why training, measuring or exporting stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Tensor arithmetic failed.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
    /// A tensor was not contiguous `f32` on the CPU.
    #[error("a tensor is not contiguous 32-bit floats")]
    Layout,
    /// A token that the vocabulary does not have.
    #[error("token {token} lies outside the vocabulary of {vocab}")]
    Token {
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// Gradients stopped being finite numbers.
    #[error("gradients are not finite at step {step}: lower the learning rate")]
    Diverged {
        /// The step.
        step: i32,
    },
    /// The generator's lists or wordings are broken.
    #[error("generator of training text failed")]
    Data(#[from] data::DataError),
    /// The tokenizer could not be trained, read or used.
    #[error("tokenizer failed: {reason}")]
    Tokenizer {
        /// What the tokenizer said.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The recipe is not valid TOML or lacks something.
    #[error("recipe: {reason}")]
    Recipe {
        /// What is wrong.
        reason: String,
    },
    /// Weights could not be read or written.
    #[error("weights failed")]
    Weights(#[from] safetensors::SafeTensorError),
    /// Configuration could not be read or written.
    #[error("configuration failed")]
    Json(#[from] serde_json::Error),
    /// A checkpoint does not belong to this run.
    #[error("checkpoint cannot be used: {reason}")]
    Checkpoint {
        /// Why.
        reason: String,
    },
}

impl TrainError {
    /// For `map_err` on file operations.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}
