//! Signed notes and what is written as such (C2SP): keys, tree heads, cosignatures, witness policies, and the request by
//! which a log asks a witness for its cosignature.
//!
//! Of the signature types (c2sp.org/signed-note, "Signature types") two are known here: Ed25519 (0x01) and the timestamped
//! Ed25519 cosignature (0x04). Lines of any other type, ML-DSA-44 (0x06) among them, are signatures by unknown keys: they may stand
//! in a note, are kept when it is written again, and count for nothing. A verifier key of such a type is refused by name.

pub mod add_checkpoint;
pub mod cosignature;
pub mod key;
pub mod policy;
mod proof_text;
pub mod signed_note;
pub mod signer;
pub mod tree_head;

pub use add_checkpoint::AddCheckpoint;
pub use key::{KeyError, KeyId, KeyName, NoteVerifier, SignatureType};
pub use policy::{Evaluation, WitnessPolicy};
pub use proof_text::proof_text;
pub use signed_note::{NoteError, NoteSignature, SignedNote, Verified, VerifiedSignature};
pub use signer::NoteSigner;
pub use tree_head::{TreeHead, TreeHeadError};
