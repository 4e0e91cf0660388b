//! Names, ids and keys of signed notes (c2sp.org/signed-note, "Signatures" and "Verifier keys").

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::cosignature;
use super::signed_note::NoteSignature;
use crate::ed25519::{PublicKey, PublicKeyError};

/// The longest name of a key, in bytes: what an ML-DSA-44 cosignature can commit to as well (c2sp.org/tlog-cosignature).
pub const NAME_BYTES_MAX: usize = 255;

/// Why a text is not a key, or not one that is known here. No variant holds secret bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A name that is empty, too long, or has spaces, control characters or a plus.
    #[error("`{0}` is not the name of a key (1 to {NAME_BYTES_MAX} bytes without spaces, control characters and `+`)")]
    Name(String),
    /// Not `<name>+<id>+<key>`.
    #[error("a verifier key has the form `<name>+<8 hex digits>+<base64>`")]
    Form,
    /// Not `PRIVATE+KEY+<name>+<id>+<key>`.
    #[error("a secret key has the form `PRIVATE+KEY+<name>+<8 hex digits>+<base64>`")]
    SecretForm,
    /// An id that is not 8 lower-case hex digits.
    #[error("the id of the key `{name}` is not 8 lower-case hex digits")]
    Id {
        /// Whose.
        name: String,
    },
    /// Key material that is not base64, or of another length than its type has.
    #[error("the key `{name}` is not the base64 of a type and 32 bytes")]
    Material {
        /// Whose.
        name: String,
    },
    /// An ML-DSA-44 key (c2sp.org/tlog-cosignature), which is not supported yet.
    #[error("the key `{name}` is of type 0x06 (ML-DSA-44), which is not supported yet")]
    MlDsa44 {
        /// Whose.
        name: String,
    },
    /// Another type of signature.
    #[error("the key `{name}` is of the unsupported type 0x{kind:02x}")]
    Type {
        /// Whose.
        name: String,
        /// The type's byte.
        kind: u8,
    },
    /// The id that stands in the text is not the one that name and key have.
    #[error("the key `{name}` has the id `{computed}`, not `{stated}`")]
    WrongId {
        /// Whose.
        name: String,
        /// What the text says.
        stated: KeyId,
        /// What follows from name, type and key.
        computed: KeyId,
    },
    /// 32 bytes that are no public key.
    #[error("the key `{name}` cannot be used")]
    PublicKey {
        /// Whose.
        name: String,
        /// Why.
        source: PublicKeyError,
    },
}

/// The name of a key.
///
/// Stricter than the specification in two things: no control characters at all, and a longest length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Takes `name` if it may be one.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn new(name: &str) -> Result<Self, KeyError> {
        let is_wrong = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(is_wrong) {
            return Err(KeyError::Name(name.chars().take(80).collect::<String>().escape_debug().to_string()));
        }
        Ok(Self(name.to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a key: with the name it says which key signed. Four bytes, so never a proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// SHA-256(name ‖ 0x0A ‖ type ‖ key), its first four bytes.
    fn of(name: &KeyName, kind: u8, key: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_str());
        hasher.update([b'\n', kind]);
        hasher.update(key);
        let hash: [u8; 32] = hasher.finalize().into();
        Self([hash[0], hash[1], hash[2], hash[3]])
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut id = [0; 4];
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        (is_lower && hex::decode_to_slice(text, &mut id).is_ok()).then_some(Self(id))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a key's signatures say (c2sp.org/signed-note, "Signature types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureType {
    /// Ed25519 over the text of the note, 0x01.
    Ed25519,
    /// Ed25519 over a tree head and the time at which it was seen, 0x04 (c2sp.org/tlog-cosignature).
    Cosignature,
}

impl SignatureType {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }

    fn of_byte(kind: u8, name: &str) -> Result<Self, KeyError> {
        let name = name.to_owned();
        match kind {
            1 => Ok(Self::Ed25519),
            4 => Ok(Self::Cosignature),
            6 => Err(KeyError::MlDsa44 { name }),
            _ => Err(KeyError::Type { name, kind }),
        }
    }
}

/// A key that verifies signatures of notes: name, type and public key. Its text is the `vkey` of C2SP.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoteVerifier {
    name: KeyName,
    id: KeyId,
    kind: SignatureType,
    key: PublicKey,
}

impl NoteVerifier {
    /// The verifier of this name, type and key.
    #[must_use]
    pub fn new(name: KeyName, kind: SignatureType, key: PublicKey) -> Self {
        let id = KeyId::of(&name, kind.byte(), key.bytes());
        Self { name, id, kind, key }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What its signatures say.
    #[must_use]
    pub fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The key without its name.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key
    }

    /// The same key and type under another name, with the id that follows: a log's key signs for several origins.
    #[must_use]
    pub fn renamed(&self, name: KeyName) -> Self {
        Self::new(name, self.kind, self.key)
    }

    /// Whether `signature` says that it is by this key.
    #[must_use]
    pub fn is_named_by(&self, signature: &NoteSignature) -> bool {
        signature.id() == self.id && *signature.name() == self.name
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = [0; 33];
        material[0] = self.kind.byte();
        material[1..].copy_from_slice(self.key.bytes());
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(material))
    }
}

impl FromStr for NoteVerifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let name = KeyName::new(name)?;
        let owned = || name.as_str().to_owned();
        let stated = KeyId::parse(id).ok_or_else(|| KeyError::Id { name: owned() })?;
        let material = STANDARD.decode(material).map_err(|_| KeyError::Material { name: owned() })?;
        let (kind, key) = material.split_first().ok_or_else(|| KeyError::Material { name: owned() })?;
        let kind = SignatureType::of_byte(*kind, name.as_str())?;
        let key: &[u8; 32] = key.try_into().map_err(|_| KeyError::Material { name: owned() })?;
        let key = PublicKey::from_bytes(key).map_err(|source| KeyError::PublicKey { name: owned(), source })?;
        let verifier = Self::new(name, kind, key);
        verifier.check_id(stated)?;
        Ok(verifier)
    }
}

impl NoteVerifier {
    fn check_id(&self, stated: KeyId) -> Result<(), KeyError> {
        if stated == self.id {
            return Ok(());
        }
        Err(KeyError::WrongId { name: self.name.as_str().to_owned(), stated, computed: self.id })
    }

    /// Whether `signature` is this key's over `text`; a cosignature's time with it. `None`: it is not.
    pub(super) fn verify(&self, text: &str, signature: &NoteSignature) -> Option<Option<u64>> {
        match self.kind {
            SignatureType::Ed25519 => self.key.verifies(text.as_bytes(), signature.bytes()).then_some(None),
            SignatureType::Cosignature => cosignature::verify(text, self, signature).ok().map(Some),
        }
    }
}
