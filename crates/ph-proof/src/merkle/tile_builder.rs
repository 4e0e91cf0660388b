//! The tiles to store while a tree grows: what a sequencer writes.

use ph_base::Digest;

use super::edge::{Edge, subtree_root};
use super::tile::{TILE_WIDTH, Tile, encode};
use super::tile_reader::{TileReader, TileTreeError};
use super::tile_rows::{LEVELS, partial_tile, row_hashes};

/// A tile and its bytes, to be stored under its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileBytes {
    /// The tile.
    pub tile: Tile,
    /// Its hashes, 32 bytes each.
    pub bytes: Vec<u8>,
}

/// A tree that takes leaves and gives the tiles that they complete; holds at most one unfinished tile per level.
///
/// Store what [`TileBuilder::append`] gives and, before a tree head is signed, what [`TileBuilder::partial_tiles`] gives:
/// together these are the tiles that [`new_tiles`](super::new_tiles) names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TileBuilder {
    edge: Edge,
}

impl TileBuilder {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with the stored tree of `size` leaves and this root: reads its partial tiles, or full ones in their place, where a
    /// sequencer was cut off after it had completed them.
    ///
    /// # Errors
    /// A partial tile cannot be read, is malformed, or they do not lead to the root.
    pub fn resume<R: TileReader>(reader: &R, size: u64, root: Digest) -> Result<Self, TileTreeError<R::Error>> {
        Ok(Self { edge: Edge::read(reader, size, root)? })
    }

    /// Adds a leaf at the end, by its hash. Gives the tiles that are full with it, from the lowest level: mostly none.
    pub fn append(&mut self, leaf_hash: Digest) -> Vec<TileBytes> {
        let mut full = Vec::new();
        let mut hash = leaf_hash;
        for level in 0..LEVELS {
            let Some(complete) = self.push(level, hash) else { break };
            let tile = Tile::known(level, row_hashes(self.edge.size, level + 1), TILE_WIDTH);
            hash = subtree_root(&complete);
            full.push(TileBytes { tile, bytes: encode(&complete) });
        }
        // No process lives for the 2^63 leaves that lie between TREE_SIZE_MAX and the end.
        self.edge.size = self.edge.size.saturating_add(1);
        full
    }

    /// The partial tiles of the tree as it is now that it did not have at `old_size`, from the lowest level.
    #[must_use]
    pub fn partial_tiles(&self, old_size: u64) -> Vec<TileBytes> {
        let size = self.edge.size;
        let grown = (0..LEVELS).filter(|level| row_hashes(old_size, *level) != row_hashes(size, *level));
        let partial = grown.filter_map(|level| partial_tile(size, level));
        partial.map(|tile| TileBytes { tile, bytes: encode(self.edge.row(tile.level())) }).collect()
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.edge.size
    }

    /// The root of the tree as it is now. Costs a hash for each in the unfinished tiles: once per tree head, not per leaf.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.edge.root()
    }

    /// Adds a hash to the unfinished tile of a level; gives the hashes if it is full.
    fn push(&mut self, level: u8, hash: Digest) -> Option<Vec<Digest>> {
        let at = usize::from(level);
        if self.edge.rows.len() <= at {
            self.edge.rows.resize_with(at + 1, Vec::new);
        }
        let row = &mut self.edge.rows[at];
        row.push(hash);
        (row.len() >= usize::from(TILE_WIDTH)).then(|| std::mem::take(row))
    }
}
