//! Which tiles a tree has, and which are new in a larger one. C2SP `tlog-tiles`, section "Partial Tiles".

use super::tile::{TILE_HEIGHT, TILE_WIDTH, Tile};

/// No tree has as many leaves as one subtree of this level.
pub(super) const LEVELS: u8 = 8;

/// How many subtrees of 256^level leaves a tree of this size has: the hashes in the tiles of that level.
pub(super) fn row_hashes(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level) * TILE_HEIGHT).unwrap_or(0)
}

/// How many levels of tiles a tree of this size has.
pub(super) fn levels(size: u64) -> u8 {
    (0..LEVELS).take_while(|level| row_hashes(size, *level) > 0).map(|_| 1).sum()
}

/// The partial tile of this level in a tree of this size; none where the last tile is full.
pub(super) fn partial_tile(size: u64, level: u8) -> Option<Tile> {
    let hashes = row_hashes(size, level);
    let width = (hashes % u64::from(TILE_WIDTH)) as u16;
    (width > 0).then(|| Tile::known(level, hashes / u64::from(TILE_WIDTH), width))
}

/// All tiles of a tree of `size` leaves, level by level, each from the left.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    new_tiles(0, size)
}

/// The tiles of a tree of `new_size` leaves that it did not have at `old_size`, level by level, each from the left.
///
/// A partial tile that grew, or became full, is new. From a larger tree to a smaller there are none.
pub fn new_tiles(old_size: u64, new_size: u64) -> impl Iterator<Item = Tile> {
    (0..levels(new_size)).flat_map(move |level| new_in_row(old_size, new_size, level))
}

fn new_in_row(old_size: u64, new_size: u64, level: u8) -> impl Iterator<Item = Tile> {
    let (old, new) = (row_hashes(old_size, level), row_hashes(new_size, level));
    let full = old / u64::from(TILE_WIDTH)..new / u64::from(TILE_WIDTH);
    let partial = if old < new { partial_tile(new_size, level) } else { None };
    full.map(move |index| Tile::known(level, index, TILE_WIDTH)).chain(partial)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let tiles: Vec<Tile> = tiles_of(70_000).collect();
        let full_at = |level| tiles.iter().filter(|tile| tile.level() == level && tile.is_full()).count();
        assert_eq!((full_at(0), full_at(1), full_at(2)), (273, 1, 0));
        let partial: Vec<String> = tiles.iter().filter(|tile| !tile.is_full()).map(Tile::to_string).collect();
        assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        let tiles: Vec<String> = tiles_of(256).map(|tile| tile.to_string()).collect();
        assert_eq!(tiles, ["tile/0/000", "tile/1/000.p/1"]);
    }

    #[test]
    fn what_is_new_is_what_was_not_there() {
        let sizes = [0, 1, 2, 255, 256, 257, 511, 512, 600, 65_535, 65_536, 65_537, 65_792, 131_072, 131_329];
        for old in sizes {
            for new in sizes.into_iter().filter(|new| *new >= old) {
                let before: BTreeSet<Tile> = tiles_of(old).collect();
                let wanted: Vec<Tile> = tiles_of(new).filter(|tile| !before.contains(tile)).collect();
                assert_eq!(new_tiles(old, new).collect::<Vec<_>>(), wanted, "{old} to {new}");
            }
        }
        assert_eq!(new_tiles(5, 3).count(), 0);
    }

    #[test]
    fn the_largest_tree_has_eight_levels() {
        assert_eq!(levels(u64::MAX), 8);
        assert_eq!(partial_tile(u64::MAX, 7).unwrap().to_string(), "tile/7/000.p/255");
        assert_eq!(new_tiles(u64::MAX - 1, u64::MAX).count(), 1);
    }
}
