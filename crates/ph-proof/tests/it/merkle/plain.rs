//! Everything fast against the plain tree.

use ph_base::Digest;
use ph_proof::merkle::{
    Frontier, ProofError, TileBuilder, TileTree, empty_root, plain_tree, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use super::{Tiles, leaves};

/// All of a tree that can be asked for at one index and one older size is what the plain tree says, and verifies.
fn check(tree: &TileTree<&Tiles>, leaves: &[Digest], index: u64, old_size: u64) {
    let size = leaves.len() as u64;
    let root = plain_tree::root(leaves);
    let proof = tree.inclusion_proof(index).unwrap();
    assert_eq!(proof, plain_tree::inclusion_proof(index, leaves).unwrap(), "leaf {index} of {size}");
    let leaf = leaves[usize::try_from(index).unwrap()];
    assert_eq!(verify_inclusion(index, size, leaf, &proof, root), Ok(()), "leaf {index} of {size}");

    let proof = tree.consistency_proof(old_size).unwrap();
    assert_eq!(proof, plain_tree::consistency_proof(old_size, leaves).unwrap(), "{old_size} to {size}");
    let old_root = plain_tree::root(&leaves[..usize::try_from(old_size).unwrap()]);
    assert_eq!(tree.root_at(old_size).unwrap(), old_root, "{old_size} of {size}");
    assert_eq!(verify_consistency(old_size, old_root, size, root, &proof), Ok(()), "{old_size} to {size}");
}

#[test]
fn every_proof_of_small_trees() {
    for size in 1..=70 {
        let leaves = leaves(size);
        let tiles = Tiles::over(&leaves);
        let tree = TileTree::new(&tiles, size, plain_tree::root(&leaves)).unwrap();
        (0..size).for_each(|at| check(&tree, &leaves, at, at + 1));
    }
}

#[test]
fn every_size_up_to_three_hundred() {
    let all = leaves(300);
    let mut frontier = Frontier::new();
    let mut builder = TileBuilder::new();
    for size in 0..=all.len() {
        let leaves = &all[..size];
        let root = plain_tree::root(leaves);
        assert_eq!((frontier.root(), frontier.size()), (root, size as u64));
        assert_eq!((builder.root(), builder.size()), (root, size as u64));
        let tiles = Tiles::over(leaves);
        let tree = TileTree::new(&tiles, size as u64, root).unwrap();
        assert_eq!(tree.leaf_hashes(0..size as u64).unwrap(), leaves);
        for at in (0..size).step_by(37).chain(size.checked_sub(1)) {
            check(&tree, leaves, at as u64, at as u64);
        }
        if let Some(leaf) = all.get(size) {
            frontier.append(*leaf);
            builder.append(*leaf);
        }
    }
}

#[test]
fn the_tree_without_leaves() {
    let tiles = Tiles::default();
    let tree = TileTree::new(&tiles, 0, empty_root()).unwrap();
    assert_eq!(tree.root(), empty_root());
    assert_eq!(tree.root_at(0).unwrap(), empty_root());
    assert_eq!(tree.consistency_proof(0).unwrap(), []);
    assert_eq!(tree.leaf_hashes(0..0).unwrap(), []);
    let none = ProofError::NoSuchLeaf { index: 0, size: 0 };
    assert_eq!(tree.inclusion_proof(0).unwrap_err().to_string(), none.to_string());
    assert_eq!(plain_tree::inclusion_proof(0, &[]), Err(none));
}

#[test]
fn sizes_around_those_where_a_level_begins() {
    let leaves = leaves(66_200);
    for size in [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 66_200] {
        let leaves = &leaves[..usize::try_from(size).unwrap()];
        let tiles = Tiles::over(leaves);
        let tree = TileTree::new(&tiles, size, plain_tree::root(leaves)).unwrap();
        for at in [0, size / 3, (size - 1) & !255, size - 1] {
            check(&tree, leaves, at, at);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_larger_trees(size in 301_u64..6_000, at in any::<prop::sample::Index>(), old in any::<prop::sample::Index>()) {
        let leaves = leaves(size);
        let tiles = Tiles::over(&leaves);
        let tree = TileTree::new(&tiles, size, leaves.iter().copied().collect::<Frontier>().root()).unwrap();
        let (index, old_size) = (at.index(leaves.len()) as u64, old.index(leaves.len() + 1) as u64);
        check(&tree, &leaves, index, old_size);
        let (start, end) = (index.min(old_size), index.max(old_size));
        let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        prop_assert_eq!(tree.leaf_hashes(start..end).unwrap(), &leaves[range]);
    }
}
