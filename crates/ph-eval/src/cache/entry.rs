//! One entry: 8 bytes that name the format, the SHA-256 of what follows, and the reply as JSON. Pure.

use ph_base::{Digest, Timestamp};
use ph_model::ModelOutput;
use serde::{Deserialize, Serialize};

/// The first bytes of an entry.
const MAGIC: &[u8; 8] = b"PHREPLY1";
const DIGEST_BYTES: usize = 32;

/// A reply that is kept. Neither the request nor the exchange behind it: no credential comes near it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CachedReply {
    /// The key under which it is kept.
    pub key: Digest,
    /// The target by name.
    pub target: String,
    /// The epoch.
    pub epoch: u32,
    /// When the call began.
    pub asked_at: Timestamp,
    /// Milliseconds that the target took.
    pub took_ms: u64,
    /// What the model returned.
    pub output: ModelOutput,
}

/// The bytes of an entry.
///
/// # Errors
/// [`serde_json::Error`] where the reply cannot be written.
pub(super) fn encode(reply: &CachedReply) -> serde_json::Result<Vec<u8>> {
    let document = serde_json::to_vec(reply)?;
    let mut bytes = Vec::with_capacity(MAGIC.len() + DIGEST_BYTES + document.len());
    bytes.extend(MAGIC);
    bytes.extend(Digest::of(&document).bytes());
    bytes.extend(document);
    Ok(bytes)
}

/// The reply of an entry.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode(bytes: &[u8]) -> Result<CachedReply, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is not an entry that this version reads")?;
    let (digest, document) = rest.split_at_checked(DIGEST_BYTES).ok_or("it is cut off")?;
    if Digest::of(document).bytes() != digest {
        return Err("its checksum is wrong".to_owned());
    }
    serde_json::from_slice(document).map_err(|error| format!("it is malformed: {error}"))
}

#[cfg(test)]
pub(super) mod tests {
    use ph_model::{Message, StopReason};

    use super::*;

    pub(in crate::cache) fn reply(key: Digest, text: &str) -> CachedReply {
        let message = Message::assistant(text);
        let (model, stop_reason) = ("m".to_owned(), StopReason::Stop);
        let output = ModelOutput { model, message, stop_reason, usage: None, logprobs: None };
        CachedReply { key, target: "openai/m".to_owned(), epoch: 1, asked_at: Timestamp(7), took_ms: 3, output }
    }

    #[test]
    fn an_entry_reads_back_and_any_changed_byte_is_seen() {
        let reply = reply(Digest::of(b"k"), "hello");
        let bytes = encode(&reply).unwrap();
        assert_eq!(decode(&bytes), Ok(reply));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged).is_err(), "{at}");
            assert!(decode(&bytes[..at]).is_err(), "{at}");
        }
    }
}
