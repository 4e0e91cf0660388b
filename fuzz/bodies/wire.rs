//! Any bytes as what a provider sends: a whole reply, the events of a stream (one a line), the explanation of a failure.

use ph_model::wire::{Dialect, WireCall};
use ph_model::{Message, ModelOutput, ModelRequest};

/// Reads `data` as `dialect` in every way that a provider's bytes are read.
pub(crate) fn check(dialect: Dialect, data: &[u8]) {
    if let Ok(output) = dialect.decode(data) {
        keep(output);
    }
    assert!(!dialect.decode_error(400, data).message.is_empty(), "a failure says something");
    let mut decoder = dialect.stream_decoder();
    let mut chunks = Vec::new();
    for line in String::from_utf8_lossy(data).lines() {
        if decoder.event(line, &mut chunks).is_err() {
            return;
        }
    }
    if let Ok(output) = decoder.finish() {
        keep(output);
    }
}

/// What was understood can be written down, read again, and sent back in a next turn.
fn keep(output: ModelOutput) {
    let document = serde_json::to_vec(&output).expect("an output can be written");
    serde_json::from_slice::<ModelOutput>(&document).expect("an output that was written can be read");
    let messages = vec![Message::user("go"), output.message, Message::user("on")];
    let request = ModelRequest { messages, ..ModelRequest::default() };
    for dialect in Dialect::ALL {
        dialect.encode(&request, &WireCall { model: "m", stream: false }).expect("a message can be sent back");
    }
}
