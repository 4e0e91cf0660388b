//! What is not the proof is refused: every bit, every hash, every index and size made wrong in turn.
//!
//! A root does not fix the size of its tree. Where two sizes (or older sizes) lead along the very same way, one proof is a proof for
//! both; [`inclusion_way`] and [`consistency_way`] say so from the recursive definitions alone.

use ph_base::Digest;
use ph_proof::merkle::{ProofError, empty_root, plain_tree, verify_consistency, verify_inclusion};

use super::leaves;

/// Trees up to this size are gone through whole.
const SIZE_MAX: u64 = 40;

/// Trees up to this size have every single bit of theirs flipped; larger ones one in each byte.
const EVERY_BIT_SIZE_MAX: u64 = 12;

/// The bits to flip in a hash that belongs to a tree of this size.
fn bits(size: u64) -> impl Iterator<Item = usize> {
    (0..256).filter(move |bit| size <= EVERY_BIT_SIZE_MAX || bit / 8 % 8 == bit % 8)
}

/// Every proof that is near this one, for a tree of this size, and not it.
fn forgeries(proof: &[Digest], size: u64) -> Vec<Vec<Digest>> {
    let mut forged: Vec<Vec<Digest>> = Vec::new();
    let mut with = |change: &dyn Fn(&mut Vec<Digest>)| {
        let mut copy = proof.to_vec();
        change(&mut copy);
        forged.push(copy);
    };
    for at in 0..proof.len() {
        bits(size).for_each(|bit| with(&|copy| copy[at] = flipped(copy[at], bit)));
        with(&|copy| copy.truncate(at));
        with(&|copy| copy.retain(|hash| *hash != proof[at]));
        (0..at).for_each(|other| with(&|copy| copy.swap(at, other)));
    }
    for at in 0..=proof.len() {
        with(&|copy| copy.insert(at, empty_root()));
        proof.iter().for_each(|hash| with(&|copy| copy.insert(at, *hash)));
    }
    forged
}

fn flipped(digest: Digest, bit: usize) -> Digest {
    let mut bytes = *digest.bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Digest::from_bytes(bytes)
}

fn split(size: u64) -> u64 {
    size.div_ceil(2).next_power_of_two()
}

/// Left or right at each step from the root to a leaf; none if there is no such leaf.
fn inclusion_way(index: u64, size: u64) -> Option<Vec<bool>> {
    if index >= size {
        return None;
    }
    if size == 1 {
        return Some(Vec::new());
    }
    let k = split(size);
    let (is_left, below) =
        if index < k { (true, inclusion_way(index, k)) } else { (false, inclusion_way(index - k, size - k)) };
    below.map(|below| [vec![is_left], below].concat())
}

/// The same for the last subtree of the older tree, and whether that is all of it; 0 < old ≤ new.
fn consistency_way(old: u64, new: u64, is_whole: bool) -> (Vec<bool>, bool) {
    if old == new {
        return (Vec::new(), is_whole);
    }
    let k = split(new);
    let (is_left, (below, whole)) = if old <= k {
        (true, consistency_way(old, k, is_whole))
    } else {
        (false, consistency_way(old - k, new - k, false))
    };
    ([vec![is_left], below].concat(), whole)
}

#[test]
fn no_forged_inclusion_proof_is_taken() {
    let all = leaves(SIZE_MAX);
    for size in 1..=SIZE_MAX {
        let leaves = &all[..usize::try_from(size).unwrap()];
        let root = plain_tree::root(leaves);
        for index in 0..size {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let proof = plain_tree::inclusion_proof(index, leaves).unwrap();
            for forged in forgeries(&proof, size) {
                let found = verify_inclusion(index, size, leaf, &forged, root);
                check_refused(found, forged.len(), proof.len());
            }
            for bit in bits(size) {
                assert!(verify_inclusion(index, size, flipped(leaf, bit), &proof, root).is_err());
                assert!(verify_inclusion(index, size, leaf, &proof, flipped(root, bit)).is_err());
            }
            for (wrong_index, wrong_size) in elsewhere(index, size) {
                let is_same = inclusion_way(wrong_index, wrong_size) == inclusion_way(index, size);
                let found = verify_inclusion(wrong_index, wrong_size, leaf, &proof, root);
                assert_eq!(found.is_ok(), is_same, "{wrong_index} of {wrong_size} for {index} of {size}");
                assert!(!is_same || wrong_size != size);
            }
        }
    }
}

