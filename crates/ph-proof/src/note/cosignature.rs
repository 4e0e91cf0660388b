//! The timestamped Ed25519 cosignature, version 1 (c2sp.org/tlog-cosignature, "Ed25519 signed message"): a witness's word that
//! this was the largest consistent tree head of the log that it had seen by then.
//!
//! The signed message does not hold the witness's name, so a public key serves one witness only. ML-DSA-44 cosignatures
//! are not supported yet.

use super::key::{NoteVerifier, SignatureType};
use super::signed_note::NoteSignature;
use super::signer::NoteSigner;
use super::tree_head::{TreeHead, TreeHeadError};

/// The latest time that a cosignature may have, in seconds since 1970.
pub const SECONDS_MAX: u64 = i64::MAX.unsigned_abs();

/// Why a cosignature cannot be made or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// What is cosigned is no tree head.
    #[error("what is cosigned is not a tree head")]
    TreeHead(#[from] TreeHeadError),
    /// A time beyond [`SECONDS_MAX`].
    #[error("the cosignature's time of {0} seconds is impossible")]
    Time(u64),
    /// The key is not of a cosigner, or another one than the signature names.
    #[error("the cosignature is not by the cosigner `{0}`")]
    OtherKey(String),
    /// Wrong bytes.
    #[error("the cosignature of `{0}` is wrong")]
    Wrong(String),
}

/// Cosigns the text of a tree head at `seconds` since 1970.
///
/// # Errors
/// [`CosignatureError`] where the text is no tree head or the time impossible.
pub fn sign(text: &str, signer: &NoteSigner, seconds: u64) -> Result<NoteSignature, CosignatureError> {
    TreeHead::parse(text)?;
    let message = message(text, seconds)?;
    let mut bytes = seconds.to_be_bytes().to_vec();
    bytes.extend_from_slice(&signer.secret_key().sign(message.as_bytes()));
    let verifier = signer.cosignature_verifier();
    Ok(NoteSignature::new(verifier.name().clone(), verifier.id(), bytes))
}

/// Verifies a cosignature of a tree head's text and gives its time, in seconds since 1970.
///
/// # Errors
/// [`CosignatureError`] where it is not this cosigner's over this tree head.
pub fn verify(text: &str, verifier: &NoteVerifier, signature: &NoteSignature) -> Result<u64, CosignatureError> {
    let name = || verifier.name().as_str().to_owned();
    if verifier.kind() != SignatureType::Cosignature || !verifier.is_named_by(signature) {
        return Err(CosignatureError::OtherKey(name()));
    }
    let wrong = || CosignatureError::Wrong(name());
    let (seconds, bytes) = signature.bytes().split_first_chunk::<8>().ok_or_else(wrong)?;
    let seconds = u64::from_be_bytes(*seconds);
    if !verifier.public_key().verifies(message(text, seconds)?.as_bytes(), bytes) {
        return Err(wrong());
    }
    TreeHead::parse(text)?;
    Ok(seconds)
}

fn message(text: &str, seconds: u64) -> Result<String, CosignatureError> {
    if seconds > SECONDS_MAX {
        return Err(CosignatureError::Time(seconds));
    }
    Ok(format!("cosignature/v1\ntime {seconds}\n{text}"))
}
