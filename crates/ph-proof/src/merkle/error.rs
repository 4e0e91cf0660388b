//! Why a proof does not hold, or cannot be made.

use ph_base::Digest;

/// What a proof is refused for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index does not belong to the tree.
    #[error("leaf `{index}` is not in a tree of `{size}` leaves")]
    NoSuchLeaf {
        /// The index of the leaf.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The older tree has more leaves than the newer.
    #[error("a tree of `{old_size}` leaves does not come before one of `{new_size}`")]
    SizesReversed {
        /// The size of the older tree.
        old_size: u64,
        /// The size of the newer tree.
        new_size: u64,
    },
    /// Too many or too few hashes.
    #[error("the proof has `{got}` hashes where `{wanted}` belong")]
    Length {
        /// How many hashes the proof has.
        got: usize,
        /// How many it must have.
        wanted: usize,
    },
    /// The hashes lead to another root than that of the tree. In a consistency proof it is the newer tree.
    #[error("the proof leads to the root `{computed}`, not to `{root}` of the tree of `{size}` leaves")]
    OtherRoot {
        /// The size of the tree.
        size: u64,
        /// The root that the tree has.
        root: Digest,
        /// The root that comes out of the proof.
        computed: Digest,
    },
    /// The hashes do not lead to the root of the older tree.
    #[error("the proof leads to the root `{computed}`, not to `{root}` of the older tree of `{size}` leaves")]
    OtherOldRoot {
        /// The size of the older tree.
        size: u64,
        /// The root that the older tree has.
        root: Digest,
        /// The root that comes out of the proof.
        computed: Digest,
    },
}
