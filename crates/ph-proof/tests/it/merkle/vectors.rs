//! The reference tree of 8 leaves of Certificate Transparency, with its roots and proofs, as published in
//! <https://github.com/transparency-dev/merkle> (`proof/verify_test.go`).

use ph_base::Digest;
use ph_proof::merkle::{Frontier, empty_root, leaf_hash, node_hash, plain_tree, verify_consistency, verify_inclusion};

const ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// By size, from 1.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Hashes that several of the published proofs have.
const LEAF_1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const LEAVES_2_3: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const LEAVES_4_7: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const LEAF_4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const LEAVES_6_7: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const LEAVES_4_5: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const LEAF_6: &str = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f";

fn digest(hex: &str) -> Digest {
    format!("sha256:{hex}").parse().unwrap()
}

fn leaves() -> Vec<Digest> {
    ENTRIES.iter().map(|entry| leaf_hash(&hex::decode(entry).unwrap())).collect()
}

fn root(size: u64) -> Digest {
    digest(ROOTS[usize::try_from(size).unwrap() - 1])
}

#[test]
fn hashes_of_the_empty_tree_a_leaf_and_a_node() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(empty_root(), digest(empty));
    assert_eq!(plain_tree::root(&[]), digest(empty));
    assert_eq!(Frontier::new().root(), digest(empty));
    assert_eq!(leaf_hash(b""), digest(ROOTS[0]));
    assert_eq!(node_hash(&leaf_hash(b""), &leaf_hash(b"\0")), digest(ROOTS[1]));
}

#[test]
fn roots_of_every_size() {
    let leaves = leaves();
    let mut frontier = Frontier::new();
    for (size, leaf) in leaves.iter().enumerate().map(|(before, leaf)| (before + 1, leaf)) {
        frontier.append(*leaf);
        assert_eq!(frontier.root(), root(size as u64), "{size} leaves");
        assert_eq!(plain_tree::root(&leaves[..size]), root(size as u64), "{size} leaves");
    }
}

#[test]
fn inclusion_proofs() {
    let table: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (0, 8, &[LEAF_1, LEAVES_2_3, LEAVES_4_7]),
        (5, 8, &[LEAF_4, LEAVES_6_7, ROOTS[3]]),
        (2, 3, &[ROOTS[1]]),
        (1, 5, &[ROOTS[0], LEAVES_2_3, LEAF_4]),
    ];
    for (index, size, proof) in table {
        let proof: Vec<Digest> = proof.iter().map(|hash| digest(hash)).collect();
        let leaves = &leaves()[..usize::try_from(size).unwrap()];
        assert_eq!(plain_tree::inclusion_proof(index, leaves).unwrap(), proof, "{index} of {size}");
        let leaf = leaves[usize::try_from(index).unwrap()];
        assert_eq!(verify_inclusion(index, size, leaf, &proof, root(size)), Ok(()), "{index} of {size}");
    }
}

#[test]
fn consistency_proofs() {
    let table: [(u64, u64, &[&str]); 5] = [
        (1, 1, &[]),
        (1, 8, &[LEAF_1, LEAVES_2_3, LEAVES_4_7]),
        (6, 8, &[LEAVES_4_5, LEAVES_6_7, ROOTS[3]]),
        (2, 5, &[LEAVES_2_3, LEAF_4]),
        (6, 7, &[LEAVES_4_5, LEAF_6, ROOTS[3]]),
    ];
    for (old, new, proof) in table {
        let proof: Vec<Digest> = proof.iter().map(|hash| digest(hash)).collect();
        let leaves = &leaves()[..usize::try_from(new).unwrap()];
        assert_eq!(plain_tree::consistency_proof(old, leaves).unwrap(), proof, "{old} to {new}");
        assert_eq!(verify_consistency(old, root(old), new, root(new), &proof), Ok(()), "{old} to {new}");
    }
}
