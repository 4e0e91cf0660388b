//! Is this leaf in that tree? RFC 6962, section 2.1.1; RFC 9162, section 2.1.3.2.

use ph_base::Digest;

use super::error::ProofError;
use super::path::Path;

/// Checks that the leaf with this hash is the one at `index` (from 0) of the tree of `size` leaves with this root.
///
/// `proof` is the audit path of RFC 6962, section 2.1.1: the siblings from below, each exactly once. A root does not
/// fix the size of its tree: take both from the same verified tree head.
///
/// # Errors
/// An index outside the tree, a proof that is not exactly as long as the way to the root, another root.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf_hash: Digest,
    proof: &[Digest],
    root: Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let path = Path::of_leaf(index, size);
    if proof.len() != path.length() {
        return Err(ProofError::Length { got: proof.len(), wanted: path.length() });
    }
    let computed = path.root(leaf_hash, proof);
    if computed != root {
        return Err(ProofError::OtherRoot { size, root, computed });
    }
    Ok(())
}
