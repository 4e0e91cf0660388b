//! The slow, obvious tree: RFC 6962, section 2.1, word for word, over a list of leaf hashes.
//!
//! For readers, and for tests, which hold everything fast against it. Root and proofs cost as many hashes as there are leaves.

use ph_base::Digest;

use super::error::ProofError;
use super::hash::{empty_root, node_hash};

/// MTH(D\[n\]), the root over these leaf hashes (section 2.1).
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves));
            node_hash(&root(left), &root(right))
        }
    }
}

/// PATH(m, D\[n\]), the audit path of leaf `index` (section 2.1.1).
///
/// # Errors
/// An index outside the tree.
pub fn inclusion_proof(index: u64, leaves: &[Digest]) -> Result<Vec<Digest>, ProofError> {
    let size = leaves.len() as u64;
    match usize::try_from(index) {
        Ok(at) if index < size => Ok(path(at, leaves)),
        _ => Err(ProofError::NoSuchLeaf { index, size }),
    }
}

/// PROOF(m, D\[n\]), from the tree of the first `old_size` leaves (section 2.1.2). From no leaf at all, and from all of them,
/// it is empty.
///
/// # Errors
/// An older tree that is larger than the tree.
pub fn consistency_proof(old_size: u64, leaves: &[Digest]) -> Result<Vec<Digest>, ProofError> {
    let new_size = leaves.len() as u64;
    match usize::try_from(old_size) {
        Ok(0) => Ok(Vec::new()),
        Ok(old) if old_size <= new_size => Ok(subproof(old, leaves, true)),
        _ => Err(ProofError::SizesReversed { old_size, new_size }),
    }
}

/// PATH; `index` is one of the leaves.
fn path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let k = split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut below, sibling) =
        if index < k { (path(index, left), root(right)) } else { (path(index - k, right), root(left)) };
    below.push(sibling);
    below
}

/// SUBPROOF(m, D\[n\], b), 0 < m ≤ n; b says that D\[m\] is the older tree itself, whose root is known.
fn subproof(m: usize, leaves: &[Digest], b: bool) -> Vec<Digest> {
    if m >= leaves.len() {
        return if b { Vec::new() } else { vec![root(leaves)] };
    }
    let k = split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut below, sibling) =
        if m <= k { (subproof(m, left, b), root(right)) } else { (subproof(m - k, right, false), root(left)) };
    below.push(sibling);
    below
}

/// k, the largest power of two below n, of at least 2 leaves.
fn split(leaves: &[Digest]) -> usize {
    leaves.len().div_ceil(2).next_power_of_two()
}
