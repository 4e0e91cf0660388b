//! Model APIs over HTTP: exactly one attempt per call, exact bytes, classified failures.
//!
//! Level 3. [`HttpModel`] is a [`ModelApi`](ph_model::ModelApi): it encodes a request with `ph_model::wire`, sends it
//! once, and reads the reply or the stream. It never retries (nor lets the HTTP client do so), follows no redirect,
//! asks for no compression and uses no proxy that the environment names for other programs: what is recorded is what
//! was sent and received. It reads neither the environment nor the clock: both are handed in.
//!
//! One thing the HTTP client may do by itself: where a kept connection turns out to be closed *before a single byte
//! of the request was written*, it opens another. Nothing reached the target then, so it stays one attempt.

mod address;
mod attempt;
mod body;
mod classify;
mod credential;
mod http_model;
mod retry_after;
mod settings;

pub use address::{AddressError, is_loopback};
pub use credential::ApiKey;
pub use http_model::{HttpModel, SettingsError};
pub use settings::{HttpModelSettings, Timeouts};
