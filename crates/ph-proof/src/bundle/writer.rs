//! Writes a bundle, member after member, in the order of their names. The size and checksum of each are known before it is
//! written, so that nothing has to be mended afterwards and any `Write` will do.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use super::layout::{Directory, Entry, MEMBERS_MAX, NAME_BYTES_MAX};
use super::name::{folders, is_name};

const BUFFER_BYTES: usize = 64 << 10;

/// Why a bundle cannot be written. After an error the writer writes nothing more.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// What is written to.
    #[error("the bundle cannot be written")]
    Io(#[from] io::Error),
    /// A member that cannot be read.
    #[error("the member `{name}` cannot be read")]
    Read {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A name that members may not have.
    #[error(
        "`{0}` is not the name of a member (at most {NAME_BYTES_MAX} of `a-z`, `A-Z`, `0-9`, `.`, `_`, `-` and `/`)"
    )]
    Name(String),
    /// A member that would have to come before one that is written.
    #[error("the member `{name}` does not come after `{last}`")]
    Order {
        /// Which.
        name: String,
        /// What was written last.
        last: String,
    },
    /// A member with the name of a folder that this one lies in.
    #[error("the member `{name}` lies in `{folder}`, which is a member and no folder")]
    Folder {
        /// Which.
        name: String,
        /// What it lies in.
        folder: String,
    },
    /// A member that is not as long as was said.
    #[error("the member `{name}` is not {declared} bytes long")]
    Size {
        /// Which.
        name: String,
        /// What was said.
        declared: u64,
    },
    /// A member with another checksum than was said.
    #[error("the checksum of the member `{0}` is not the one that was given")]
    Checksum(String),
    /// More members than allowed, or of more bytes than can be counted.
    #[error("the member `{0}` is one too many, or too large")]
    TooMuch(String),
    /// A call after one that failed.
    #[error("the bundle was given up after an error")]
    GivenUp,
}

/// Writes a bundle.
#[derive(Debug)]
pub struct BundleWriter<W> {
    out: W,
    offset: u64,
    /// The members' headers in the directory.
    directory: Vec<u8>,
    names: BTreeSet<String>,
    is_given_up: bool,
}

impl<W: Write> BundleWriter<W> {
    /// Begins a bundle.
    pub fn new(out: W) -> Self {
        Self { out, offset: 0, directory: Vec::new(), names: BTreeSet::new(), is_given_up: false }
    }

    /// Writes a member, of which `content` gives exactly `size` bytes with the CRC-32 `crc32`.
    ///
    /// # Errors
    /// [`WriteError`] where the name or its place in the order is wrong, or the content is another than was said.
    pub fn member(&mut self, name: &str, size: u64, crc32: u32, content: impl Read) -> Result<(), WriteError> {
        let result = self.try_member(&Entry { name, size, crc32, offset: self.offset }, content);
        self.is_given_up |= result.is_err();
        result
    }

    /// Writes a member that is in memory.
    ///
    /// # Errors
    /// [`WriteError`] as [`Self::member`].
    pub fn bytes(&mut self, name: &str, content: &[u8]) -> Result<(), WriteError> {
        self.member(name, content.len() as u64, crc32fast::hash(content), content)
    }

    fn try_member(&mut self, entry: &Entry<'_>, content: impl Read) -> Result<(), WriteError> {
        if self.is_given_up {
            return Err(WriteError::GivenUp);
        }
        self.check_name(entry.name)?;
        let end = entry.end().filter(|_| (self.names.len() as u64) < MEMBERS_MAX);
        let end = end.ok_or_else(|| WriteError::TooMuch(entry.name.to_owned()))?;
        self.out.write_all(&entry.local())?;
        self.copy(entry, content)?;
        self.directory.extend(entry.central());
        self.names.insert(entry.name.to_owned());
        self.offset = end;
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), WriteError> {
        if !is_name(name.as_bytes()) {
            return Err(WriteError::Name(
                name.chars().take(NAME_BYTES_MAX).collect::<String>().escape_debug().to_string(),
            ));
        }
        if let Some(last) = self.names.last().filter(|last| last.as_str() >= name) {
            return Err(WriteError::Order { name: name.to_owned(), last: last.clone() });
        }
        match folders(name).find(|folder| self.names.contains(*folder)) {
            Some(folder) => Err(WriteError::Folder { name: name.to_owned(), folder: folder.to_owned() }),
            None => Ok(()),
        }
    }

    fn copy(&mut self, entry: &Entry<'_>, content: impl Read) -> Result<(), WriteError> {
        let mut content = content.take(entry.size.saturating_add(1));
        let mut buffer = vec![0; BUFFER_BYTES];
        let (mut left, mut crc) = (entry.size, crc32fast::Hasher::new());
        let wrong_size = || WriteError::Size { name: entry.name.to_owned(), declared: entry.size };
        loop {
            let read = match content.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(WriteError::Read { name: entry.name.to_owned(), source }),
                Ok(0) => break,
                Ok(read) => read,
            };
            left = left.checked_sub(read as u64).ok_or_else(wrong_size)?;
            let bytes = buffer.get(..read).ok_or_else(wrong_size)?;
            crc.update(bytes);
            self.out.write_all(bytes)?;
        }
        if left > 0 {
            return Err(wrong_size());
        }
        if crc.finalize() != entry.crc32 {
            return Err(WriteError::Checksum(entry.name.to_owned()));
        }
        Ok(())
    }

    /// Ends the bundle and gives back what it was written to.
    ///
    /// # Errors
    /// [`WriteError`] where it cannot be written, or a member before failed.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if self.is_given_up {
            return Err(WriteError::GivenUp);
        }
        let (bytes, count) = (self.directory.len() as u64, self.names.len() as u64);
        let directory = Directory { offset: self.offset, bytes, count };
        for part in [self.directory, directory.end64(), directory.end()] {
            self.out.write_all(&part)?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes a bundle of members that are in memory, given in the order of their names, as a `BTreeMap` has them.
///
/// # Errors
/// [`WriteError`] as [`BundleWriter::member`].
pub fn write<W, N, C>(members: impl IntoIterator<Item = (N, C)>, out: W) -> Result<W, WriteError>
where
    W: Write,
    N: AsRef<str>,
    C: AsRef<[u8]>,
{
    let mut writer = BundleWriter::new(out);
    for (name, content) in members {
        writer.bytes(name.as_ref(), content.as_ref())?;
    }
    writer.finish()
}
