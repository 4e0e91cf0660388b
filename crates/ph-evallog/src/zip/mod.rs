//! The ZIP layer (APPNOTE 6.3.10): only what logs need, with memory that does not grow with the number of entries.

mod decode;
mod directory;
#[cfg(feature = "write")]
mod writer;

pub use decode::{EntryReader, ReadLimits};
pub use directory::{DirectoryEntry, DirectoryScan, ZipFile};
#[cfg(feature = "write")]
pub use writer::ZipWriter;

/// How an entry is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Not at all (0).
    Stored,
    /// DEFLATE (8).
    Deflate,
    /// Zstandard (93): one frame or several, one after the other.
    Zstd,
}

impl Method {
    /// The method of this number, where it is one that logs use.
    #[must_use]
    pub fn of(number: u16) -> Option<Self> {
        match number {
            0 => Some(Method::Stored),
            8 => Some(Method::Deflate),
            93 => Some(Method::Zstd),
            _ => None,
        }
    }

    /// Its number in the format.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Method::Stored => 0,
            Method::Deflate => 8,
            Method::Zstd => 93,
        }
    }

    #[cfg(feature = "write")]
    /// The version of the format that a reader must know (APPNOTE 4.4.3).
    fn version_needed(self) -> u16 {
        match self {
            Method::Stored | Method::Deflate => 20,
            Method::Zstd => 63,
        }
    }
}

/// Signatures and sizes of the records (APPNOTE 4.3).
mod layout {
    pub(super) const LOCAL: u32 = 0x0403_4b50;
    pub(super) const LOCAL_BYTES: usize = 30;
    pub(super) const CENTRAL: u32 = 0x0201_4b50;
    pub(super) const CENTRAL_BYTES: usize = 46;
    pub(super) const END: u32 = 0x0605_4b50;
    pub(super) const END_BYTES: usize = 22;
    pub(super) const END64: u32 = 0x0606_4b50;
    pub(super) const END64_BYTES: usize = 56;
    pub(super) const LOCATOR64: u32 = 0x0706_4b50;
    pub(super) const LOCATOR64_BYTES: usize = 20;
    pub(super) const EXTRA64: u16 = 0x0001;
    #[cfg(feature = "write")]
    /// General purpose bit 11: the name is UTF-8.
    pub(super) const UTF8: u16 = 1 << 11;
    /// General purpose bit 0: the entry is encrypted.
    pub(super) const ENCRYPTED: u16 = 1;
    /// What a 32-bit field holds when the value stands in the ZIP64 extra field.
    pub(super) const IN_EXTRA_32: u32 = u32::MAX;
    /// The same for a 16-bit field.
    pub(super) const IN_EXTRA_16: u16 = u16::MAX;
    #[cfg(feature = "write")]
    /// 1980-01-01 00:00, the earliest instant: archives of the same content are the same bytes.
    pub(super) const DOS_DATE: u16 = 0x0021;
}
