//! OpenAI responses (`POST /responses`), without state at the provider: `store` is false and reasoning comes back
//! encrypted, to be sent again on the next turn.

mod decode;
mod encode;
mod stream;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use stream::StreamState;
