//! What can go wrong with a model directory and with the runtime: every variant says what, where and what to do.
//!
//! Made by the loader and the engine; read by the edge, which prints the message and [`LocalError::hint`].
//! It must never hold prompt text or weights.

use std::io;

/// A failure to load or run a local model.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file of the model could not be opened or read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that a model needs is not there.
    #[error("`{path}` is missing")]
    Missing {
        /// The file.
        path: String,
    },
    /// The model's directory is not there.
    #[error("there is no directory `{path}`")]
    NoDirectory {
        /// The directory.
        path: String,
    },
    /// A file is there but cannot be what its name says (empty, too large, not a plain file, a name with a path in it).
    #[error("`{path}` {what}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A JSON file is malformed.
    #[error("`{path}` is not the JSON that was expected: {what}")]
    Json {
        /// The file.
        path: String,
        /// The parser's message, with line and column.
        what: String,
    },
    /// A field of a configuration file has a value that cannot be used.
    #[error("`{path}`: `{field}` {what}")]
    Config {
        /// The file.
        path: String,
        /// The field, as it is spelled in the file.
        field: String,
        /// What is wrong with its value.
        what: String,
    },
    /// The model is of an architecture that this runtime does not have.
    #[error("`{path}` describes architecture `{name}`, which the local runtime does not have")]
    Architecture {
        /// The file.
        path: String,
        /// The architecture named there.
        name: String,
    },
    /// A weights file is damaged or lies about itself.
    #[error("`{path}` is not a sound safetensors file: {what}")]
    Weights {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// One tensor is missing or is not what the configuration calls for.
    #[error("tensor `{tensor}` in `{path}` {what}")]
    Tensor {
        /// The file, or the model's origin when no file has the tensor.
        path: String,
        /// The tensor's name.
        tensor: String,
        /// What is wrong.
        what: String,
    },
    /// The tokenizer is malformed or does not fit the model.
    #[error("`{path}`: {what}")]
    Tokenizer {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The chat template does not compile or failed on a conversation.
    #[error("chat template of `{origin}`: {what}")]
    Template {
        /// Where the template came from.
        origin: String,
        /// What the template engine said.
        what: String,
    },
    /// A prompt cannot be run as it is.
    #[error("prompt {what}")]
    Prompt {
        /// What is wrong with it.
        what: String,
    },
    /// A generation setting has a value that makes no sense.
    #[error("generation setting `{field}` {what}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What is wrong with its value.
        what: String,
    },
    /// The matrix library refused an operation.
    #[error("matrix product failed: {what}")]
    Compute {
        /// The library's message.
        what: String,
    },
    /// The model produced a value that is not a number.
    #[error("forward pass produced {what}")]
    NotFinite {
        /// Where the value appeared.
        what: String,
    },
    /// The worker thread could not be started or has ended.
    #[error("model worker {what}")]
    Worker {
        /// What happened.
        what: String,
    },
}

impl LocalError {
    /// What the reader can do about it: one sentence, for the line under the message.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoDirectory { .. } => "give the path of a model directory, as in `local:./model`",
            Self::Read { .. } => "check that the path is right and readable by this user",
            Self::Missing { .. } => {
                "a model directory needs config.json, tokenizer.json, a chat template and model.safetensors (or its index and shards)"
            }
            Self::File { .. } | Self::Weights { .. } => {
                "the file is incomplete or not what its name says: copy or download the model again and compare checksums"
            }
            Self::Json { .. } => "restore the file as it was published with the model",
            Self::Config { .. } => "correct the field, or restore the file as it was published with the model",
            Self::Architecture { .. } => {
                "use a LlamaForCausalLM directory, or serve this model by another program and test it as an endpoint"
            }
            Self::Tensor { what, .. } if what.starts_with("holds") => {
                "the weights are damaged: compare their checksum with the publisher's, or export them again"
            }
            Self::Tensor { .. } => {
                "check that config.json and the weights belong to the same model and are stored as f32, f16 or bf16"
            }
            Self::Tokenizer { .. } => "check that tokenizer.json belongs to this model",
            Self::Template { .. } => {
                "check the conversation's roles against the template, or put another template in tokenizer_config.json"
            }
            Self::Prompt { .. } => "shorten the prompt or choose a model with a longer context",
            Self::Setting { .. } => "correct the setting",
            Self::Compute { .. } | Self::NotFinite { .. } => {
                "the weights may be damaged: compare their checksum with the publisher's"
            }
            Self::Worker { .. } => "start the model again; the run can be resumed",
        }
    }
}

impl From<candle_core::Error> for LocalError {
    fn from(error: candle_core::Error) -> Self {
        Self::Compute { what: error.to_string() }
    }
}
