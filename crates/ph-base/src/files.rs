//! The way to files for whoever must know what outlives a power cut. Traits alone: the machine's files
//! are behind them ([`crate::Disk`]), and in tests a layer that loses what was not synced.

use std::io;
use std::path::Path;

/// Files that are only ever appended to, and small files that are replaced as a whole.
pub trait FileLayer: Send + Sync {
    /// Makes a new file; once this returns its name outlives a power cut.
    ///
    /// # Errors
    /// [`io::Error`], [`io::ErrorKind::AlreadyExists`] where it is there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>>;

    /// Cuts a file to its first `bytes` bytes; once this returns the rest is gone.
    ///
    /// # Errors
    /// [`io::Error`] where that cannot be done.
    fn cut(&self, path: &Path, bytes: u64) -> io::Result<()>;

    /// Puts `content` in the place of a file: whoever reads it, after a power cut too, finds the old content or the
    /// new one; once this returns, the new one.
    ///
    /// # Errors
    /// [`io::Error`] where that cannot be done.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()>;
}

/// A file at whose end is written.
pub trait AppendFile: Send {
    /// Appends all of `bytes`. They may be lost, whole or in part, until [`Self::sync`] returns.
    ///
    /// # Errors
    /// [`io::Error`]; a part may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Once this returns, what was appended outlives a power cut.
    ///
    /// # Errors
    /// [`io::Error`]; what was appended since the last time may be lost, and a later success says nothing about it.
    fn sync(&mut self) -> io::Result<()>;
}
