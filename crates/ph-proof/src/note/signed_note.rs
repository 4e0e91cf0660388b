//! The signed note (c2sp.org/signed-note): a text, an empty line, signature lines.
//!
//! The text means nothing before a signature by a known key is verified, so it is reached through [`SignedNote::verify`];
//! [`SignedNote::unverified_text`] says what it gives.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyId, KeyName, NoteVerifier};
use super::signer::NoteSigner;

/// The largest note, in bytes. Sixteen signatures of nearly 5 kB each, which must be accepted, fit ("Format").
pub const NOTE_BYTES_MAX: usize = 128 << 10;
/// The most signatures of one note.
pub const SIGNATURES_MAX: usize = 64;

/// What a signature line begins with: em dash, space.
const LINE_START: &str = "\u{2014} ";

/// Why a note is none, or is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than notes are.
    #[error("the note is larger than {NOTE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not UTF-8, or with a control character other than the newline.
    #[error("the note is not UTF-8 text without control characters")]
    Text,
    /// A text that does not end with a newline.
    #[error("the note's text does not end with a newline")]
    Unended,
    /// No empty line, or nothing after the last one.
    #[error("the note has no signatures after an empty line")]
    NoSignatures,
    /// More signatures than allowed.
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A line that is no signature.
    #[error("signature line {line} is not an em dash, a key's name and base64 of at least 5 bytes")]
    Line {
        /// Which, counted from 1.
        line: usize,
    },
    /// Two signature lines of the same name and id.
    #[error("the note is signed twice by the key `{name}` with the id `{id}`")]
    Duplicate {
        /// Whose.
        name: String,
        /// Its id.
        id: KeyId,
    },
    /// Two keys of the same name and id were given to verify with.
    #[error("two of the known keys are both called `{name}` with the id `{id}`")]
    Ambiguous {
        /// Their name.
        name: String,
        /// Their id.
        id: KeyId,
    },
    /// A known key's signature that is wrong.
    #[error("the signature of the key `{name}` is wrong")]
    WrongSignature {
        /// Whose.
        name: String,
    },
    /// No signature by a known key.
    #[error("the note is not signed by any known key")]
    Unsigned,
}

/// One signature line: whose it says it is, and what follows the id.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

impl NoteSignature {
    pub(super) fn new(name: KeyName, id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name, id, bytes }
    }

    /// The name of the key that it says it is by.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// That key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The signature without the id.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a line without its newline.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let decoded = STANDARD.decode(encoded).ok()?;
        let (id, bytes) = decoded.split_first_chunk::<4>()?;
        let name = KeyName::new(name).ok()?;
        (!bytes.is_empty()).then(|| Self::new(name, KeyId(*id), bytes.to_vec()))
    }
}

impl fmt::Display for NoteSignature {
    /// The line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.0, self.bytes.as_slice()].concat();
        write!(f, "{LINE_START}{} {}", self.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSignature({} {}, {} bytes)", self.name, self.id, self.bytes.len())
    }
}

/// Reads signature lines, each ending with a newline.
pub(super) fn parse_signatures(text: &str) -> Result<Vec<NoteSignature>, NoteError> {
    let lines = text.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
    let mut signatures = Vec::new();
    for (index, line) in lines.split('\n').enumerate() {
        if index == SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        signatures.push(NoteSignature::parse(line).ok_or(NoteError::Line { line: index + 1 })?);
    }
    check_distinct(&signatures)?;
    Ok(signatures)
}

fn check_distinct(signatures: &[NoteSignature]) -> Result<(), NoteError> {
    let mut seen = BTreeSet::new();
    match signatures.iter().find(|signature| !seen.insert((&signature.name, signature.id))) {
        Some(NoteSignature { name, id, .. }) => Err(NoteError::Duplicate { name: name.as_str().to_owned(), id: *id }),
        None => Ok(()),
    }
}

/// The text of these bytes, if they may be of a note.
pub(super) fn checked_text(bytes: &[u8]) -> Result<&str, NoteError> {
    if bytes.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') { Err(NoteError::Text) } else { Ok(text) }
}

