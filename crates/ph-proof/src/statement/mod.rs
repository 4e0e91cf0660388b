//! in-toto statements (in-toto Attestation Framework, `spec/v1/statement.md`): what is said (the predicate) of what (the
//! subjects, by their digests). Sealed in DSSE envelopes.
//!
//! Stricter than the specification, whose readers ignore fields that they do not know: a statement holds what is written here
//! and nothing else, names every subject, and has digests by SHA-256 alone.

pub mod edition;
pub mod plan;
pub mod rotation;
pub mod run;
pub mod samples;
pub mod seal;

pub use edition::{EditionPredicate, PartCommitment};
pub use plan::{PlanPredicate, PlanTask};
pub use rotation::RotationPredicate;
pub use run::{RunKind, RunPredicate};
pub use samples::SamplesPredicate;
pub use seal::SealPredicate;

use std::collections::BTreeSet;

use ph_base::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::canonical_json::{CanonicalJsonError, parse_canonical_exact, to_canonical_exact};
use crate::dsse::{DsseError, Envelope};
use crate::ed25519::{PublicKey, SecretKey};

/// The `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The payload type of every envelope with one (`spec/v1/envelope.md`).
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The most subjects of one statement.
pub const SUBJECTS_MAX: usize = 100_000;
/// The longest name of a subject, in bytes.
pub const NAME_BYTES_MAX: usize = 512;

/// What a statement says of its subjects. A shape of this trait refuses unknown fields (`#[serde(deny_unknown_fields)]`).
pub trait Predicate: Serialize + DeserializeOwned {
    /// The `predicateType`: a URI that ends in the version, such as `/v1`.
    const TYPE: &'static str;
}

/// Why a statement cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The envelope around it.
    #[error(transparent)]
    Envelope(#[from] DsseError),
    /// An envelope with something else in it.
    #[error("the envelope holds `{0}`, not an in-toto statement")]
    PayloadType(String),
    /// Not canonical JSON, or not of the shape that is wanted.
    #[error("the statement is not canonical JSON of the right shape")]
    Json(#[from] CanonicalJsonError),
    /// Another version of the statement.
    #[error("the statement is of the type `{0}`, not `{STATEMENT_TYPE}`")]
    StatementType(String),
    /// Another predicate.
    #[error("the predicate is of the type `{found}`, not `{expected}`")]
    PredicateType {
        /// What the statement holds.
        found: String,
        /// What was wanted.
        expected: &'static str,
    },
    /// A later version of the same predicate.
    #[error("the predicate is of the version `{found}`, which is later than `{expected}`: a newer program reads it")]
    LaterVersion {
        /// What the statement holds.
        found: String,
        /// What this program reads.
        expected: &'static str,
    },
    /// No subject, or more than allowed.
    #[error("the statement has {0} subjects, not 1 to {SUBJECTS_MAX}")]
    SubjectCount(usize),
    /// A name that is empty, too long, or has control characters.
    #[error("`{0}` is not the name of a subject (1 to {NAME_BYTES_MAX} bytes without control characters)")]
    SubjectName(String),
    /// Two subjects of one name.
    #[error("two subjects are called `{0}`")]
    DuplicateSubject(String),
    /// A digest that is not 64 lower-case hex digits.
    #[error("the digest of the subject `{0}` is not 64 lower-case hex digits")]
    SubjectDigest(String),
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name, of which a statement has each once.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<P> {
    /// What it is about; at least one.
    pub subject: Vec<Subject>,
    /// What it says.
    pub predicate: P,
}

/// A statement that somebody known has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<P> {
    /// The statement.
    pub statement: Statement<P>,
    /// The keys, of those that were given, that have signed it; at least one.
    pub signed_by: Vec<PublicKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<P> {
    #[serde(rename = "_type")]
    kind: String,
    predicate: P,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<WireSubject>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSubject {
    digest: WireDigest,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDigest {
    sha256: String,
}

/// The two fields that say what the others are.
#[derive(Deserialize)]
struct Types {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

/// Writes a statement and signs it with every one of `signers`.
///
/// # Errors
/// [`StatementError`] where the statement is none that [`open`] would read, or there is no signer or one twice.
pub fn seal<P: Predicate>(statement: &Statement<P>, signers: &[&SecretKey]) -> Result<Envelope, StatementError> {
    check_subjects(&statement.subject)?;
    let wire = |subject: &Subject| WireSubject {
        digest: WireDigest { sha256: subject.digest.hex() },
        name: subject.name.clone(),
    };
    let payload = to_canonical_exact(&Wire {
        kind: STATEMENT_TYPE.to_owned(),
        predicate: &statement.predicate,
        predicate_type: P::TYPE.to_owned(),
        subject: statement.subject.iter().map(wire).collect(),
    })?;
    Ok(Envelope::sign(PAYLOAD_TYPE, payload, signers)?)
}

/// Reads a statement with the predicate `P` that one of `keys`, or more, have signed.
///
/// # Errors
/// [`StatementError`] where none has, a signature is wrong, or the payload is anything but such a statement in canonical form.
pub fn open<P: Predicate>(envelope: &Envelope, keys: &[PublicKey]) -> Result<Opened<P>, StatementError> {
    let signed_by = envelope.verify(keys)?;
    if envelope.payload_type() != PAYLOAD_TYPE {
        return Err(StatementError::PayloadType(envelope.payload_type().to_owned()));
    }
    let payload = envelope.unverified_payload();
    check_types::<P>(&parse_canonical_exact(payload)?)?;
    let wire: Wire<P> = parse_canonical_exact(payload)?;
    let subject = wire.subject.into_iter().map(subject_of).collect::<Result<Vec<_>, _>>()?;
    check_subjects(&subject)?;
    Ok(Opened { statement: Statement { subject, predicate: wire.predicate }, signed_by })
}

fn check_types<P: Predicate>(types: &Types) -> Result<(), StatementError> {
    if types.kind != STATEMENT_TYPE {
        return Err(StatementError::StatementType(shown(&types.kind)));
    }
    let (found, expected) = (&types.predicate_type, P::TYPE);
    if found == expected {
        return Ok(());
    }
    let found = shown(found);
    match (versioned(&found), versioned(expected)) {
        (Some((ours, later)), Some((same, version))) if ours == same && later > version => {
            Err(StatementError::LaterVersion { found, expected })
        }
        _ => Err(StatementError::PredicateType { found, expected }),
    }
}

/// A type without its version, and the version.
fn versioned(predicate_type: &str) -> Option<(&str, u32)> {
    let (base, version) = predicate_type.rsplit_once("/v")?;
    Some((base, version.parse().ok()?))
}

fn subject_of(wire: WireSubject) -> Result<Subject, StatementError> {
    match format!("sha256:{}", wire.digest.sha256).parse() {
        Ok(digest) => Ok(Subject { name: wire.name, digest }),
        Err(_) => Err(StatementError::SubjectDigest(shown(&wire.name))),
    }
}

fn check_subjects(subjects: &[Subject]) -> Result<(), StatementError> {
    if !(1..=SUBJECTS_MAX).contains(&subjects.len()) {
        return Err(StatementError::SubjectCount(subjects.len()));
    }
    let mut names = BTreeSet::new();
    for Subject { name, .. } in subjects {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
            return Err(StatementError::SubjectName(shown(name)));
        }
        if !names.insert(name) {
            return Err(StatementError::DuplicateSubject(shown(name)));
        }
    }
    Ok(())
}

/// What an error repeats of a text.
fn shown(text: &str) -> String {
    text.chars().take(200).collect::<String>().escape_debug().to_string()
}
