//! The in-process model runtime: Llama-family weights on candle.
//!
//! Loads a Hugging Face directory (or the same files embedded in the program) and answers as a
//! [`ph_model::ModelApi`]. What a sequence gets never depends on its neighbours in the batch, on the order of requests or
//! on the number of threads. It must not reach a network, run code from a model directory (a chat template is
//! interpreted, on an allowance, and for a foreign model in a process of its own) or retry anything.

mod batch;
mod chat_template;
mod completion;
mod config;
mod error;
mod files;
mod forward;
mod kv_cache;
mod model;
mod product;
mod queue;
mod render_host;
mod render_worker;
mod rope;
mod row_math;
mod runtime;
mod sampler;
mod sequence;
mod tokenizer;
mod tool_call;
mod weights;

#[cfg(feature = "train")]
pub mod train;

#[cfg(test)]
#[path = "../tests/it/tiny.rs"]
mod tiny;

pub use chat_template::ChatTemplate;
pub use config::{ModelConfig, Rope, RopeScaling, SamplingDefaults};
pub use error::LocalError;
pub use files::ModelFiles;
pub use model::{LoadOptions, LocalModel};
pub use render_host::RenderHost;
pub use render_worker::serve_rendering;
pub use runtime::{LocalRuntime, RuntimeOptions};
pub use tokenizer::LocalTokenizer;
