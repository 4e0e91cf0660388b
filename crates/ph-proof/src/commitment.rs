//! Salted commitments: a leaf shows that something was recorded, not what. Whoever is given salt and content can check that
//! they are what was committed to; without the salt a guess at the content cannot be tried.
//!
//! A purpose is part of every commitment, so that one made for one thing cannot be shown as another.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

const COMMITMENT_DOMAIN: &[u8] = b"proofhouse/commitment/v1\n";
const SALT_DOMAIN: &[u8] = b"proofhouse/salt/v1\n";
/// The longest purpose, in bytes.
pub const PURPOSE_BYTES_MAX: usize = 64;

/// Why there is no commitment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitmentError {
    /// A purpose of other characters, empty, or too long.
    #[error("`{0}` is not a purpose (1 to {PURPOSE_BYTES_MAX} of `a-z`, `0-9`, `.`, `/`, `-`)")]
    Purpose(String),
}

/// 32 bytes in hex that are not so written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hex digits")]
struct HexError;

/// What keeps a commitment from being guessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

/// A commitment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(pub [u8; 32]);

/// The secret that the salts of many items follow from; overwritten in memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct SaltKey([u8; 32]);

/// Commits to `content`: SHA-256(`proofhouse/commitment/v1` ‖ 0x0A ‖ purpose ‖ 0x0A ‖ salt ‖ SHA-256(content)).
///
/// # Errors
/// [`CommitmentError::Purpose`].
pub fn commit(purpose: &str, salt: &Salt, content: &[u8]) -> Result<Commitment, CommitmentError> {
    commit_to_digest(purpose, salt, &Sha256::digest(content).into())
}

/// The same for content of which only the SHA-256 is at hand.
///
/// # Errors
/// [`CommitmentError::Purpose`].
pub fn commit_to_digest(purpose: &str, salt: &Salt, sha256: &[u8; 32]) -> Result<Commitment, CommitmentError> {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'/' | b'-');
    if purpose.is_empty() || purpose.len() > PURPOSE_BYTES_MAX || !purpose.bytes().all(is_allowed) {
        return Err(CommitmentError::Purpose(purpose.chars().take(80).collect()));
    }
    let mut hasher = Sha256::new();
    for part in [COMMITMENT_DOMAIN, purpose.as_bytes(), b"\n", &salt.0, sha256] {
        hasher.update(part);
    }
    Ok(Commitment(hasher.finalize().into()))
}

impl Commitment {
    /// Whether it was made for this purpose, with this salt, to this content.
    #[must_use]
    pub fn opens(&self, purpose: &str, salt: &Salt, content: &[u8]) -> bool {
        commit(purpose, salt, content).is_ok_and(|commitment| commitment == *self)
    }
}

impl SaltKey {
    /// The key of these 32 secret bytes; the caller's copy stays the caller's to overwrite.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The salt of the item `index`: HMAC-SHA256(key, `proofhouse/salt/v1` ‖ 0x0A ‖ index as 8 bytes big-endian).
    #[must_use]
    pub fn salt_of(&self, index: u64) -> Salt {
        Salt(self.mac(&[SALT_DOMAIN, &index.to_be_bytes()]))
    }

    /// Another secret that follows from this one: HMAC-SHA256(key, label). Labels begin with what they are for, and with nothing
    /// that [`Self::salt_of`] begins with.
    #[must_use]
    pub fn derive(&self, label: &[u8]) -> [u8; 32] {
        self.mac(&[label])
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads a short key with zeros to the length of a block (RFC 2104 §2); a whole block cannot be of a wrong length.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl Drop for SaltKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for SaltKey {}

impl fmt::Debug for SaltKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaltKey(secret)")
    }
}

fn parse_hex(text: &str) -> Result<[u8; 32], HexError> {
    let mut bytes = [0; 32];
    let is_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) if !is_upper => Ok(bytes),
        _ => Err(HexError),
    }
}

macro_rules! hex_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parse_hex(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
            }
        }
    };
}

hex_text!(Salt);
hex_text!(Commitment);

impl fmt::Debug for Salt {
    /// A salt that is shown lets content be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(not shown)")
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([7; 32]);

    /// Values computed with Python's `hashlib` and `hmac`.
    #[test]
    fn values_of_another_implementation() {
        let commitment = commit("event/v1", &SALT, b"hello").unwrap();
        assert_eq!(commitment.to_string(), "d098cc6741f30bd11381a28f86d7ac62b7fcbd031713338225bbd995ee607545");
        assert_eq!(
            SaltKey::new([1; 32]).salt_of(258).to_string(),
            "064ee9598be56a75ba5faead88821c7f0e4346884d87c3b42ba49b01a49840ea"
        );
    }

    /// A value computed with Python's `hmac`.
    #[test]
    fn a_derived_secret_is_the_mac_of_its_label() {
        let derived = SaltKey::new([1; 32]).derive(b"part\n1\nplan.json");
        assert_eq!(hex::encode(derived), "c6d3c83f9d8000a90da23724a527c28074db84763d18b2c91843bd998f993f85");
    }

    #[test]
    fn a_commitment_opens_to_one_thing() {
        let commitment = commit("event", &SALT, b"hello").unwrap();
        assert!(commitment.opens("event", &SALT, b"hello"));
        assert!(!commitment.opens("event", &SALT, b"hellp"));
        assert!(!commitment.opens("events", &SALT, b"hello"));
        assert!(!commitment.opens("event", &Salt([8; 32]), b"hello"));
        assert!(!commitment.opens("no purpose", &SALT, b"hello"));
        assert_eq!(commit_to_digest("event", &SALT, &Sha256::digest(b"hello").into()), Ok(commitment));
    }

    #[test]
    fn purposes() {
        for wrong in ["", "A", "a b", "a\n", "a_b", "é", &"a".repeat(65)] {
            assert!(commit(wrong, &SALT, b"").is_err(), "{wrong:?}");
        }
        assert!(commit(&"a".repeat(64), &SALT, b"").is_ok());
        assert!(commit("a.b/c-9", &SALT, b"").is_ok());
    }

    #[test]
    fn salts_differ_and_are_written_in_hex() {
        let key = SaltKey::new([1; 32]);
        assert_ne!(key.salt_of(0), key.salt_of(1));
        let text = serde_json::to_string(&key.salt_of(0)).unwrap();
        assert_eq!(serde_json::from_str::<Salt>(&text).unwrap(), key.salt_of(0));
        for wrong in [text.to_uppercase(), text.replace('"', "\"0"), "\"\"".to_owned(), "7".to_owned()] {
            assert!(serde_json::from_str::<Salt>(&wrong).is_err(), "{wrong}");
        }
        assert!(!format!("{key:?} {:?}", key.salt_of(0)).contains("[1"));
    }
}
