//! OpenAI- and Anthropic-shaped HTTP over any model.
//!
//! Level 5. [`router`] turns models ([`ph_model::ModelApi`]) into routes; the program binds the socket. A harness or an SDK
//! works with only its base URL changed. A request means what it meant in-process: unknown fields are ignored, a field
//! that would change the reply and is not supported is refused by name. It must not retry, sample or render templates
//! itself, and it keeps nothing of what passes through.

mod anthropic;
mod api_key;
mod body;
mod catalogue;
mod failure;
mod fields;
mod generation;
mod openai;
mod options;
mod router;
mod sse;
mod tools;

pub use api_key::{ApiKey, ApiKeyError};
pub use options::{EndpointOptions, ServedModel};
pub use router::router;
