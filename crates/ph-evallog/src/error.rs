//! How a log cannot be read or written: the file, the entry in it, what is wrong.

use std::io;
use std::path::PathBuf;

/// The result of reading or writing a log.
pub type Result<T, E = LogError> = std::result::Result<T, E>;

/// A log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened or read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no evaluation log, or one that is damaged as a whole.
    #[error("`{}` is not a readable evaluation log: {problem}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// One entry of the file is damaged, too large or not what it should be.
    #[error("`{}`, entry `{entry}`: {problem}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry, control characters taken out.
        entry: String,
        /// What is wrong.
        problem: String,
    },
    /// The file has no such sample.
    #[error("`{}` has no sample `{sample}` at epoch {epoch}", path.display())]
    NoSample {
        /// The file.
        path: PathBuf,
        /// The sample asked for.
        sample: String,
        /// The epoch asked for.
        epoch: u32,
    },
}

impl LogError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            LogError::File { .. } => "check that the file exists and may be read",
            LogError::Write { .. } => "check that the folder exists and may be written, and that the disk has room",
            LogError::Archive { .. } => {
                "give a `.eval` or `.json` log as Inspect or Proofhouse write it; one that was cut off can be recovered \
                 with `inspect log recover`"
            }
            LogError::Entry { .. } => {
                "the log was damaged after it was written, or not written by Inspect; get it again"
            }
            LogError::NoSample { .. } => "`proofhouse log show FILE` lists the samples",
        }
    }

    /// An error in an entry.
    pub(crate) fn entry(path: &std::path::Path, entry: &str, problem: impl Into<String>) -> Self {
        LogError::Entry { path: path.to_owned(), entry: shown(entry), problem: problem.into() }
    }

    /// An error of the archive as a whole.
    pub(crate) fn archive(path: &std::path::Path, problem: impl Into<String>) -> Self {
        LogError::Archive { path: path.to_owned(), problem: problem.into() }
    }
}

#[cfg(feature = "write")]
/// Turns a failure to write into an error that names the file.
pub(crate) fn write(path: &std::path::Path) -> impl Fn(io::Error) -> LogError + '_ {
    move |source| LogError::Write { path: path.to_owned(), source }
}

/// Turns a failure to read into an error that names the file.
pub(crate) fn file(path: &std::path::Path) -> impl Fn(io::Error) -> LogError + '_ {
    move |source| LogError::File { path: path.to_owned(), source }
}

/// A name that a file gave, fit to be shown: no control characters, bounded length.
pub(crate) fn shown(name: &str) -> String {
    const CHARS_MAX: usize = 200;
    name.chars().take(CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
