//! The exit codes (documented in `docs/exit-codes.md`).

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// A bug or an unexpected failure.
    Unexpected = 1,
    /// The command line is wrong.
    Usage = 2,
    /// An input or a file is malformed.
    Malformed = 3,
    /// The target cannot be reached, or refuses.
    Target = 4,
    /// Finished, but samples ended in errors; the report says which.
    SampleErrors = 5,
    /// A record is not what was checked against it.
    VerificationFailed = 7,
    /// Not everything that was to be verified could be.
    VerificationIncomplete = 8,
    /// A resource is not available.
    Resource = 9,
    /// Interrupted; what was recorded stands.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
