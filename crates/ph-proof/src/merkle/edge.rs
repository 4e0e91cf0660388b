//! The right edge of a tiled tree: its partial tiles, which together hold the root of every complete subtree.

use ph_base::Digest;

use super::error::ProofError;
use super::frontier::{Frontier, TREE_SIZE_MAX, root_over};
use super::hash::empty_root;
use super::tile::{TILE_HEIGHT, Tile};
use super::tile_reader::{TileReader, TileTreeError, read_tile};
use super::tile_rows::{levels, partial_tile};

/// The hashes of the partial tiles of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) size: u64,
    /// By level; empty where the last tile is full.
    pub(super) rows: Vec<Vec<Digest>>,
}

impl Edge {
    /// Reads the partial tiles of the tree of this size, and checks that they lead to this root.
    pub(super) fn read<R: TileReader>(reader: &R, size: u64, root: Digest) -> Result<Self, TileTreeError<R::Error>> {
        if size > TREE_SIZE_MAX {
            return Err(TileTreeError::Size { size });
        }
        let mut edge = Self { size, rows: Vec::new() };
        let mut tiles = Vec::new();
        for level in 0..levels(size) {
            let row = partial_tile(size, level).map(|tile| read_tile(reader, tile)).transpose()?;
            let (tile, hashes) = row.unzip();
            tiles.extend(tile);
            edge.rows.push(hashes.unwrap_or_default());
        }
        edge.check(root, tiles)?;
        Ok(edge)
    }

    fn check<E: std::error::Error + Send + Sync>(
        &self,
        root: Digest,
        tiles: Vec<Tile>,
    ) -> Result<(), TileTreeError<E>> {
        let (size, computed) = (self.size, self.root());
        if computed == root {
            return Ok(());
        }
        if tiles.is_empty() {
            return Err(ProofError::OtherRoot { size, root, computed }.into());
        }
        Err(TileTreeError::Edge { tiles, size, root, computed })
    }

    /// The hashes of the partial tile of this level; none where the last tile is full.
    pub(super) fn row(&self, level: u8) -> &[Digest] {
        self.rows.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// The root of the tree.
    pub(super) fn root(&self) -> Digest {
        root_over(self.rows.iter().flat_map(|row| subtrees_from_last(row))).unwrap_or_else(empty_root)
    }
}

/// The roots of the complete subtrees over a row of hashes, from the last and smallest to the first.
fn subtrees_from_last(row: &[Digest]) -> impl Iterator<Item = Digest> {
    let heights = (0..TILE_HEIGHT).filter(|height| row.len() >> height & 1 == 1);
    heights.scan(row, |rest, height| {
        let (before, subtree) = rest.split_at_checked(rest.len().checked_sub(1 << height)?)?;
        *rest = before;
        Some(subtree_root(subtree))
    })
}

/// The root over these hashes as if they were leaves.
pub(super) fn subtree_root(hashes: &[Digest]) -> Digest {
    hashes.iter().copied().collect::<Frontier>().root()
}
