//! Any bytes as canonical JSON, as an envelope, and as the statement in an envelope that is signed.

use ph_proof::canonical_json::{parse_canonical, parse_canonical_exact, to_canonical, to_canonical_exact};
use ph_proof::dsse::Envelope;
use ph_proof::ed25519::SecretKey;
use ph_proof::statement::{PAYLOAD_TYPE, Predicate, open, seal};
use serde_json::Value;

/// A predicate that may be anything.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Anything(Value);

impl Predicate for Anything {
    const TYPE: &'static str = "https://proofhouse.example/anything/v1";
}

/// What is understood is written as it was read, and nothing is signed by a key that no seed was signed with.
pub(crate) fn check(data: &[u8]) {
    if let Ok(value) = parse_canonical::<Value>(data) {
        assert_eq!(to_canonical(&value).expect("what was read can be written"), data);
    }
    if let Ok(value) = parse_canonical_exact::<Value>(data) {
        assert_eq!(to_canonical_exact(&value).expect("what was read can be written"), data);
    }
    let key = SecretKey::from_bytes(&[0xa5; 32]);
    if let Ok(envelope) = Envelope::parse(data) {
        assert_eq!(envelope.to_bytes().expect("what was read can be written"), data);
        assert!(envelope.verify(&[key.public_key()]).is_err(), "a forged signature");
    }
    let envelope = Envelope::sign(PAYLOAD_TYPE, data.to_vec(), &[&key]).expect("anything can be signed");
    if let Ok(opened) = open::<Anything>(&envelope, &[key.public_key()]) {
        let again = seal(&opened.statement, &[&key]).expect("what was opened can be sealed");
        assert_eq!(again, envelope);
    }
}
