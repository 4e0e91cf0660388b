//! Whom the verifier trusts: keys of ledgers, and which witnesses must have cosigned.

use std::path::Path;

use ph_proof::note::policy::PolicyError;
use ph_proof::note::{KeyError, NoteVerifier, SignatureType, WitnessPolicy};

/// The most bytes of a file with a key or a policy.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// Whom the verifier trusts.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The keys of ledgers; an origin is such a key's when it is its name or lies below it (`NAME/…`).
    pub keys: Vec<NoteVerifier>,
    /// Which witnesses must have cosigned.
    pub policy: Option<WitnessPolicy>,
}

/// What was given is no key or policy.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is neither a key nor a file with one.
    #[error("`{given}` is neither a key (`NAME+ID+BASE64`) nor a file that holds one")]
    Key {
        /// What was given.
        given: String,
        /// Why it is no key.
        #[source]
        source: KeyError,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that is too large for what it should be.
    #[error("`{0}` has more than {FILE_BYTES_MAX} bytes, which is too many for a key or a policy")]
    TooLarge(String),
    /// A policy that is none.
    #[error("the policy of witnesses is malformed")]
    Policy(#[from] PolicyError),
    /// A key of the wrong kind.
    #[error("`{given}` is {is}, where {wanted} is needed")]
    Kind {
        /// The key's name.
        given: String,
        /// What it is.
        is: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
}

/// Reads a ledger's key: the key itself, or a file that holds it.
///
/// # Errors
/// [`TrustError`].
pub fn read_key(given: &str) -> Result<NoteVerifier, TrustError> {
    of_kind(verifier(given)?, SignatureType::Ed25519)
}

/// Reads which witnesses must have cosigned: policy files (C2SP `tlog-policy`), or witnesses' keys, of which `quorum` must have (all
/// where it is not said).
///
/// # Errors
/// [`TrustError`].
pub fn read_policy(given: &[String], quorum: Option<usize>) -> Result<Option<WitnessPolicy>, TrustError> {
    if given.is_empty() {
        return Ok(None);
    }
    if let [one] = given
        && one.parse::<NoteVerifier>().is_err()
        && let Ok(bytes) = read(one)
        && one_key(&bytes).is_none()
    {
        return Ok(Some(WitnessPolicy::parse(&bytes)?));
    }
    let witnesses = given.iter().map(|one| of_kind(verifier(one)?, SignatureType::Cosignature));
    let witnesses = witnesses.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(WitnessPolicy::k_of(quorum.unwrap_or(witnesses.len()), &witnesses)?))
}

fn verifier(given: &str) -> Result<NoteVerifier, TrustError> {
    match given.parse() {
        Ok(key) => Ok(key),
        Err(source) if Path::new(given).is_file() => {
            one_key(&read(given)?).ok_or(TrustError::Key { given: given.to_owned(), source })
        }
        Err(source) => Err(TrustError::Key { given: given.chars().take(200).collect(), source }),
    }
}

fn one_key(bytes: &[u8]) -> Option<NoteVerifier> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

fn read(path: &str) -> Result<Vec<u8>, TrustError> {
    let failed = |source| TrustError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(TrustError::TooLarge(path.to_owned()));
    }
    std::fs::read(path).map_err(failed)
}

fn of_kind(key: NoteVerifier, kind: SignatureType) -> Result<NoteVerifier, TrustError> {
    let name = |kind| match kind {
        SignatureType::Ed25519 => "a ledger's key",
        SignatureType::Cosignature => "a witness's key",
    };
    if key.kind() == kind {
        return Ok(key);
    }
    Err(TrustError::Kind { given: key.name().as_str().to_owned(), is: name(key.kind()), wanted: name(kind) })
}
