//! The envelope that signed statements travel in: DSSE, version 1.0.0 (`protocol.md`, `envelope.md`), with Ed25519.
//!
//! Stricter than the specification: an envelope is canonical JSON with standard base64, every signature names its key, and a
//! wrong signature by a known key refuses the whole. So an envelope has one form, and its hash says what it holds.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::canonical_json::{CanonicalJsonError, parse_canonical, to_canonical};
use crate::ed25519::{PublicKey, SecretKey};

/// The largest envelope, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 64 << 20;
/// The most signatures of one envelope.
pub const SIGNATURES_MAX: usize = 64;
/// The longest signature, in bytes: larger than any that is in use.
pub const SIGNATURE_BYTES_MAX: usize = 8 << 10;
/// The longest payload type, in bytes.
pub const PAYLOAD_TYPE_BYTES_MAX: usize = 256;

/// Why bytes are no envelope, or one is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum DsseError {
    /// Larger than envelopes are.
    #[error("the envelope is larger than {ENVELOPE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not canonical JSON of an envelope's shape.
    #[error("the envelope is not canonical JSON of the right shape")]
    Json(#[from] CanonicalJsonError),
    /// Something that is not standard base64 with padding.
    #[error("`{field}` is not standard base64 with padding")]
    Base64 {
        /// Which member of the envelope.
        field: &'static str,
    },
    /// A payload type that is empty, too long, or not printable ASCII.
    #[error("the payload type is not 1 to {PAYLOAD_TYPE_BYTES_MAX} printable ASCII characters")]
    PayloadType,
    /// No signature.
    #[error("the envelope has no signature")]
    NoSignature,
    /// More signatures than allowed.
    #[error("the envelope has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A name of a key that is not 64 hex digits.
    #[error("`{0}` is not the name of a key (64 lower-case hex digits)")]
    KeyId(String),
    /// A signature that is empty or too long.
    #[error("the signature by `{0}` is empty or longer than {SIGNATURE_BYTES_MAX} bytes")]
    SignatureLength(String),
    /// Two signatures by one key.
    #[error("the envelope is signed twice by `{0}`")]
    Duplicate(String),
    /// A known key's signature that is wrong.
    #[error("the signature by `{0}` is wrong")]
    WrongSignature(String),
    /// No signature by a known key.
    #[error("the envelope is not signed by any known key")]
    Unsigned,
}

/// A signature and the key that it says it is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// SHA-256 of the public key's 32 bytes, in hex ([`PublicKey::keyid`]).
    pub keyid: String,
    /// Its bytes.
    pub sig: Vec<u8>,
}

/// A payload with signatures, none verified. Inside another document it is the same object as alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: String,
    sig: String,
}

impl TryFrom<Wire> for Envelope {
    type Error = DsseError;

    fn try_from(wire: Wire) -> Result<Self, DsseError> {
        let decode = |field, text: &str| STANDARD.decode(text).map_err(|_| DsseError::Base64 { field });
        let payload = decode("payload", &wire.payload)?;
        let mut signatures = Vec::new();
        for WireSignature { keyid, sig } in wire.signatures {
            signatures.push(Signature { keyid, sig: decode("sig", &sig)? });
        }
        let envelope = Self { payload_type: wire.payload_type, payload, signatures };
        envelope.check()?;
        Ok(envelope)
    }
}

impl From<Envelope> for Wire {
    fn from(envelope: Envelope) -> Self {
        let signature = |one: &Signature| WireSignature { keyid: one.keyid.clone(), sig: STANDARD.encode(&one.sig) };
        Wire {
            payload: STANDARD.encode(&envelope.payload),
            payload_type: envelope.payload_type,
            signatures: envelope.signatures.iter().map(signature).collect(),
        }
    }
}

/// What is signed: the pre-authentication encoding of type and body (`protocol.md`, "Signature Definition").
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// Signs a payload with every one of `signers`.
    ///
    /// # Errors
    /// [`DsseError`] where there is no signer or one twice, or the parts are larger than an envelope's may be.
    pub fn sign(payload_type: &str, payload: Vec<u8>, signers: &[&SecretKey]) -> Result<Self, DsseError> {
        let signed = pae(payload_type, &payload);
        let by =
            |signer: &&SecretKey| Signature { keyid: signer.public_key().keyid(), sig: signer.sign(&signed).to_vec() };
        let signatures = signers.iter().map(by).collect();
        let envelope = Self { payload_type: payload_type.to_owned(), payload, signatures };
        envelope.check()?;
        Ok(envelope)
    }

    /// The envelope with one more signature.
    ///
    /// # Errors
    /// [`DsseError`] where this key has signed already, or there are too many.
    pub fn with_signature_of(mut self, signer: &SecretKey) -> Result<Self, DsseError> {
        let sig = signer.sign(&pae(&self.payload_type, &self.payload)).to_vec();
        self.signatures.push(Signature { keyid: signer.public_key().keyid(), sig });
        self.check()?;
        Ok(self)
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`DsseError`] where it is not one in canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Self, DsseError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(DsseError::TooLarge);
        }
        parse_canonical::<Wire>(bytes)?.try_into()
    }

    /// Its canonical form.
    ///
    /// # Errors
    /// [`DsseError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, DsseError> {
        let bytes = to_canonical(self)?;
        if bytes.len() > ENVELOPE_BYTES_MAX { Err(DsseError::TooLarge) } else { Ok(bytes) }
    }

    fn check(&self) -> Result<(), DsseError> {
        let is_printable = self.payload_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if self.payload_type.is_empty() || self.payload_type.len() > PAYLOAD_TYPE_BYTES_MAX || !is_printable {
            return Err(DsseError::PayloadType);
        }
        match self.signatures.len() {
            0 => return Err(DsseError::NoSignature),
            1..=SIGNATURES_MAX => {}
            _ => return Err(DsseError::TooManySignatures),
        }
        self.check_signatures()
    }

    fn check_signatures(&self) -> Result<(), DsseError> {
        let mut seen = BTreeSet::new();
        for Signature { keyid, sig } in &self.signatures {
            if keyid.len() != 64 || !keyid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(DsseError::KeyId(keyid.chars().take(80).collect()));
            }
            if sig.is_empty() || sig.len() > SIGNATURE_BYTES_MAX {
                return Err(DsseError::SignatureLength(keyid.clone()));
            }
            if !seen.insert(keyid) {
                return Err(DsseError::Duplicate(keyid.clone()));
            }
        }
        Ok(())
    }

    /// How the payload is to be read. Signed with it.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, which anybody may have written before [`Self::verify`] says who has.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures as they stand, none verified.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Which of these keys have signed, in the envelope's order; signatures by others are ignored. At least one has.
    ///
    /// # Errors
    /// [`DsseError::WrongSignature`] where one that names a known key is wrong; [`DsseError::Unsigned`].
    pub fn verify(&self, keys: &[PublicKey]) -> Result<Vec<PublicKey>, DsseError> {
        let keys: BTreeMap<String, PublicKey> = keys.iter().map(|key| (key.keyid(), *key)).collect();
        let signed = pae(&self.payload_type, &self.payload);
        let mut found = Vec::new();
        for Signature { keyid, sig } in &self.signatures {
            let Some(key) = keys.get(keyid) else { continue };
            if !key.verifies(&signed, sig) {
                return Err(DsseError::WrongSignature(keyid.clone()));
            }
            found.push(*key);
        }
        if found.is_empty() { Err(DsseError::Unsigned) } else { Ok(found) }
    }
}
