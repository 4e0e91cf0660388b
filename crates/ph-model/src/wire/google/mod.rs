//! Google `generateContent` and `streamGenerateContent` (Gemini API).

mod decode;
mod encode;
mod stream;

pub(super) use decode::decode;
pub(super) use encode::{encode, path};
pub(super) use stream::StreamState;

/// The field in which a part carries what proves the model's thoughts; it goes back as it came.
const SIGNATURE: &str = "thoughtSignature";
