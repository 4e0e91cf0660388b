//! The root of a tree that grows, with the hashes of its complete subtrees only.

use ph_base::Digest;

use super::hash::{empty_root, node_hash};

/// The largest tree that can be gone on with: sizes are signed 64-bit numbers in other implementations.
pub const TREE_SIZE_MAX: u64 = i64::MAX as u64;

/// The complete subtrees of a tree, largest first: one for each bit of its size that is set.
///
/// It takes leaves and knows the root at any time, in memory that grows with the logarithm of the size. To go on after a
/// restart keep [`Frontier::size`] and [`Frontier::hashes`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Digest>,
}

/// What was kept is no frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Too large to go on with.
    #[error("a tree of `{size}` leaves is larger than `{TREE_SIZE_MAX}`")]
    Size {
        /// The size that was given.
        size: u64,
    },
    /// Not one hash per complete subtree.
    #[error("a tree of `{size}` leaves has `{wanted}` complete subtrees, not `{got}`")]
    Hashes {
        /// The size that was given.
        size: u64,
        /// How many hashes were given.
        got: usize,
        /// How many belong to this size.
        wanted: usize,
    },
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves with these complete subtrees, largest first, as [`Frontier::hashes`] gave them.
    ///
    /// Nothing can be checked but their number: compare [`Frontier::root`] with a tree head that is trusted.
    ///
    /// # Errors
    /// More or fewer hashes than bits set in `size`; a size above [`TREE_SIZE_MAX`].
    pub fn from_hashes(size: u64, hashes: Vec<Digest>) -> Result<Self, FrontierError> {
        if size > TREE_SIZE_MAX {
            return Err(FrontierError::Size { size });
        }
        let wanted = size.count_ones() as usize;
        if hashes.len() != wanted {
            return Err(FrontierError::Hashes { size, got: hashes.len(), wanted });
        }
        Ok(Self { size, hashes })
    }

    /// Adds a leaf at the end, by its hash.
    pub fn append(&mut self, leaf_hash: Digest) {
        let mut hash = leaf_hash;
        // Every trailing one of the size is a complete subtree as high as the one that has just been made.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.hashes.push(hash);
        // No process lives for the 2^63 leaves that lie between TREE_SIZE_MAX and the end.
        self.size = self.size.saturating_add(1);
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the complete subtrees, largest first: at most 64.
    #[must_use]
    pub fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// The root of the tree as it is now.
    #[must_use]
    pub fn root(&self) -> Digest {
        root_over(self.hashes.iter().rev().copied()).unwrap_or_else(empty_root)
    }
}

impl Extend<Digest> for Frontier {
    fn extend<T: IntoIterator<Item = Digest>>(&mut self, leaf_hashes: T) {
        leaf_hashes.into_iter().for_each(|leaf| self.append(leaf));
    }
}

impl FromIterator<Digest> for Frontier {
    fn from_iter<T: IntoIterator<Item = Digest>>(leaf_hashes: T) -> Self {
        let mut frontier = Self::new();
        frontier.extend(leaf_hashes);
        frontier
    }
}

/// The root over complete subtrees that lie side by side, from the last and smallest to the first; none over nothing.
pub(super) fn root_over(subtrees_from_last: impl IntoIterator<Item = Digest>) -> Option<Digest> {
    subtrees_from_last.into_iter().reduce(|right, left| node_hash(&left, &right))
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf_hash;
    use super::super::plain_tree;
    use super::*;

    #[test]
    fn the_root_is_the_plain_one_at_every_size_and_after_every_restart() {
        let leaves: Vec<Digest> = (0..300_u64).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let mut frontier = Frontier::new();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(frontier.root(), plain_tree::root(&leaves[..size]), "{size} leaves");
            let kept = Frontier::from_hashes(frontier.size(), frontier.hashes().to_vec()).unwrap();
            assert_eq!(kept, frontier);
            frontier = kept;
            frontier.append(*leaf);
        }
    }

    #[test]
    fn what_is_no_frontier_is_refused() {
        let hash = leaf_hash(b"");
        for (size, hashes) in [(0, 1), (1, 0), (5, 1), (5, 3), (8, 3)] {
            let refused = Frontier::from_hashes(size, vec![hash; hashes]).unwrap_err();
            let wanted = size.count_ones() as usize;
            assert_eq!(refused, FrontierError::Hashes { size, got: hashes, wanted });
        }
        let size = TREE_SIZE_MAX + 1;
        assert_eq!(Frontier::from_hashes(size, vec![hash]).unwrap_err(), FrontierError::Size { size });
        let mut largest = Frontier::from_hashes(TREE_SIZE_MAX, vec![hash; 63]).unwrap();
        largest.append(hash);
        assert_eq!(largest.hashes().len(), 1);
    }
}
