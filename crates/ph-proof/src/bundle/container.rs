//! Reads a bundle, and nothing that is not byte by byte as one is written.
//!
//! What the directory declares is written again and compared with what is there. Then every byte outside of the members'
//! contents is accounted for when a bundle is open, and those are held to their checksums when they are read. (A CRC-32 finds
//! damage, not malice: digests of the contents are for those who put them there.)

use std::io::{self, Read, Seek, SeekFrom};

use super::directory::{check_header, read_directory, read_end};
use super::layout::{Entry, LOCAL_FIELDS, MEMBERS_MAX};
use super::name::folders;

/// Why a file is not a bundle, or a member cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// What is read from.
    #[error("the bundle cannot be read")]
    Io(#[from] io::Error),
    /// No end record in the last bytes.
    #[error("the file does not end as a bundle ends: it is cut off, something follows it, or it is none")]
    NoEnd,
    /// A field of the end records that is not as it has to be.
    #[error("the `{field}` of the bundle's end is not as it is written in a bundle")]
    End {
        /// Which.
        field: &'static str,
    },
    /// A directory that cannot be where the end record says.
    #[error("the directory of {count} members does not lie where the end of the bundle says")]
    Directory {
        /// How many members it would have.
        count: u64,
    },
    /// More members than allowed.
    #[error("the bundle declares {0} members, more than {MEMBERS_MAX}")]
    TooMany(u64),
    /// A name that members may not have.
    #[error("the member {index} has the name `{name}`, which members may not have")]
    Name {
        /// Which member, counted from 1.
        index: u64,
        /// Its name.
        name: String,
    },
    /// Members that are not in the order of their names, or one that is there twice.
    #[error("the member `{name}` does not come after `{last}` in the order of names")]
    Order {
        /// Which.
        name: String,
        /// The one before.
        last: String,
    },
    /// A member that lies in another.
    #[error("the member `{name}` lies in `{folder}`, which is a member and no folder")]
    Folder {
        /// Which.
        name: String,
        /// What it lies in.
        folder: String,
    },
    /// A header that is not as it has to be.
    #[error("the `{field}` of the member `{name}` in {place} is not as it is written in a bundle")]
    Header {
        /// Whose.
        name: String,
        /// `the directory` or `its local header`.
        place: &'static str,
        /// Which field.
        field: &'static str,
    },
    /// A member that would reach into the directory, or beyond every file.
    #[error("the member `{name}` declares {size} bytes, which do not lie before the directory")]
    Size {
        /// Which.
        name: String,
        /// What it declares.
        size: u64,
    },
    /// A member that is not there.
    #[error("the bundle has no member `{0}`")]
    Missing(String),
    /// A member larger than the caller takes.
    #[error("the member `{name}` has {size} bytes, more than {max}")]
    TooLarge {
        /// Which.
        name: String,
        /// How many it has.
        size: u64,
        /// How many may be.
        max: u64,
    },
    /// Content that is not what was written.
    #[error("the checksum of the member `{0}` is wrong")]
    Checksum(String),
}

/// One member of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// The CRC-32 of its content, as declared.
    pub crc32: u32,
    /// Where its content begins.
    pub(super) start: u64,
}

impl Member {
    /// Where its content lies in the file.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<u64> {
        self.start..self.start.saturating_add(self.size)
    }
}

/// An open bundle, all of whose headers are as they have to be. The contents are not read yet.
#[derive(Debug)]
pub struct Container<R> {
    source: R,
    members: Vec<Member>,
}

impl<R: Read + Seek> Container<R> {
    /// Opens a bundle.
    ///
    /// # Errors
    /// [`ContainerError`] with what is not as it has to be.
    pub fn open(mut source: R) -> Result<Self, ContainerError> {
        let bytes = source.seek(SeekFrom::End(0))?;
        let directory = read_end(&mut source, bytes)?;
        let members = read_directory(&mut source, &directory)?;
        let mut container = Self { source, members };
        container.check_folders()?;
        container.check_local_headers()?;
        Ok(container)
    }

    /// The members, in the order of their names.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Member> {
        let at = self.members.binary_search_by(|member| member.name.as_str().cmp(name)).ok()?;
        self.members.get(at)
    }

    /// Reads a member piece by piece; an error at its end means that what was read is not what was written.
    ///
    /// # Errors
    /// [`ContainerError::Missing`]; [`ContainerError::Io`].
    pub fn member(&mut self, name: &str) -> Result<MemberReader<'_, R>, ContainerError> {
        let member = self.find(name).cloned().ok_or_else(|| ContainerError::Missing(name.to_owned()))?;
        self.source.seek(SeekFrom::Start(member.start))?;
        let content = (&mut self.source).take(member.size);
        Ok(MemberReader { content, member, crc: crc32fast::Hasher::new() })
    }

    /// Reads a whole member of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`ContainerError`] where it is not there, larger, or not what was written.
    pub fn read_member(&mut self, name: &str, bytes_max: u64) -> Result<Vec<u8>, ContainerError> {
        let mut reader = self.member(name)?;
        let size = reader.member.size;
        if size > bytes_max {
            return Err(ContainerError::TooLarge { name: name.to_owned(), size, max: bytes_max });
        }
        let mut content = Vec::new();
        reader.content.read_to_end(&mut content)?;
        reader.crc.update(&content);
        reader.verify()?;
        Ok(content)
    }

    /// Reads every member and gives nothing but whether they are what was written.
    ///
    /// # Errors
    /// [`ContainerError`] with the first that is not.
    pub fn verify_contents(&mut self) -> Result<(), ContainerError> {
        let names: Vec<String> = self.members.iter().map(|member| member.name.clone()).collect();
        let mut buffer = vec![0; 64 << 10];
        for name in names {
            let mut reader = self.member(&name)?;
            while reader.piece(&mut buffer)? > 0 {}
            reader.verify()?;
        }
        Ok(())
    }

    fn check_folders(&self) -> Result<(), ContainerError> {
        for Member { name, .. } in &self.members {
            if let Some(folder) = folders(name).find(|folder| self.find(folder).is_some()) {
                return Err(ContainerError::Folder { name: name.clone(), folder: folder.to_owned() });
            }
        }
        Ok(())
    }

    fn check_local_headers(&mut self) -> Result<(), ContainerError> {
        let mut offset = 0;
        for Member { name, size, crc32, start } in &self.members {
            let expected = Entry { name, size: *size, crc32: *crc32, offset }.local();
            self.source.seek(SeekFrom::Start(offset))?;
            let mut found = vec![0; expected.len()];
            self.source.read_exact(&mut found)?;
            check_header((&expected, &found), &LOCAL_FIELDS, name, "its local header")?;
            offset = start.saturating_add(*size);
        }
        Ok(())
    }
}

/// Reads a member's content. Reading past its end verifies the checksum.
#[derive(Debug)]
pub struct MemberReader<'a, R> {
    content: io::Take<&'a mut R>,
    member: Member,
    crc: crc32fast::Hasher,
}

impl<R: Read> MemberReader<'_, R> {
    fn piece(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.crc.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }

    /// Whether all was read, and is what was written.
    fn verify(&self) -> Result<(), ContainerError> {
        if self.content.limit() > 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if self.crc.clone().finalize() != self.member.crc32 {
            return Err(ContainerError::Checksum(self.member.name.clone()));
        }
        Ok(())
    }
}

impl<R: Read> Read for MemberReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.piece(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.verify().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Ok(read)
    }
}
