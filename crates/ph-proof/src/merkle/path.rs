//! The way from a leaf, or from a complete subtree, up to the root: what both verifiers fold, and the leaves below each sibling
//! on it, which those who make proofs look up.

use std::ops::Range;

use ph_base::Digest;

use super::hash::node_hash;

/// The way from a node up to the root, as lengths.
///
/// In its *inner* part the siblings are complete subtrees on either side, told by the bits of `position`, lowest first; the
/// last of them may be ragged. In its *border* part the node lies on the right edge of the tree, and all siblings are to the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    /// The index of the node among those of its height.
    pub(super) position: u64,
    /// How many steps have their sibling on the side that `position` tells.
    pub(super) inner: u32,
    /// How many steps after those have their sibling to the left.
    pub(super) border: u32,
}

impl Path {
    /// The way of leaf `index` in a tree of `size` leaves; `index` < `size`.
    pub(super) fn of_leaf(index: u64, size: u64) -> Self {
        // Above the highest bit in which the leaf differs from the last one, both have the same ancestors.
        let inner = u64::BITS - (index ^ size.saturating_sub(1)).leading_zeros();
        let shared = index.checked_shr(inner).unwrap_or(0);
        Self { position: index, inner, border: shared.count_ones() }
    }

    /// The way of the subtree of height `height` above this leaf; `height` ≤ `inner`.
    pub(super) fn above_height(self, height: u32) -> Self {
        let position = self.position.checked_shr(height).unwrap_or(0);
        Self { position, inner: self.inner.saturating_sub(height), border: self.border }
    }

    /// How many siblings there are.
    pub(super) fn length(&self) -> usize {
        // Never more than 64.
        (self.inner + self.border) as usize
    }

    /// The root of the tree, from the hash of the node and all its siblings from below.
    pub(super) fn root(&self, node: Digest, siblings: &[Digest]) -> Digest {
        self.fold(node, siblings, node_hash)
    }

    /// The root of the tree that ends with the node: siblings to the right are not in it.
    pub(super) fn root_up_to_node(&self, node: Digest, siblings: &[Digest]) -> Digest {
        self.fold(node, siblings, |below, _| *below)
    }

    fn fold(&self, node: Digest, siblings: &[Digest], at_right: impl Fn(&Digest, &Digest) -> Digest) -> Digest {
        (0_u32..).zip(siblings).fold(node, |below, (step, sibling)| {
            if step >= self.inner || self.position >> step & 1 == 1 {
                node_hash(sibling, &below)
            } else {
                at_right(&below, sibling)
            }
        })
    }
}

/// The leaves below each hash of the audit path of a leaf, from below: PATH of RFC 6962, section 2.1.1; `index` < `size`.
pub(super) fn inclusion_siblings(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut siblings = Vec::new();
    let mut tree = 0..size;
    while tree.end - tree.start > 1 {
        siblings.push(descend(&mut tree, |middle| index < middle));
    }
    siblings.reverse();
    siblings
}

/// The leaves below each hash of a consistency proof, from below: PROOF of RFC 6962, section 2.1.2; `old_size` ≤ `new_size`.
pub(super) fn consistency_siblings(old_size: u64, new_size: u64) -> Vec<Range<u64>> {
    if old_size == 0 {
        return Vec::new();
    }
    let mut siblings = Vec::new();
    let mut tree = 0..new_size;
    while old_size < tree.end {
        siblings.push(descend(&mut tree, |middle| old_size <= middle));
    }
    // The last subtree of the older tree; if it is the whole of that, its root is known.
    if tree.start > 0 {
        siblings.push(tree);
    }
    siblings.reverse();
    siblings
}

/// Goes from a tree of at least 2 leaves to its left or right half, and gives the other.
fn descend(tree: &mut Range<u64>, is_left: impl Fn(u64) -> bool) -> Range<u64> {
    let middle = tree.start + split(tree.end - tree.start);
    let (left, right) = (tree.start..middle, middle..tree.end);
    let (half, other) = if is_left(middle) { (left, right) } else { (right, left) };
    *tree = half;
    other
}

/// The largest power of two below `leaves`: where RFC 6962 splits a tree of at least 2 leaves.
fn split(leaves: u64) -> u64 {
    leaves.saturating_sub(1).checked_ilog2().map_or(0, |height| 1 << height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_is_the_largest_power_below() {
        for (leaves, wanted) in [(2, 1), (3, 2), (4, 2), (5, 4), (8, 4), (9, 8), (u64::MAX, 1 << 63)] {
            assert_eq!(split(leaves), wanted, "{leaves}");
        }
    }

    #[test]
    fn ways_in_the_largest_trees() {
        for (index, inner, border) in [(0, 64, 0), (u64::MAX - 1, 0, 63), (u64::MAX - 2, 2, 62)] {
            let path = Path::of_leaf(index, u64::MAX);
            assert_eq!((path.inner, path.border), (inner, border), "leaf {index}");
        }
    }
}
