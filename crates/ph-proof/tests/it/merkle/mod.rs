//! The tree: against published vectors, against the plain tree, and with everything about a proof made wrong in turn.

mod forged;
mod plain;
mod seeds;
mod tiles;
mod vectors;

use std::collections::BTreeMap;
use std::sync::Mutex;

use ph_base::Digest;
use ph_proof::merkle::{Tile, TileBuilder, TileReader, leaf_hash};

/// The hashes of `size` leaves, no two the same.
fn leaves(size: u64) -> Vec<Digest> {
    (0..size).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect()
}

/// Tiles in memory, which notes what was read.
#[derive(Debug, Default)]
struct Tiles {
    stored: BTreeMap<Tile, Vec<u8>>,
    reads: Mutex<Vec<Tile>>,
}

#[derive(Debug, thiserror::Error)]
#[error("no such tile")]
struct NoSuchTile;

impl TileReader for Tiles {
    type Error = NoSuchTile;

    fn read(&self, tile: Tile) -> Result<Vec<u8>, NoSuchTile> {
        self.reads.lock().unwrap().push(tile);
        self.stored.get(&tile).cloned().ok_or(NoSuchTile)
    }
}

impl Tiles {
    /// The tiles of the tree over these leaves, with the partial tiles of this tree only.
    fn over(leaves: &[Digest]) -> Self {
        let mut tiles = Self::default();
        tiles.grow(&mut TileBuilder::new(), leaves);
        tiles
    }

    /// Adds leaves, and stores what the builder gives.
    fn grow(&mut self, builder: &mut TileBuilder, leaves: &[Digest]) {
        let old_size = builder.size();
        let full = leaves.iter().flat_map(|leaf| builder.append(*leaf)).collect::<Vec<_>>();
        for new in full.into_iter().chain(builder.partial_tiles(old_size)) {
            assert!(self.stored.insert(new.tile, new.bytes).is_none(), "`{}` is written twice", new.tile);
        }
    }

    /// What was read since this was last asked.
    fn reads(&self) -> Vec<Tile> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }
}
