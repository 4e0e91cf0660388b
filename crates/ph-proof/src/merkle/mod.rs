//! The RFC 6962 tree over entries, its proofs, and its tiles (C2SP `tlog-tiles`).
//!
//! | question | item |
//! |---|---|
//! | the root, while leaves come in | [`Frontier`] |
//! | … and the tiles to store | [`TileBuilder`] |
//! | is this leaf in that tree? | [`verify_inclusion`] |
//! | does that tree continue this one? | [`verify_consistency`] |
//! | the proofs themselves, out of stored tiles | [`TileTree`] |
//! | … out of a list of leaf hashes, slowly and obviously | [`plain_tree`] |
//! | names and bytes of tiles and entry bundles | [`Tile`], [`EntryBundle`] |
//!
//! Sizes and indices count leaves from 0. Nothing here panics, whatever it is given; what is held in memory grows with the
//! logarithm of a tree, but for the leaf hashes that a caller asks for. A root says nothing of its tree's size: the two come together in a
//! tree head, and whoever calls a verifier takes both from there.

mod consistency;
mod edge;
mod entry_bundle;
mod error;
mod frontier;
mod hash;
mod inclusion;
mod path;
pub mod plain_tree;
mod tile;
mod tile_builder;
mod tile_name;
mod tile_reader;
mod tile_rows;
mod tile_tree;

pub use consistency::verify_consistency;
pub use entry_bundle::{ENTRY_BYTES_MAX, EntryBundle, EntryBundleError};
pub use error::ProofError;
pub use frontier::{Frontier, FrontierError, TREE_SIZE_MAX};
pub use hash::{empty_root, leaf_hash, node_hash};
pub use inclusion::verify_inclusion;
pub use tile::{TILE_LEVEL_MAX, TILE_WIDTH, Tile, TileError};
pub use tile_builder::{TileBuilder, TileBytes};
pub use tile_reader::{TileReader, TileTreeError};
pub use tile_rows::{new_tiles, tiles_of};
pub use tile_tree::TileTree;