/// A note with its signatures, of which none is verified. Displays as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// What [`SignedNote::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'n, 'v> {
    /// The text, signed by every key of `signatures`.
    pub text: &'n str,
    /// The signatures by known keys, in the note's order; at least one.
    pub signatures: Vec<VerifiedSignature<'v>>,
}

/// A signature that is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedSignature<'v> {
    /// Whose it is.
    pub verifier: &'v NoteVerifier,
    /// When a cosigner saw the tree head, in seconds since 1970; `None` for other signatures.
    pub seconds: Option<u64>,
}

impl SignedNote {
    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError`] where it has not the form that the specification demands.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let note = checked_text(bytes)?;
        let blank = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, rest) = note.split_at(blank + 1);
        let signatures = parse_signatures(&rest[1..])?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Signs `text`, which ends with a newline, with every one of `signers`.
    ///
    /// # Errors
    /// [`NoteError`] where the text may not be a note's, or there is no signer or the same twice.
    pub fn sign(text: &str, signers: &[&NoteSigner]) -> Result<Self, NoteError> {
        let by = |signer: &&NoteSigner| {
            let id = signer.verifier().id();
            NoteSignature::new(signer.name().clone(), id, signer.secret_key().sign(text.as_bytes()).to_vec())
        };
        Self::of(text, signers.iter().map(by).collect())
    }

    /// The note of this text and these signatures, as they are.
    ///
    /// # Errors
    /// [`NoteError`] as [`Self::parse`].
    pub fn of(text: &str, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        if !checked_text(text.as_bytes())?.ends_with('\n') {
            return Err(NoteError::Unended);
        }
        let note = Self { text: text.to_owned(), signatures };
        note.check()?;
        Ok(note)
    }

    fn check(&self) -> Result<(), NoteError> {
        if self.signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        if self.signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        check_distinct(&self.signatures)?;
        if self.to_string().len() > NOTE_BYTES_MAX { Err(NoteError::TooLarge) } else { Ok(()) }
    }

    /// The note with one more signature, such as a witness's.
    ///
    /// # Errors
    /// [`NoteError`] where there are too many, or this key has signed already.
    pub fn with(mut self, signature: NoteSignature) -> Result<Self, NoteError> {
        self.signatures.push(signature);
        self.check()?;
        Ok(self)
    }

    /// The text, which anybody may have written: not to be acted on, but to find out which keys to verify with.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signature lines as they stand, none verified.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Verifies the signatures by the keys that are known; those by others are ignored. One wrong signature by a known key
    /// makes the whole note wrong.
    ///
    /// # Errors
    /// [`NoteError::WrongSignature`], [`NoteError::Unsigned`] where no known key has signed, [`NoteError::Ambiguous`].
    pub fn verify<'v>(&self, verifiers: &'v [NoteVerifier]) -> Result<Verified<'_, 'v>, NoteError> {
        let mut signatures = Vec::new();
        for signature in &self.signatures {
            let Some(verifier) = known(verifiers, signature)? else { continue };
            let Some(seconds) = verifier.verify(&self.text, signature) else {
                return Err(NoteError::WrongSignature { name: verifier.name().as_str().to_owned() });
            };
            signatures.push(VerifiedSignature { verifier, seconds });
        }
        if signatures.is_empty() { Err(NoteError::Unsigned) } else { Ok(Verified { text: &self.text, signatures }) }
    }
}

/// The key that the signature names, if it is known.
fn known<'v>(verifiers: &'v [NoteVerifier], signature: &NoteSignature) -> Result<Option<&'v NoteVerifier>, NoteError> {
    let mut named = verifiers.iter().filter(|verifier| verifier.is_named_by(signature));
    let first = named.next();
    if named.any(|other| Some(other) != first) {
        return Err(NoteError::Ambiguous { name: signature.name.as_str().to_owned(), id: signature.id });
    }
    Ok(first)
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}
