//! One key of a ledger follows another.
//!
//! A rotation is an event, `key.rotated`, with a statement that both keys have signed. The head that covers it is signed by both,
//! later ones by the new key alone. Two people must have approved it before [`rotate`] is called: who they are and that they
//! did is the business of whoever calls, not of this module.
//!
//! Where the machine ends between the event and the head that both sign, the ledger is opened with the new key: then the statement
//! alone ties the keys together.

use ph_base::Digest;
use ph_proof::event::{EventBody, LedgerEvent};
use ph_proof::note::{KeyError, NoteSigner, NoteVerifier, SignatureType, SignedNote};
use ph_proof::statement::{self, RotationPredicate, Statement, StatementError, Subject, rotation};

use crate::file_ledger::{FileLedger, LedgerError};

/// A rotation is none.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// A key that cannot be read.
    #[error("entry {index} rotates to or from what is no key")]
    Key {
        /// The entry.
        index: u64,
        /// What is wrong.
        #[source]
        source: KeyError,
    },
    /// A key that is not the log's.
    #[error("entry {index} rotates to the key `{name}`, which is not named as the log is, or signs no notes")]
    Name {
        /// The entry.
        index: u64,
        /// The key's name.
        name: String,
    },
    /// The key that is replaced is not the one that was in force.
    #[error("entry {index} replaces the key `{old}`, which is not the one in force")]
    NotInForce {
        /// The entry.
        index: u64,
        /// What it replaces.
        old: String,
    },
    /// The statement is not one of both keys on both keys.
    #[error("the statement of entry {index} is not by both keys")]
    Statement {
        /// The entry.
        index: u64,
        /// What is wrong.
        #[source]
        source: StatementError,
    },
    /// The statement speaks of other keys or another log, or one key has not signed it.
    #[error("the statement of entry {index} is on other keys or another log, or lacks a signature")]
    OtherStatement {
        /// The entry.
        index: u64,
    },
}

/// The keys of a log, each with the entry from which on it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHistory {
    first: NoteVerifier,
    later: Vec<(u64, NoteVerifier)>,
}

impl KeyHistory {
    /// The history that begins with this key.
    #[must_use]
    pub fn new(first: NoteVerifier) -> Self {
        Self { first, later: Vec::new() }
    }

    /// The key that signs heads from here on.
    #[must_use]
    pub fn current(&self) -> &NoteVerifier {
        self.later.last().map_or(&self.first, |(_, key)| key)
    }

    /// The key that signs a head of this size: the last one whose rotation the head covers.
    #[must_use]
    pub fn at(&self, size: u64) -> &NoteVerifier {
        self.later.iter().rev().find(|(index, _)| *index < size).map_or(&self.first, |(_, key)| key)
    }

    /// All keys, the earliest first.
    #[must_use]
    pub fn keys(&self) -> Vec<NoteVerifier> {
        std::iter::once(&self.first).chain(self.later.iter().map(|(_, key)| key)).cloned().collect()
    }

    /// Whether these bytes of an event can be a rotation: canonical JSON ends with kind and version.
    #[must_use]
    pub fn may_be_rotation(event: &[u8]) -> bool {
        event.ends_with(br#","kind":"key.rotated","version":1}"#)
    }

    /// Takes the event at `index`; other events than rotations change nothing.
    ///
    /// # Errors
    /// [`RotationError`] where it is a rotation that does not hold; the history stays as it is.
    pub fn take(&mut self, index: u64, event: &EventBody) -> Result<(), RotationError> {
        let EventBody::KeyRotated { new, old, rotation } = event else { return Ok(()) };
        let key = |text: &str| text.parse::<NoteVerifier>().map_err(|source| RotationError::Key { index, source });
        let (new, replaced) = (key(new)?, key(old)?);
        if replaced != *self.current() {
            return Err(RotationError::NotInForce { index, old: old.clone() });
        }
        if new.name() != replaced.name() || new.kind() != SignatureType::Ed25519 {
            return Err(RotationError::Name { index, name: new.name().as_str().to_owned() });
        }
        let keys = [replaced.public_key(), new.public_key()];
        let opened = statement::open::<RotationPredicate>(rotation, &keys);
        let opened = opened.map_err(|source| RotationError::Statement { index, source })?;
        let is_by_both = keys.iter().all(|key| opened.signed_by.contains(key));
        let is_on_both = opened.statement.subject == subjects(&replaced, &new);
        let is_of_log = opened.statement.predicate.origin == new.name().as_str();
        if !(is_by_both && is_on_both && is_of_log) || new == replaced {
            return Err(RotationError::OtherStatement { index });
        }
        self.later.push((index, new));
        Ok(())
    }
}

fn subjects(old: &NoteVerifier, new: &NoteVerifier) -> Vec<Subject> {
    let subject = |name: &str, key: &NoteVerifier| Subject {
        name: name.to_owned(),
        digest: Digest::of(key.public_key().bytes()),
    };
    vec![subject(rotation::OLD, old), subject(rotation::NEW, new)]
}

/// Replaces the ledger's key by `new`, which is named as the log is; returns the head that both have signed.
///
/// # Errors
/// [`LedgerError::OtherOrigin`], [`LedgerError::SameKey`], [`LedgerError::ReadOnly`]; others where event or head cannot be written. Once the event is recorded the
/// ledger is the new key's, whatever else fails.
pub fn rotate(ledger: &mut FileLedger, new: NoteSigner) -> Result<SignedNote, LedgerError> {
    let old = ledger.signer()?.clone();
    if new.name() != old.name() {
        return Err(LedgerError::OtherOrigin {
            ledger: ledger.origin().to_owned(),
            signer: new.name().as_str().to_owned(),
        });
    }
    if new.verifier() == old.verifier() {
        return Err(LedgerError::SameKey);
    }
    ledger.head()?;
    let predicate = RotationPredicate { origin: ledger.origin().to_owned(), size: ledger.signed_size()? };
    let statement = Statement { subject: subjects(&old.verifier(), &new.verifier()), predicate };
    let rotation = statement::seal(&statement, &[old.secret_key(), new.secret_key()])?;
    let event = EventBody::KeyRotated { new: new.verifier().to_string(), old: old.verifier().to_string(), rotation };
    let index = ledger.record(event.clone())?;
    ledger.take_key(index, &event, new)?;
    ledger.head()
}

/// Follows the rotations among events, given in order with their indices.
///
/// # Errors
/// [`RotationError`] of the first that does not hold.
pub fn follow<'a>(
    first: NoteVerifier,
    events: impl IntoIterator<Item = (u64, &'a LedgerEvent)>,
) -> Result<KeyHistory, RotationError> {
    let mut history = KeyHistory::new(first);
    events.into_iter().try_for_each(|(index, event)| history.take(index, &event.body))?;
    Ok(history)
}
