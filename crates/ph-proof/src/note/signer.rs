//! What signs notes, and its text as Go's `sumdb/note` writes it: `PRIVATE+KEY+<name>+<id>+<base64 of 0x01 and the seed>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::key::{KeyError, KeyId, KeyName, NoteVerifier, SignatureType};
use crate::ed25519::SecretKey;

const PREFIX: &str = "PRIVATE+KEY+";
/// Base64 of 33 bytes.
const MATERIAL_CHARS: usize = 44;

/// A key that signs notes. Its text is that of Go's `sumdb/note` (`PRIVATE+KEY+…`); it is never shown otherwise.
#[derive(Clone)]
pub struct NoteSigner {
    name: KeyName,
    key: SecretKey,
}

impl NoteSigner {
    /// The signer of this name and these 32 secret bytes.
    #[must_use]
    pub fn new(name: KeyName, seed: &[u8; 32]) -> Self {
        Self::of(name, SecretKey::from_bytes(seed))
    }

    /// The signer of this name and key.
    #[must_use]
    pub fn of(name: KeyName, key: SecretKey) -> Self {
        Self { name, key }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key without its name, which signs envelopes too.
    #[must_use]
    pub fn secret_key(&self) -> &SecretKey {
        &self.key
    }

    /// The same key under another name.
    #[must_use]
    pub fn renamed(&self, name: KeyName) -> Self {
        Self::of(name, self.key.clone())
    }

    /// What verifies its signatures of notes (type 0x01).
    #[must_use]
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier::new(self.name.clone(), SignatureType::Ed25519, self.key.public_key())
    }

    /// What verifies its cosignatures of tree heads (type 0x04).
    #[must_use]
    pub fn cosignature_verifier(&self) -> NoteVerifier {
        NoteVerifier::new(self.name.clone(), SignatureType::Cosignature, self.key.public_key())
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner(of {})", self.verifier())
    }
}

impl NoteSigner {
    /// The key as text, to be kept secret; it is overwritten in memory when dropped.
    #[must_use]
    pub fn secret_text(&self) -> Zeroizing<String> {
        let mut material = Zeroizing::new([1; 33]);
        material[1..].copy_from_slice(self.secret_key().seed());
        let encoded = Zeroizing::new(STANDARD.encode(material.as_slice()));
        let mut text = String::with_capacity(PREFIX.len() + self.name().as_str().len() + 10 + MATERIAL_CHARS);
        for part in [PREFIX, self.name().as_str(), "+", &self.verifier().id().to_string(), "+", encoded.as_str()] {
            text.push_str(part);
        }
        Zeroizing::new(text)
    }

    /// Reads a key's text.
    ///
    /// # Errors
    /// [`KeyError`], which holds nothing of what is secret.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.strip_prefix(PREFIX).ok_or(KeyError::SecretForm)?.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::SecretForm);
        };
        // A text whose parts are mixed up could have the secret where name or id should be: nothing of it is repeated.
        let name = KeyName::new(name).map_err(|_| KeyError::SecretForm)?;
        let stated = KeyId::parse(id).ok_or(KeyError::SecretForm)?;
        let seed = seed(material).ok_or(KeyError::SecretForm)?;
        let signer = Self::new(name, &seed);
        let computed = signer.verifier().id();
        if computed != stated {
            return Err(KeyError::WrongId { name: signer.name().as_str().to_owned(), stated, computed });
        }
        Ok(signer)
    }
}

/// The seed in the last part of the text.
fn seed(encoded: &str) -> Option<Zeroizing<[u8; 32]>> {
    if encoded.len() != MATERIAL_CHARS {
        return None;
    }
    let mut material = Zeroizing::new([0; 33]);
    let length = STANDARD.decode_slice(encoded, &mut *material).ok()?;
    let (kind, rest) = material.split_first()?;
    let mut seed = Zeroizing::new([0; 32]);
    seed.copy_from_slice(rest);
    (length == 33 && *kind == 1).then_some(seed)
}
