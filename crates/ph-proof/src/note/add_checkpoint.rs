//! What a log and a witness say to each other when the log asks for a cosignature (c2sp.org/tlog-witness, "add-checkpoint").
//!
//! Only the form of the bodies is judged here. Whether the old size is the one that the witness has (409), is larger than
//! the tree (400), or the proof holds (422) is for the witness, who has another answer to each.

use std::fmt;

use super::signed_note::{NOTE_BYTES_MAX, NoteError, NoteSignature, SignedNote, checked_text, parse_signatures};
use super::tree_head::{encode_hash, parse_hash, parse_size};

/// The most hashes of a consistency proof.
pub const PROOF_HASHES_MAX: usize = 63;
/// The largest request, in bytes: the old size, the proof, and a note.
pub const REQUEST_BYTES_MAX: usize = NOTE_BYTES_MAX + 45 * PROOF_HASHES_MAX + 32;

/// Why a body has not the form of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddCheckpointError {
    /// Larger than requests are.
    #[error("the request is larger than {REQUEST_BYTES_MAX} bytes")]
    TooLarge,
    /// A first line that is not `old <size>`.
    #[error("the request does not begin with `old`, a space and a size")]
    OldSize,
    /// A line before the empty one that is no hash.
    #[error("proof line {line} is not the base64 of a hash")]
    Hash {
        /// Which, counted from 1.
        line: usize,
    },
    /// A longer proof than there can be.
    #[error("the proof has more than {PROOF_HASHES_MAX} hashes")]
    TooManyHashes,
    /// No empty line.
    #[error("the request has no empty line between proof and note")]
    NoNote,
    /// The note, or the signatures of an answer.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// An answer that is not a size.
    #[error("the answer is not a size and a newline")]
    Conflict,
}

/// The request: a tree head, and the proof that it goes on from an older one. Displays as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the proof begins at.
    pub old_size: u64,
    /// The consistency proof (RFC 6962 §2.1.2); empty where `old_size` is 0.
    pub proof: Vec<[u8; 32]>,
    /// The tree head as the log has signed it.
    pub note: SignedNote,
}

impl AddCheckpoint {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`AddCheckpointError`] where it has not the form of the protocol.
    pub fn parse(body: &[u8]) -> Result<Self, AddCheckpointError> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err(AddCheckpointError::TooLarge);
        }
        let (first, mut rest) = split_line(body).ok_or(AddCheckpointError::OldSize)?;
        let old_size = first.strip_prefix("old ").and_then(parse_size).ok_or(AddCheckpointError::OldSize)?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = split_line(rest).ok_or(AddCheckpointError::NoNote)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == PROOF_HASHES_MAX {
                return Err(AddCheckpointError::TooManyHashes);
            }
            proof.push(parse_hash(line).ok_or(AddCheckpointError::Hash { line: proof.len() + 1 })?);
        }
        Ok(Self { old_size, proof, note: SignedNote::parse(rest)? })
    }
}

/// The first line, and what comes after its newline.
fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..at]).ok()?, &bytes[at + 1..]))
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", encode_hash(hash)))?;
        write!(f, "\n{}", self.note)
    }
}

/// Reads the answer to a request that was granted: one signature line or more, none verified. They are verified when they are
/// put under the note ([`SignedNote::with`], [`SignedNote::verify`]), those by unknown keys being ignored.
///
/// # Errors
/// [`AddCheckpointError::Note`] where a line is no signature.
pub fn parse_answer(body: &[u8]) -> Result<Vec<NoteSignature>, AddCheckpointError> {
    Ok(parse_signatures(checked_text(body)?)?)
}

/// Writes that answer.
#[must_use]
pub fn answer(signatures: &[NoteSignature]) -> String {
    signatures.iter().map(|signature| format!("{signature}\n")).collect()
}

/// Reads the answer 409 of a witness that has cosigned another size than the old one (`text/x.tlog.size`): that size.
///
/// # Errors
/// [`AddCheckpointError::Conflict`].
pub fn parse_conflict(body: &[u8]) -> Result<u64, AddCheckpointError> {
    let text = std::str::from_utf8(body).ok().and_then(|text| text.strip_suffix('\n'));
    text.and_then(parse_size).ok_or(AddCheckpointError::Conflict)
}
