//! The key of a reply: the digest of everything that it depends on.

use ph_base::Digest;
use ph_model::{ModelApi, ModelRequest};

/// Changes whenever what goes into a key does.
const VERSION: &str = "proofhouse response 1";

/// The key of a target's reply to this request at this epoch; none where the request cannot be written as JSON.
///
/// A target with a fingerprint is that fingerprint, whatever it is called; any other is its name and the address at which
/// it is reached.
#[must_use]
pub fn cache_key(target: &dyn ModelApi, request: &ModelRequest, epoch: u32) -> Option<Digest> {
    let request = serde_json::to_vec(request).ok()?;
    let (kind, name, address) = match target.fingerprint() {
        Some(fingerprint) => ("fingerprint", fingerprint.to_string(), String::new()),
        None => ("name", target.target().to_string(), target.address().unwrap_or_default()),
    };
    let address = Digest::of(address.as_bytes());
    Some(Digest::of_parts([
        VERSION.as_bytes(),
        kind.as_bytes(),
        name.as_bytes(),
        address.bytes(),
        &request,
        &epoch.to_le_bytes(),
    ]))
}
