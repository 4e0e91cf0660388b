//! What a ledger proves, without input and output: the RFC 6962 tree and its tiles, signed notes, tree heads,
//! cosignatures, witness policies, DSSE envelopes, in-toto statements, canonical JSON, salted commitments, bundles.
//!
//! Everything takes bytes and returns values or named errors; nothing reads a file, a clock or randomness. Keys and salts
//! are handed in. A tree head is what C2SP calls a checkpoint.

pub mod bundle;
pub mod canonical_json;
pub mod commitment;
pub mod dsse;
pub mod ed25519;
pub mod entry;
pub mod event;
pub mod merkle;
pub mod note;
pub mod sample_set;
pub mod statement;
