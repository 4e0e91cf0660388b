//! The head of a log's tree, which C2SP calls a checkpoint (c2sp.org/tlog-checkpoint, "Note text").

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::key::NoteVerifier;
use super::signed_note::{NoteError, SignedNote, checked_text};
use super::signer::NoteSigner;

/// Why a text is not a tree head, or not this log's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeHeadError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Fewer than three lines, or a last line without its newline.
    #[error("a tree head is three lines or more, each ending with a newline")]
    Lines,
    /// An origin that is empty or no line.
    #[error("the origin of a tree head is one line that is not empty")]
    Origin,
    /// A second line that is not a number as it is written here.
    #[error("`{0}` is not a tree's size (decimal, without leading zeros)")]
    Size(String),
    /// A third line that is not the base64 of 32 bytes.
    #[error("`{0}` is not the base64 of a root hash")]
    Root(String),
    /// A root of an empty tree that is not the hash of nothing (RFC 6962 §2.1).
    #[error("the tree is empty, but its root is not the hash of nothing")]
    EmptyRoot,
    /// An extension line that is empty or no line.
    #[error("an extension of a tree head is one line that is not empty")]
    Extension,
    /// The key is another log's.
    #[error("the tree head of `{origin}` cannot be by the key `{name}`")]
    OtherLog {
        /// The log that the tree head names.
        origin: String,
        /// The key's name.
        name: String,
    },
}

/// The size and root of a log's tree.
#[derive(Clone, PartialEq, Eq)]
pub struct TreeHead {
    origin: String,
    size: u64,
    root: [u8; 32],
    extensions: Vec<String>,
}

impl TreeHead {
    /// The head of the log `origin` at `size` leaves.
    ///
    /// # Errors
    /// [`TreeHeadError`] where the origin is not one line of text, or the root cannot be that of an empty tree.
    pub fn new(origin: &str, size: u64, root: [u8; 32]) -> Result<Self, TreeHeadError> {
        if !is_line(origin) {
            return Err(TreeHeadError::Origin);
        }
        if size == 0 && root != <[u8; 32]>::from(Sha256::digest(b"")) {
            return Err(TreeHeadError::EmptyRoot);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// The same with another extension line, which nobody audits: the specification advises against any.
    ///
    /// # Errors
    /// [`TreeHeadError::Extension`].
    pub fn with_extension(mut self, line: &str) -> Result<Self, TreeHeadError> {
        if !is_line(line) {
            return Err(TreeHeadError::Extension);
        }
        self.extensions.push(line.to_owned());
        Ok(self)
    }

    /// Which log it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree (RFC 6962 §2.1).
    #[must_use]
    pub fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// The extension lines.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Reads the text of a tree head.
    ///
    /// # Errors
    /// [`TreeHeadError`] where it has not the form that the specification demands.
    pub fn parse(text: &str) -> Result<Self, TreeHeadError> {
        checked_text(text.as_bytes())?;
        let mut lines = text.strip_suffix('\n').ok_or(TreeHeadError::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(TreeHeadError::Lines);
        };
        let size = parse_size(size).ok_or_else(|| TreeHeadError::Size(shown(size)))?;
        let root = parse_hash(root).ok_or_else(|| TreeHeadError::Root(shown(root)))?;
        lines.try_fold(Self::new(origin, size, root)?, Self::with_extension)
    }

    /// Signs it for the log, whose key is named by the origin.
    ///
    /// # Errors
    /// [`TreeHeadError::OtherLog`] where it is not; [`TreeHeadError::Note`].
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, TreeHeadError> {
        self.check_key(signer.name().as_str())?;
        Ok(SignedNote::sign(&self.to_string(), &[signer])?)
    }

    /// The tree head of a note that the log has signed.
    ///
    /// # Errors
    /// [`TreeHeadError`] where the log's key has not signed it, its signature is wrong, or the text is no tree head of
    /// the log that the key is named by.
    pub fn open(note: &SignedNote, verifier: &NoteVerifier) -> Result<Self, TreeHeadError> {
        let verified = note.verify(std::slice::from_ref(verifier))?;
        let head = Self::parse(verified.text)?;
        head.check_key(verifier.name().as_str())?;
        Ok(head)
    }

    fn check_key(&self, name: &str) -> Result<(), TreeHeadError> {
        if name == self.origin {
            return Ok(());
        }
        Err(TreeHeadError::OtherLog { origin: self.origin.clone(), name: name.to_owned() })
    }
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte >= 0x20)
}

/// What an error repeats of a line.
fn shown(line: &str) -> String {
    line.chars().take(80).collect()
}

/// A number in the only way that C2SP writes one.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    if is_digits && is_short { text.parse().ok() } else { None }
}

/// The base64 of 32 bytes.
pub(super) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

pub(super) fn encode_hash(hash: &[u8; 32]) -> String {
    STANDARD.encode(hash)
}

impl fmt::Display for TreeHead {
    /// The note's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, encode_hash(&self.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Debug for TreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHead({} at {}, {})", self.origin, self.size, encode_hash(&self.root))
    }
}
