//! Where tiles come from, and what can be wrong with what comes.

use ph_base::Digest;

use super::error::ProofError;
use super::frontier::TREE_SIZE_MAX;
use super::tile::{Tile, TileError};

/// Gives the bytes of stored tiles: a directory, a table, a server. Nothing that it gives is trusted.
pub trait TileReader {
    /// Why a tile cannot be had.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The bytes of this tile.
    ///
    /// # Errors
    /// There is no such tile, or it cannot be read. Where a partial tile cannot be had the full one in its place is asked for.
    fn read(&self, tile: Tile) -> Result<Vec<u8>, Self::Error>;
}

impl<T: TileReader + ?Sized> TileReader for &T {
    type Error = T::Error;

    fn read(&self, tile: Tile) -> Result<Vec<u8>, Self::Error> {
        (**self).read(tile)
    }
}

/// Why stored tiles give no answer; `E` is the error of their reader.
#[derive(Debug, thiserror::Error)]
pub enum TileTreeError<E: std::error::Error + Send + Sync + 'static> {
    /// No log is that large.
    #[error("a tree of `{size}` leaves is larger than `{TREE_SIZE_MAX}`")]
    Size {
        /// The size.
        size: u64,
    },
    /// A tile cannot be had, nor a full one in its place.
    #[error("cannot read `{tile}`")]
    Read {
        /// The tile.
        tile: Tile,
        /// What its reader says.
        source: E,
    },
    /// A tile has the wrong number of bytes.
    #[error(transparent)]
    Malformed(#[from] TileError),
    /// The tiles at the right edge, which no other tile vouches for, do not lead to the root: at least one of them is not of this tree.
    #[error("{} lead to the root `{computed}`, not to `{root}` of the tree of `{size}` leaves", list(.tiles))]
    Edge {
        /// The tiles that were read, from the lowest level.
        tiles: Vec<Tile>,
        /// The size of the tree.
        size: u64,
        /// The root that the tree has.
        root: Digest,
        /// The root that comes out of the tiles.
        computed: Digest,
    },
    /// A tile is not the one whose hash the tile above it holds.
    #[error("`{tile}` has the hash `{computed}`, not `{wanted}` as the tile above it says")]
    OtherTile {
        /// The tile.
        tile: Tile,
        /// Its hash as the verified tile above has it.
        wanted: Digest,
        /// The hash of what was read.
        computed: Digest,
    },
    /// The tree does not have these leaves.
    #[error("leaves `{start}` to `{end}` are not in a tree of `{size}` leaves")]
    Range {
        /// The first leaf that was asked for.
        start: u64,
        /// The leaf after the last one.
        end: u64,
        /// The size of the tree.
        size: u64,
    },
    /// There is no such proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// The hashes of a tile, and the tile that was read for them.
///
/// A log may delete a partial tile once the full one is there, which begins with the same hashes.
pub(super) fn read_tile<R: TileReader>(reader: &R, tile: Tile) -> Result<(Tile, Vec<Digest>), TileTreeError<R::Error>> {
    let unread = match reader.read(tile) {
        Ok(bytes) => return Ok((tile, tile.decode(&bytes)?)),
        Err(source) => TileTreeError::Read { tile, source },
    };
    if tile.is_full() {
        return Err(unread);
    }
    let Ok(bytes) = reader.read(tile.full()) else { return Err(unread) };
    let mut hashes = tile.full().decode(&bytes)?;
    hashes.truncate(usize::from(tile.width()));
    Ok((tile.full(), hashes))
}

fn list(tiles: &[Tile]) -> String {
    let names: Vec<String> = tiles.iter().map(|tile| format!("`{tile}`")).collect();
    names.join(", ")
}
