//! Proofs out of stored tiles. Every tile is checked against the root before anything in it is used.
//!
//! The partial tiles of a tree together lead to its root; every full tile has its hash in the tile above. So a tile is
//! believed only after the one above it, and what a [`TileTree`] says follows from the root alone, whoever keeps the tiles.

use std::ops::Range;

use ph_base::Digest;

use super::edge::{Edge, subtree_root};
use super::error::ProofError;
use super::frontier::root_over;
use super::hash::empty_root;
use super::path::{consistency_siblings, inclusion_siblings};
use super::tile::{TILE_HEIGHT, TILE_WIDTH, Tile};
use super::tile_reader::{TileReader, TileTreeError, read_tile};
use super::tile_rows::{LEVELS, partial_tile};

const WIDTH: u64 = TILE_WIDTH as u64;

/// A tree of known size and root whose tiles are read as they are needed.
///
/// A proof reads at most one tile per level (a tree of 10 million leaves has three); the partial tiles, one per level, are read
/// once. Full tiles are not kept between calls.
#[derive(Debug, Clone)]
pub struct TileTree<R> {
    reader: R,
    edge: Edge,
    root: Digest,
}

impl<R: TileReader> TileTree<R> {
    /// Opens the tree of `size` leaves with this root, both from a verified tree head: reads its partial tiles.
    ///
    /// # Errors
    /// A partial tile cannot be read, is malformed, or they do not lead to the root.
    pub fn new(reader: R, size: u64, root: Digest) -> Result<Self, TileTreeError<R::Error>> {
        let edge = Edge::read(&reader, size, root)?;
        Ok(Self { reader, edge, root })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.edge.size
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root
    }

    /// The audit path of leaf `index`, as [`verify_inclusion`](super::verify_inclusion) takes it (RFC 6962, section 2.1.1).
    ///
    /// # Errors
    /// An index outside the tree; a tile that cannot be read or is not of this tree.
    pub fn inclusion_proof(&self, index: u64) -> Result<Vec<Digest>, TileTreeError<R::Error>> {
        if index >= self.size() {
            return Err(ProofError::NoSuchLeaf { index, size: self.size() }.into());
        }
        self.subtrees(&inclusion_siblings(index, self.size()))
    }

    /// The proof that this tree continues that of its first `old_size` leaves, as
    /// [`verify_consistency`](super::verify_consistency) takes it (RFC 6962, section 2.1.2).
    ///
    /// # Errors
    /// An older tree that is larger; a tile that cannot be read or is not of this tree.
    pub fn consistency_proof(&self, old_size: u64) -> Result<Vec<Digest>, TileTreeError<R::Error>> {
        self.check_old(old_size)?;
        self.subtrees(&consistency_siblings(old_size, self.size()))
    }

    /// The root of the tree of the first `old_size` leaves.
    ///
    /// # Errors
    /// As [`TileTree::consistency_proof`].
    pub fn root_at(&self, old_size: u64) -> Result<Digest, TileTreeError<R::Error>> {
        self.check_old(old_size)?;
        Walk::new(self).subtree(&(0..old_size))
    }

    /// The hashes of these leaves, in their order. Each tile is read once; memory grows with the number of leaves asked for.
    ///
    /// # Errors
    /// Leaves outside the tree; a tile that cannot be read or is not of this tree.
    pub fn leaf_hashes(&self, leaves: Range<u64>) -> Result<Vec<Digest>, TileTreeError<R::Error>> {
        let Range { start, end } = leaves;
        if start > end || end > self.size() {
            return Err(TileTreeError::Range { start, end, size: self.size() });
        }
        let mut walk = Walk::new(self);
        let mut hashes = Vec::new();
        let mut at = start;
        while at < end {
            let tile_end = end.min((at / WIDTH + 1) * WIDTH);
            hashes.extend_from_slice(walk.row(0, at..tile_end)?);
            at = tile_end;
        }
        Ok(hashes)
    }

    fn check_old(&self, old_size: u64) -> Result<(), ProofError> {
        let new_size = self.size();
        if old_size > new_size { Err(ProofError::SizesReversed { old_size, new_size }) } else { Ok(()) }
    }

    fn subtrees(&self, ranges: &[Range<u64>]) -> Result<Vec<Digest>, TileTreeError<R::Error>> {
        let mut walk = Walk::new(self);
        ranges.iter().map(|leaves| walk.subtree(leaves)).collect()
    }
}

/// One way through a tree: holds the full tile of each level that was read last, which the next step mostly needs again.
struct Walk<'a, R> {
    tree: &'a TileTree<R>,
    /// By level: index and hashes.
    last: [(u64, Vec<Digest>); LEVELS as usize],
}

impl<'a, R: TileReader> Walk<'a, R> {
    fn new(tree: &'a TileTree<R>) -> Self {
        Self { tree, last: Default::default() }
    }

    /// The root over these leaves, which begin where a complete subtree of at least their number begins.
    fn subtree(&mut self, leaves: &Range<u64>) -> Result<Digest, TileTreeError<R::Error>> {
        let mut subtrees = Vec::new();
        let mut at = leaves.start;
        while let Some(height) = leaves.end.saturating_sub(at).checked_ilog2() {
            subtrees.push(self.complete_subtree(height, at)?);
            at += 1 << height;
        }
        Ok(root_over(subtrees.into_iter().rev()).unwrap_or_else(empty_root))
    }

    /// The root of the complete subtree of this height that begins with leaf `start`.
    fn complete_subtree(&mut self, height: u32, start: u64) -> Result<Digest, TileTreeError<R::Error>> {
        let level = (height / TILE_HEIGHT) as u8;
        let first = start >> (height - height % TILE_HEIGHT);
        let hashes = self.row(level, first..first + (1 << (height % TILE_HEIGHT)))?;
        Ok(subtree_root(hashes))
    }

    /// These hashes of a level, all in one tile.
    fn row(&mut self, level: u8, hashes: Range<u64>) -> Result<&[Digest], TileTreeError<R::Error>> {
        let index = hashes.start / WIDTH;
        let tile = self.tile(level, index)?;
        let (start, end) = (hashes.start - index * WIDTH, hashes.end - index * WIDTH);
        Ok(tile.get(start as usize..end as usize).unwrap_or_default())
    }

    /// The hashes of a tile, known to be of this tree.
    fn tile(&mut self, level: u8, index: u64) -> Result<&[Digest], TileTreeError<R::Error>> {
        let at_edge = partial_tile(self.tree.size(), level).is_some_and(|tile| tile.index() == index);
        if at_edge {
            return Ok(self.tree.edge.row(level));
        }
        let (last, hashes) = &self.last[usize::from(level)];
        if *last != index || hashes.is_empty() {
            self.last[usize::from(level)] = (index, self.read_full(level, index)?);
        }
        Ok(&self.last[usize::from(level)].1)
    }

    /// Reads a full tile, after the tile above that vouches for it.
    fn read_full(&mut self, level: u8, index: u64) -> Result<Vec<Digest>, TileTreeError<R::Error>> {
        let wanted = subtree_root(self.row(level + 1, index..index + 1)?);
        let (tile, hashes) = read_tile(&self.tree.reader, Tile::known(level, index, TILE_WIDTH))?;
        let computed = subtree_root(&hashes);
        if computed != wanted {
            return Err(TileTreeError::OtherTile { tile, wanted, computed });
        }
        Ok(hashes)
    }
}