#[test]
fn no_forged_consistency_proof_is_taken() {
    let all = leaves(SIZE_MAX);
    let roots: Vec<Digest> = (0..=all.len()).map(|size| plain_tree::root(&all[..size])).collect();
    let root = |size: u64| roots[usize::try_from(size).unwrap()];
    for new in 1..=SIZE_MAX {
        for old in 1..=new {
            let proof = plain_tree::consistency_proof(old, &all[..usize::try_from(new).unwrap()]).unwrap();
            let verify = |proof: &[Digest]| verify_consistency(old, root(old), new, root(new), proof);
            assert_eq!(verify(&proof), Ok(()));
            for forged in forgeries(&proof, new) {
                check_refused(verify(&forged), forged.len(), proof.len());
            }
            for bit in bits(new) {
                assert!(verify_consistency(old, flipped(root(old), bit), new, root(new), &proof).is_err());
                assert!(verify_consistency(old, root(old), new, flipped(root(new), bit), &proof).is_err());
            }
            for (wrong_old, wrong_new) in elsewhere(old, new) {
                let is_same = (1..=wrong_new).contains(&wrong_old)
                    && consistency_way(wrong_old, wrong_new, true) == consistency_way(old, new, true);
                let found = verify_consistency(wrong_old, root(old), wrong_new, root(new), &proof);
                assert_eq!(found.is_ok(), is_same, "{wrong_old} to {wrong_new} for {old} to {new}");
            }
        }
    }
}

/// A proof of this length is refused: for its length, if that is not the right one.
#[track_caller]
fn check_refused(found: Result<(), ProofError>, got: usize, wanted: usize) {
    let error = found.unwrap_err();
    let is_length = error == ProofError::Length { got, wanted };
    assert_eq!(is_length, got != wanted, "{error}");
}

/// Other pairs of numbers: near ones, small ones, the last leaves of all small trees, and those where arithmetic ends.
fn elsewhere(first: u64, second: u64) -> Vec<(u64, u64)> {
    let far = [u64::MAX - 1, u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 32];
    let numbers: Vec<u64> = (0..=SIZE_MAX + 2).chain([first * 2, second * 2]).chain(far).collect();
    let pairs =
        numbers.iter().flat_map(|one| [(*one, second), (first, *one), (*one, *one), (*one, one.saturating_add(1))]);
    pairs.filter(|pair| *pair != (first, second)).collect()
}

#[test]
fn what_needs_no_hashes_takes_none() {
    let (one, other) = (leaves(1)[0], leaves(2)[1]);
    let check = |old, old_root, new, new_root| verify_consistency(old, old_root, new, new_root, &[]);
    assert_eq!(check(0, empty_root(), 0, empty_root()), Ok(()));
    assert_eq!(check(0, empty_root(), 9, one), Ok(()));
    assert_eq!(check(9, one, 9, one), Ok(()));
    let not_empty = ProofError::OtherOldRoot { size: 0, root: one, computed: empty_root() };
    assert_eq!(check(0, one, 9, one), Err(not_empty.clone()));
    assert_eq!(check(0, one, 0, one), Err(not_empty));
    let wrong = ProofError::OtherRoot { size: 9, root: other, computed: one };
    assert_eq!(check(9, one, 9, other), Err(wrong));
    assert_eq!(check(2, one, 1, one), Err(ProofError::SizesReversed { old_size: 2, new_size: 1 }));
    for (old, old_root) in [(0, empty_root()), (9, one)] {
        let refused = verify_consistency(old, old_root, 9, one, &[other]);
        assert_eq!(refused, Err(ProofError::Length { got: 1, wanted: 0 }));
    }
}

#[test]
fn an_error_says_what_and_where() {
    let [one, other] = leaves(2).try_into().unwrap();
    let said = |error: Result<(), ProofError>| error.unwrap_err().to_string();
    assert_eq!(said(verify_inclusion(8, 8, one, &[], one)), "leaf `8` is not in a tree of `8` leaves");
    assert_eq!(said(verify_inclusion(7, 8, one, &[one], one)), "the proof has `1` hashes where `3` belong");
    let wanted = format!("the proof leads to the root `{one}`, not to `{other}` of the tree of `1` leaves");
    assert_eq!(said(verify_inclusion(0, 1, one, &[], other)), wanted);
    let backwards = "a tree of `3` leaves does not come before one of `2`";
    assert_eq!(said(verify_consistency(3, one, 2, one, &[])), backwards);
}
