//! Does that tree continue this one? RFC 6962, section 2.1.2; RFC 9162, section 2.1.4.2.

use ph_base::Digest;

use super::error::ProofError;
use super::hash::empty_root;
use super::path::Path;

/// Checks that the tree of `new_size` leaves with `new_root` begins with all leaves of the tree of `old_size` leaves with
/// `old_root`, in their order.
///
/// `proof` is that of RFC 6962, section 2.1.2. Equal sizes, and an older tree without leaves, need an empty proof. Take size and
/// root of each tree from the same verified tree head.
///
/// # Errors
/// An older tree that is larger, a proof that is not exactly as long as it must be, other roots than those that come out of
/// it; for a tree without leaves, another root than [`empty_root`].
pub fn verify_consistency(
    old_size: u64,
    old_root: Digest,
    new_size: u64,
    new_root: Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::SizesReversed { old_size, new_size });
    }
    let (old, new) = (Head { size: old_size, root: old_root }, Head { size: new_size, root: new_root });
    if old_size == 0 || old_size == new_size { check_trivial(&old, &new, proof) } else { check(&old, &new, proof) }
}

struct Head {
    size: u64,
    root: Digest,
}

impl Head {
    fn check_old(&self, computed: Digest) -> Result<(), ProofError> {
        if computed == self.root {
            return Ok(());
        }
        Err(ProofError::OtherOldRoot { size: self.size, root: self.root, computed })
    }

    fn check_new(&self, computed: Digest) -> Result<(), ProofError> {
        if computed == self.root {
            return Ok(());
        }
        Err(ProofError::OtherRoot { size: self.size, root: self.root, computed })
    }
}

/// The sizes are equal, or the older tree has no leaves.
fn check_trivial(old: &Head, new: &Head, proof: &[Digest]) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::Length { got: proof.len(), wanted: 0 });
    }
    if old.size == 0 {
        old.check_old(empty_root())?;
    }
    if old.size == new.size { new.check_new(old.root) } else { Ok(()) }
}

/// 0 < old size < new size.
fn check(old: &Head, new: &Head, proof: &[Digest]) -> Result<(), ProofError> {
    // The proof climbs from the last complete subtree of the older tree: on this way lie all its other subtrees, to the
    // left, and all that came later, to the right.
    let height = old.size.trailing_zeros();
    let path = Path::of_leaf(old.size - 1, new.size).above_height(height);
    // If that subtree is the whole older tree its root is known and left out of the proof.
    let is_whole = old.size.is_power_of_two();
    let wanted = path.length() + usize::from(!is_whole);
    let wrong_length = ProofError::Length { got: proof.len(), wanted };
    if proof.len() != wanted {
        return Err(wrong_length);
    }
    let (node, siblings) =
        if is_whole { (old.root, proof) } else { proof.split_first().map(|(f, r)| (*f, r)).ok_or(wrong_length)? };
    old.check_old(path.root_up_to_node(node, siblings))?;
    new.check_new(path.root(node, siblings))
}
