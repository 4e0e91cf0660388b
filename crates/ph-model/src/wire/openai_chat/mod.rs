//! OpenAI chat completions (`POST /chat/completions`), as OpenAI and the many compatible servers speak it. Reasoning
//! comes as `reasoning_content` (DeepSeek, vLLM, SGLang) or `reasoning` (OpenRouter, Ollama) and goes back under the
//! same name.

mod decode;
mod encode;
mod stream;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use stream::StreamState;

/// Names under which servers give the reasoning.
const REASONING_FIELDS: [&str; 2] = ["reasoning_content", "reasoning"];
/// In a reasoning part's extra: the name under which it came.
const FIELD: &str = "field";
