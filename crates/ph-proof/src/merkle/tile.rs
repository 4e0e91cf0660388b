//! A tile: its name and its bytes. C2SP `tlog-tiles`, section "Merkle Tree".

use std::fmt;
use std::str::FromStr;

use ph_base::{Digest, visible};

use super::tile_name;

/// How many hashes a full tile has.
pub const TILE_WIDTH: u16 = 256;
/// The highest level that has a name.
pub const TILE_LEVEL_MAX: u8 = 63;
/// The level of a tile is in front of this height of the tree: a tile is a subtree of 8 levels of nodes.
pub(super) const TILE_HEIGHT: u32 = 8;
pub(super) const HASH_BYTES: usize = 32;
const PREFIX: &str = "tile/";

/// The name of a tile: `width` consecutive hashes of subtrees of 256^`level` leaves, from subtree `index` × 256 on.
///
/// Displays and parses as its path, `tile/<L>/<N>[.p/<W>]`; only the one spelling parses. Every value is the name of a
/// tile: a level of 0 to 63, a width of 1 to 256, where less than 256 is a partial tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// Not a tile, or not the bytes of this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// The path is not exactly that of a tile.
    #[error("`{text}` is not the path of a tile (`tile/<L>/<N>[.p/<W>]`)")]
    Path {
        /// What was given, with everything invisible written out.
        text: String,
    },
    /// No tile is on that level.
    #[error("level `{level}` of a tile is above `{TILE_LEVEL_MAX}`")]
    Level {
        /// The level.
        level: u8,
    },
    /// No tile is that wide.
    #[error("width `{width}` of a tile is not 1 to `{TILE_WIDTH}`")]
    Width {
        /// The width.
        width: u16,
    },
    /// Not as many bytes as hashes belong into the tile.
    #[error("`{tile}` has `{got}` bytes where `{wanted}` belong")]
    Length {
        /// The tile.
        tile: Tile,
        /// How many bytes there are.
        got: usize,
        /// How many it must have.
        wanted: usize,
    },
}

impl Tile {
    /// The tile of this level, index within the level, and width in hashes.
    ///
    /// # Errors
    /// A level above 63; a width of 0 or above 256.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if level > TILE_LEVEL_MAX {
            return Err(TileError::Level { level });
        }
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Width { width });
        }
        Ok(Self { level, index, width })
    }

    /// The same, where the caller knows that it is one.
    pub(super) fn known(level: u8, index: u64, width: u16) -> Self {
        debug_assert!(level <= TILE_LEVEL_MAX && (1..=TILE_WIDTH).contains(&width));
        Self { level, index, width }
    }

    /// The level: its hashes are over 256^level leaves each.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The index within the level, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes are in the tile, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it has all 256 hashes and can no longer change.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile in the same place.
    #[must_use]
    pub fn full(&self) -> Self {
        Self { width: TILE_WIDTH, ..*self }
    }

    /// How many bytes its hashes take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// The hashes in the bytes of this tile.
    ///
    /// # Errors
    /// Not exactly 32 bytes for each hash.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Digest>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if hashes.len() != usize::from(self.width) || !rest.is_empty() {
            return Err(TileError::Length { tile: *self, got: bytes.len(), wanted: self.bytes() });
        }
        Ok(hashes.iter().copied().map(Digest::from_bytes).collect())
    }
}

/// The bytes of a tile with these hashes.
pub(super) fn encode(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(Digest::bytes).copied().collect()
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}/", self.level)?;
        tile_name::write(f, self.index, self.width)
    }
}

impl FromStr for Tile {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| TileError::Path { text: visible(text) })
    }
}

fn parse(text: &str) -> Option<Tile> {
    let (level, rest) = text.strip_prefix(PREFIX)?.split_once('/')?;
    let level = tile_name::decimal(level, u64::from(TILE_LEVEL_MAX))?;
    let (index, width) = tile_name::parse(rest)?;
    Tile::new(u8::try_from(level).ok()?, index, width).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(level: u8, index: u64, width: u16, path: &str) {
        let tile = Tile::new(level, index, width).unwrap();
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    }

    #[test]
    fn names_are_those_of_the_specification() {
        check(0, 0, 256, "tile/0/000");
        check(0, 1_234_067, 256, "tile/0/x001/x234/067");
        check(2, 0, 1, "tile/2/000.p/1");
        check(63, 999, 255, "tile/63/999.p/255");
        check(0, 1_000, 10, "tile/0/x001/000.p/10");
        check(0, 1_000_000, 256, "tile/0/x001/x000/000");
        check(1, u64::MAX, 256, "tile/1/x018/x446/x744/x073/x709/x551/615");
    }

    #[test]
    fn no_other_spelling_parses() {
        let wrong = "|tile|tile/|tile/0|tile/0/|/tile/0/000|tile/0/000/|tile//000|tile/0//000|Tile/0/000|tile/0/000 | tile/0/000\
             |tile/00/000|tile/01/000|tile/64/000|tile/256/000|tile/-1/000|tile/+1/000|tile/1 /000|tile/entries/000|tile/data/000\
             |tile/0/0|tile/0/00|tile/0/0000|tile/0/x000|tile/0/x001|tile/0/001/000|tile/0/x001/x000|tile/0/x000/000\
             |tile/0/x000/x001/000|tile/0/x01/000|tile/0/X001/000|tile/0/x001//000|tile/0/+01|tile/0/x+01/000|tile/0/xx01/000\
             |tile/0/00a|tile/0/٠٠٠|tile/0/0é|tile/0/x018/x446/x744/x073/x709/x551/616|tile/0/x100/x000/x000/x000/x000/x000/x000/000\
             |tile/0/000.p|tile/0/000.p/|tile/0/000.p/0|tile/0/000.p/00|tile/0/000.p/01|tile/0/000.p/256|tile/0/000.p/+1\
             |tile/0/000.p/1.p/1|tile/0/000.p/1/|tile/0/000.P/1|tile/0/.p/1|tile/0/000p/1|tile/0/000.p/99999999999999999999";
        for text in wrong.split('|') {
            assert_eq!(text.parse::<Tile>(), Err(TileError::Path { text: text.to_owned() }));
        }
    }

    #[test]
    fn every_tile_is_one() {
        assert_eq!(Tile::new(64, 0, 1), Err(TileError::Level { level: 64 }));
        for width in [0, 257] {
            assert_eq!(Tile::new(0, 0, width), Err(TileError::Width { width }));
        }
    }

    #[test]
    fn its_bytes_have_its_length() {
        let tile = Tile::new(0, 5, 2).unwrap();
        let hashes = [Digest::of(b"a"), Digest::of(b"b")];
        assert_eq!(tile.decode(&encode(&hashes)).unwrap(), hashes);
        for length in [0, 32, 63, 65, 96] {
            let refused = tile.decode(&vec![0; length]).unwrap_err();
            assert_eq!(refused, TileError::Length { tile, got: length, wanted: 64 });
            assert!(refused.to_string().contains("tile/0/005.p/2"), "{refused}");
        }
    }
}
