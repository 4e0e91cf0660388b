//! What can go wrong with the database.

use std::path::{Path, PathBuf};

use ph_record::{EntryStoreError, LEAF_BYTES_MAX};
use rusqlite::ErrorCode;

/// The database cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("cannot open the database `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is not a database, or one whose pages are damaged.
    #[error("the database `{path}` is damaged: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It is a database, but of another program.
    #[error("`{path}` is a database of another program")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of this program has worked on it.
    #[error("the database `{path}` has schema {found}, and this version knows none above {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema's version.
        found: u64,
        /// The newest version that is known here.
        known: u64,
    },
    /// Its schema cannot be brought up to date.
    #[error("cannot bring the schema of `{path}` up to date")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rusqlite_migration::Error,
    },
    /// Another process writes, and did not finish in time. Nothing was written.
    #[error("the database `{path}` is busy: another process has been writing for too long")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// No connection for reading could be had.
    #[error("cannot read the database `{path}`")]
    NoReader {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: r2d2::Error,
    },
    /// A statement failed; what its closure wrote is taken back.
    #[error("the database refused a statement")]
    Sql(#[from] rusqlite::Error),
    /// A leaf is longer than an entry bundle can hold.
    #[error("a leaf of {bytes} bytes is longer than the {LEAF_BYTES_MAX} that an entry may have")]
    LeafTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The lease is another's, or it has lapsed.
    #[error("the lease `{name}` is not held by `{holder}` any more")]
    LeaseLost {
        /// The lease.
        name: String,
        /// Who believed to hold it.
        holder: String,
    },
    /// A closure's own reason to write nothing.
    #[error("{0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The transaction could not be brought onto the disk. Whether it is there is known only after opening anew.
    #[error("cannot commit to the database `{path}`: {why}")]
    Commit {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// An earlier write failed.
    #[error("nothing more is written to the database `{path}`, because an earlier write failed: {why}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// The earlier failure.
        why: String,
    },
}

impl StoreError {
    /// The same with the file's name, where SQLite's own error says that the file is damaged or busy.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        let path = || path.to_owned();
        match self {
            Self::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Self::Damaged { path: path(), problem: error.to_string() }
                }
                Some(ErrorCode::DatabaseBusy) => Self::Busy { path: path() },
                _ => Self::Sql(error),
            },
            other => other,
        }
    }

    /// Whether the disk or the file is at fault, so that nothing more must be written.
    pub(crate) fn is_fatal(&self) -> bool {
        let Self::Sql(error) = self else { return matches!(self, Self::Damaged { .. }) };
        matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::OutOfMemory
                    | ErrorCode::ReadOnly
                    | ErrorCode::CannotOpen
            )
        )
    }

    /// As the trait of entries says it.
    pub(crate) fn of_entries(self, verb: &'static str, path: &Path) -> EntryStoreError {
        let place = path.display().to_string();
        match self {
            Self::Damaged { problem, .. } => EntryStoreError::Damaged { place, problem },
            Self::Broken { why, .. } => EntryStoreError::Broken { place, why },
            other => EntryStoreError::Access { verb, place, source: Box::new(other) },
        }
    }
}
