//! Ed25519 keys (RFC 8032) as notes and envelopes use them: handed in as 32 bytes, checked when they come in, and verified
//! by the strict rule, so that a message, a key and a signature have one answer everywhere.

use std::cmp::Ordering;
use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use ph_base::Digest;

/// Bytes of a signature (RFC 8032 §5.1.6).
pub const SIGNATURE_BYTES: usize = 64;

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

/// Why 32 bytes are not a public key that can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// They are not the encoding of a point of the curve, or not its only encoding (RFC 8032 §5.1.3).
    #[error("the bytes do not encode a point of the curve")]
    Point,
    /// The point has small order: signatures that fit many messages can be made for it.
    #[error("the key has small order, so that it proves nothing")]
    SmallOrder,
}

impl PublicKey {
    /// The key of these 32 bytes.
    ///
    /// # Errors
    /// [`PublicKeyError`] where they are not the canonical encoding of a point of large order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        if !is_reduced(bytes) {
            return Err(PublicKeyError::Point);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::Point)?;
        if key.is_weak() { Err(PublicKeyError::SmallOrder) } else { Ok(Self(key)) }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// How DSSE envelopes name the key: SHA-256 of its 32 bytes, in hex.
    #[must_use]
    pub fn keyid(&self) -> String {
        Digest::of(self.bytes()).hex()
    }

    /// Whether `signature` is this key's over `message`; one that is not 64 bytes long never is.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// Whether the y coordinate is below the field's prime 2²⁵⁵ − 19.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let is_top_full = bytes[31] & 0x7f == 0x7f && bytes[1..31].iter().all(|byte| *byte == 0xff);
    !is_top_full || bytes[0] < 0xed
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.bytes()))
    }
}

/// A secret key; overwritten in memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of these 32 secret bytes (the seed of RFC 8032 §5.1.5); the caller's copy stays the caller's to overwrite.
    #[must_use]
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }

    /// The 32 secret bytes.
    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 §7.1, test 2: secret key, public key, message, signature.
    const VECTOR: [&str; 4] = [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ];

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_published_signature() {
        let secret = SecretKey::from_bytes(&bytes(VECTOR[0]));
        assert_eq!(secret.public_key().bytes(), &bytes::<32>(VECTOR[1]));
        let message = bytes::<1>(VECTOR[2]);
        let signature = bytes::<64>(VECTOR[3]);
        assert_eq!(secret.sign(&message), signature);
        assert!(secret.public_key().verifies(&message, &signature));
        for at in 0..64 {
            let mut wrong = signature;
            wrong[at] ^= 1;
            assert!(!secret.public_key().verifies(&message, &wrong), "byte {at}");
        }
        assert!(!secret.public_key().verifies(&message, &signature[..63]));
        assert!(!secret.public_key().verifies(b"s", &signature));
    }

    #[test]
    fn keys_that_prove_nothing_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity), Err(PublicKeyError::SmallOrder));
        // y = p + 1, which is 1 again.
        let mut unreduced = [0xff; 32];
        (unreduced[0], unreduced[31]) = (0xee, 0x7f);
        assert_eq!(PublicKey::from_bytes(&unreduced), Err(PublicKeyError::Point));
        let mut off_curve = [0; 32];
        off_curve[0] = 2;
        assert_eq!(PublicKey::from_bytes(&off_curve), Err(PublicKeyError::Point));
    }

    #[test]
    fn the_secret_is_not_shown() {
        let shown = format!("{:?}", SecretKey::from_bytes(&bytes(VECTOR[0])));
        assert!(!shown.contains("4ccd") && !shown.contains("76, 205"), "{shown}");
    }
}
