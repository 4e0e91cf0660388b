//! The three hashes of the tree: RFC 6962, section 2.1.

use ph_base::Digest;
use ph_base::digest::DigestBuilder;

/// Goes before the bytes of an entry, so that no entry hashes like a node.
const LEAF_PREFIX: u8 = 0x00;
/// Goes before the two hashes below a node.
const NODE_PREFIX: u8 = 0x01;
const HASH_BYTES: usize = 32;

/// The hash of a leaf that holds these bytes: SHA-256 of `0x00` and the bytes.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    let mut hasher = DigestBuilder::default();
    hasher.bytes(&[LEAF_PREFIX]);
    hasher.bytes(entry);
    hasher.finish()
}

/// The hash of the node over two subtrees: SHA-256 of `0x01`, the left and the right hash.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [NODE_PREFIX; 1 + 2 * HASH_BYTES];
    bytes[1..=HASH_BYTES].copy_from_slice(left.bytes());
    bytes[1 + HASH_BYTES..].copy_from_slice(right.bytes());
    Digest::of(&bytes)
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Digest {
    Digest::of(b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_looks_like_a_node_does_not_hash_like_one() {
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let both = [left.bytes().as_slice(), right.bytes()].concat();
        assert_ne!(leaf_hash(&both), node_hash(&left, &right));
        assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
    }
}
