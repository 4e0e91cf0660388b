//! What can go wrong with the vault.

use std::io;
use std::path::{Path, PathBuf};

use ph_record::{BodyId, EntryStoreError};

use crate::BODY_BYTES_MAX;

/// The vault cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file or folder cannot be read or written.
    #[error("cannot {verb} `{path}`")]
    Access {
        /// What was to be done.
        verb: &'static str,
        /// With which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What is there is not what was kept.
    #[error("`{path}` is damaged: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no vault at that place.
    #[error("there is no vault at `{0}`")]
    NoVault(PathBuf),
    /// A vault is there, or what is left of one.
    #[error("a vault is at `{0}` already, or what is left of one")]
    VaultExists(PathBuf),
    /// Another process has the vault open.
    #[error("another process has the vault at `{0}` open")]
    InUse(PathBuf),
    /// Passphrase or key is not the one that the vault was made with.
    #[error("that is not the {0} of this vault")]
    WrongSecret(&'static str),
    /// A key file that others may read, or that does not hold 32 bytes.
    #[error("`{path}` is not a key file: {problem}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// A body is longer than the vault keeps.
    #[error("a body of {bytes} bytes is longer than the {BODY_BYTES_MAX} that the vault keeps")]
    BodyTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// No such body was kept.
    #[error("there is no body {0}")]
    NoBody(BodyId),
    /// A legal hold forbids destruction.
    #[error("nothing of the log `{log}` may be destroyed: it is held")]
    Held {
        /// The log.
        log: String,
    },
    /// An earlier write failed.
    #[error("nothing more is written to the log `{log}`, because an earlier write failed: {why}")]
    Broken {
        /// The log.
        log: String,
        /// The earlier failure.
        why: String,
    },
    /// The cipher refused, which it does for no input that is given to it here.
    #[error("the cipher failed")]
    Cipher,
}

impl VaultError {
    pub(crate) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into() }
    }

    /// As the trait of bodies says it.
    pub(crate) fn of_bodies(self, verb: &'static str, log: &str) -> EntryStoreError {
        match self {
            Self::Damaged { path, problem } => EntryStoreError::Damaged { place: path.display().to_string(), problem },
            Self::NoBody(id) => EntryStoreError::NoBody(id),
            Self::Broken { log, why } => EntryStoreError::Broken { place: log, why },
            other => EntryStoreError::Access { verb, place: log.to_owned(), source: Box::new(other) },
        }
    }
}

/// For `map_err` on what is done to a file.
pub(crate) fn cannot<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> VaultError + 'a {
    move |source| VaultError::Access { verb, path: path.to_owned(), source }
}
