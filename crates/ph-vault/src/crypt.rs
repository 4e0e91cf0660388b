//! Sealing and opening: AES-256-GCM with random 96-bit nonces, written `nonce ‖ ciphertext ‖ tag`.
//!
//! A body's key seals one body. A log's data key seals its bodies' keys, at most 2³² of them (NIST SP 800-38D §8.3).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use crate::VaultError;
use crate::vault::Random;

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 12;
/// By how much what is sealed is longer than what it was made from.
pub(crate) const SEAL_BYTES: usize = NONCE_BYTES + 16;
/// A sealed key.
pub(crate) const WRAPPED_BYTES: usize = KEY_BYTES + SEAL_BYTES;

/// A key; wiped when it goes.
pub(crate) struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// What something is sealed for: a label with its version, and names. Whatever was sealed for another purpose, log or
/// version does not open.
pub(crate) struct Purpose(Vec<u8>);

impl Purpose {
    pub(crate) fn new(label: &str, names: &[&[u8]]) -> Self {
        let mut bytes = Vec::new();
        for part in std::iter::once(label.as_bytes()).chain(names.iter().copied()) {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        Self(bytes)
    }
}

impl Key {
    pub(crate) fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn random(random: &Random) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random(&mut *bytes);
        Self(bytes)
    }

    /// Seals `content` at the end of `sealed`.
    pub(crate) fn seal_into(
        &self,
        content: &[u8],
        purpose: &Purpose,
        random: &Random,
        sealed: &mut Vec<u8>,
    ) -> Result<(), VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce);
        sealed.reserve(content.len() + SEAL_BYTES);
        sealed.extend(nonce);
        let begin = sealed.len();
        sealed.extend(content);
        let cipher = self.cipher()?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(&purpose.0), &mut sealed[begin..]);
        sealed.extend(tag.map_err(|_| VaultError::Cipher)?.as_ref());
        Ok(())
    }

    /// Opens what was sealed; none where it was sealed by another key, for another purpose, or was changed.
    pub(crate) fn open(&self, sealed: &[u8], purpose: &Purpose) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut content = rest.to_vec();
        let length = self.cipher().ok()?.open_in_place(nonce, Aad::from(&purpose.0), &mut content).ok()?.len();
        content.truncate(length);
        Some(content)
    }

    /// Seals another key.
    pub(crate) fn wrap(
        &self,
        key: &Key,
        purpose: &Purpose,
        random: &Random,
    ) -> Result<[u8; WRAPPED_BYTES], VaultError> {
        let mut wrapped = Vec::new();
        self.seal_into(&*key.0, purpose, random, &mut wrapped)?;
        wrapped.try_into().map_err(|_| VaultError::Cipher)
    }

    /// Opens a sealed key.
    pub(crate) fn unwrap(&self, wrapped: &[u8], purpose: &Purpose) -> Option<Key> {
        let mut content = Zeroizing::new(self.open(wrapped, purpose)?);
        let key = <[u8; KEY_BYTES]>::try_from(content.as_slice()).ok().map(|key| Key(Zeroizing::new(key)));
        content.zeroize();
        key
    }

    fn cipher(&self) -> Result<LessSafeKey, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM, &*self.0).map_err(|_| VaultError::Cipher)?;
        Ok(LessSafeKey::new(key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_for_its_purpose() {
        let random: Random = Arc::new(|bytes: &mut [u8]| bytes.fill(7));
        let other = Key::new(Zeroizing::new([8; 32]));
        let key = Key::random(&random);
        let purpose = Purpose::new("body 1", &[b"log"]);
        let mut sealed = Vec::new();
        key.seal_into(b"content", &purpose, &random, &mut sealed).unwrap();
        assert_eq!(sealed.len(), 7 + SEAL_BYTES);
        assert_eq!(key.open(&sealed, &purpose).unwrap(), b"content");
        assert!(other.open(&sealed, &purpose).is_none());
        assert!(key.open(&sealed, &Purpose::new("body 1", &[b"lo", b"g"])).is_none());
        assert!(key.open(&sealed, &Purpose::new("body 2", &[b"log"])).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed, &purpose).is_none() && key.open(&sealed[..at], &purpose).is_none(), "{at}");
        }
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    /// Test case 16 of the GCM specification (McGrew and Viega), which NIST's validation set has too.
    #[test]
    fn the_cipher_is_the_published_one() {
        let hex = |text: &str| hex::decode(text).unwrap();
        let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let nonce = hex("cafebabefacedbaddecaf888");
        let key = Key::new(Zeroizing::new(key.try_into().unwrap()));
        let sealed = [
            nonce,
            hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"),
            hex("76fc6ece0f4e1768cddf8853bb2d551b"),
        ]
        .concat();
        let purpose = Purpose(hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
        let content = hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        assert_eq!(key.open(&sealed, &purpose).unwrap(), content);
    }
}
