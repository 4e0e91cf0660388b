//! A bundle of entries: its name and its bytes. C2SP `tlog-tiles`, section "Log entries".

use std::fmt;
use std::str::FromStr;

use ph_base::visible;

use super::tile::{TILE_WIDTH, Tile};
use super::tile_name;

/// The longest entry, in bytes: lengths are 16-bit numbers.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;
const LENGTH_BYTES: usize = size_of::<u16>();
const PREFIX: &str = "tile/entries/";

/// The name of an entry bundle: the `width` entries whose leaf hashes are the tile of level 0 with the same index.
///
/// Displays and parses as its path, `tile/entries/<N>[.p/<W>]`; only the one spelling parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryBundle {
    index: u64,
    width: u16,
}

/// Not an entry bundle, or not the bytes of this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryBundleError {
    /// The path is not exactly that of an entry bundle.
    #[error("`{text}` is not the path of an entry bundle (`tile/entries/<N>[.p/<W>]`)")]
    Path {
        /// What was given, with everything invisible written out.
        text: String,
    },
    /// No entry bundle is that wide.
    #[error("width `{width}` of an entry bundle is not 1 to `{TILE_WIDTH}`")]
    Width {
        /// The width.
        width: u16,
    },
    /// The bytes end before the last entry does.
    #[error("`{bundle}` is cut off in entry `{entry}` of `{width}`, at byte `{at}`", width = .bundle.width)]
    Cut {
        /// The bundle.
        bundle: EntryBundle,
        /// Which of its entries, from 0.
        entry: u16,
        /// Where this entry begins with its length.
        at: usize,
    },
    /// Something comes after the last entry.
    #[error("`{bundle}` goes on for `{bytes}` bytes after its last entry")]
    Trailing {
        /// The bundle.
        bundle: EntryBundle,
        /// How many bytes are too many.
        bytes: usize,
    },
    /// Not as many entries as belong into the bundle.
    #[error("`{bundle}` cannot hold `{got}` entries")]
    Count {
        /// The bundle.
        bundle: EntryBundle,
        /// How many were given.
        got: usize,
    },
    /// An entry is longer than its length can say.
    #[error("entry `{entry}` of `{bundle}` has `{bytes}` bytes, more than `{ENTRY_BYTES_MAX}`")]
    EntryLength {
        /// The bundle.
        bundle: EntryBundle,
        /// Which of its entries, from 0.
        entry: usize,
        /// How long it is.
        bytes: usize,
    },
}

impl EntryBundle {
    /// The bundle of this index and width in entries.
    ///
    /// # Errors
    /// A width of 0 or above 256.
    pub fn new(index: u64, width: u16) -> Result<Self, EntryBundleError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(EntryBundleError::Width { width });
        }
        Ok(Self { index, width })
    }

    /// The bundle whose entries hash to this tile; none above level 0.
    #[must_use]
    pub fn of_tile(tile: Tile) -> Option<Self> {
        (tile.level() == 0).then(|| Self { index: tile.index(), width: tile.width() })
    }

    /// The tile of level 0 that holds the leaf hashes of the entries.
    #[must_use]
    pub fn tile(&self) -> Tile {
        Tile::known(0, self.index, self.width)
    }

    /// The index, from 0: the first entry is number index × 256 of the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many entries are in the bundle, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// The entries in the bytes of this bundle, in their order.
    ///
    /// # Errors
    /// Bytes that end before the last entry does, or after it.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, EntryBundleError> {
        let mut entries = Vec::with_capacity(usize::from(self.width));
        let mut rest = bytes;
        for entry in 0..self.width {
            let at = bytes.len() - rest.len();
            let (found, after) = take_entry(rest).ok_or(EntryBundleError::Cut { bundle: *self, entry, at })?;
            entries.push(found);
            rest = after;
        }
        if !rest.is_empty() {
            return Err(EntryBundleError::Trailing { bundle: *self, bytes: rest.len() });
        }
        Ok(entries)
    }

    /// The bytes of this bundle with these entries: each behind its length as a big-endian 16-bit number.
    ///
    /// # Errors
    /// Not as many entries as the bundle is wide; an entry longer than [`ENTRY_BYTES_MAX`].
    pub fn encode<T: AsRef<[u8]>>(&self, entries: &[T]) -> Result<Vec<u8>, EntryBundleError> {
        if entries.len() != usize::from(self.width) {
            return Err(EntryBundleError::Count { bundle: *self, got: entries.len() });
        }
        let mut bytes = Vec::new();
        for (entry, content) in entries.iter().map(AsRef::as_ref).enumerate() {
            let length = u16::try_from(content.len());
            let too_long = |_| EntryBundleError::EntryLength { bundle: *self, entry, bytes: content.len() };
            bytes.extend(length.map_err(too_long)?.to_be_bytes());
            bytes.extend(content);
        }
        Ok(bytes)
    }
}

/// The entry at the beginning, and what comes after it.
fn take_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

impl fmt::Display for EntryBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        tile_name::write(f, self.index, self.width)
    }
}

impl FromStr for EntryBundle {
    type Err = EntryBundleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (index, width) = text
            .strip_prefix(PREFIX)
            .and_then(tile_name::parse)
            .ok_or_else(|| EntryBundleError::Path { text: visible(text) })?;
        Self::new(index, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(width: u16) -> EntryBundle {
        EntryBundle::new(7, width).unwrap()
    }

    #[test]
    fn a_name_has_one_spelling() {
        for path in ["tile/entries/000", "tile/entries/x001/x234/067", "tile/entries/012.p/255"] {
            assert_eq!(path.parse::<EntryBundle>().unwrap().to_string(), path);
        }
        for wrong in
            ["tile/0/000", "tile/entries", "tile/entries/", "tile/entries/0", "tile/entries/000.p/256", "entries/000"]
        {
            assert_eq!(wrong.parse::<EntryBundle>(), Err(EntryBundleError::Path { text: wrong.to_owned() }));
        }
    }

    #[test]
    fn entries_come_back() {
        let longest = vec![7; ENTRY_BYTES_MAX];
        let entries: [&[u8]; 3] = [b"", b"one", &longest];
        let bytes = bundle(3).encode(&entries).unwrap();
        assert_eq!(bytes[..7], *b"\0\0\0\x03one");
        assert_eq!(bundle(3).decode(&bytes).unwrap(), entries);
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        let too_long = vec![0; ENTRY_BYTES_MAX + 1];
        let refused = bundle(2).encode(&[b"".as_slice(), &too_long]).unwrap_err();
        assert_eq!(refused, EntryBundleError::EntryLength { bundle: bundle(2), entry: 1, bytes: too_long.len() });
        assert_eq!(bundle(2).encode(&[b""]), Err(EntryBundleError::Count { bundle: bundle(2), got: 1 }));
        assert_eq!(EntryBundle::new(0, 257), Err(EntryBundleError::Width { width: 257 }));
    }

    #[test]
    fn every_cut_and_every_byte_too_many_is_found() {
        let bytes = bundle(2).encode(&[b"ab", b"cd"]).unwrap();
        for end in 0..bytes.len() {
            let (entry, at) = if end < 4 { (0, 0) } else { (1, 4) };
            assert_eq!(bundle(2).decode(&bytes[..end]), Err(EntryBundleError::Cut { bundle: bundle(2), entry, at }));
        }
        assert_eq!(bundle(1).decode(&bytes), Err(EntryBundleError::Trailing { bundle: bundle(1), bytes: 4 }));
        assert_eq!(bundle(3).decode(&bytes), Err(EntryBundleError::Cut { bundle: bundle(3), entry: 2, at: 8 }));
    }
}
