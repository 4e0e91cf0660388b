//! Stored tiles: which are written and read, and that none is believed.

use ph_base::Digest;
use ph_proof::merkle::{
    Frontier, TREE_SIZE_MAX, Tile, TileBuilder, TileTree, TileTreeError, empty_root, new_tiles, plain_tree, tiles_of,
};

use super::{NoSuchTile, Tiles, leaves};

type Failure = TileTreeError<NoSuchTile>;

fn root_of(leaves: &[Digest]) -> Digest {
    leaves.iter().copied().collect::<Frontier>().root()
}

fn tile(path: &str) -> Tile {
    path.parse().unwrap()
}

/// Full tiles on two levels, and partial ones on three.
const SIZE: u64 = 66_200;

#[test]
fn a_builder_writes_what_is_new_and_goes_on_after_a_restart() {
    let leaves = leaves(SIZE);
    let sizes = [0, 1, 3, 200, 256, 257, 600, 600, 1_024, 65_535, 65_536, 65_536, 66_100, 66_200];
    let mut tiles = Tiles::default();
    let mut builder = TileBuilder::new();
    for pair in sizes.windows(2) {
        let (old, new) = (pair[0], pair[1]);
        let before: Vec<Tile> = tiles.stored.keys().copied().collect();
        tiles.grow(&mut builder, &leaves[old..new]);
        let mut written: Vec<Tile> = tiles.stored.keys().copied().filter(|tile| !before.contains(tile)).collect();
        let mut wanted: Vec<Tile> = new_tiles(old as u64, new as u64).collect();
        written.sort();
        wanted.sort();
        assert_eq!(written, wanted, "{old} to {new}");

        assert_eq!(builder.root(), plain_tree::root(&leaves[..new]), "{new} leaves");
        let again = TileBuilder::resume(&tiles, new as u64, builder.root()).unwrap();
        assert_eq!((again.size(), again.root()), (builder.size(), builder.root()));
        builder = again;
    }
    let full = |tiles: &Tiles| tiles.stored.clone().into_iter().filter(|(tile, _)| tile.is_full()).collect::<Vec<_>>();
    assert_eq!(full(&tiles), full(&Tiles::over(&leaves)));
}

#[test]
fn the_hashes_in_tiles_are_those_of_the_specification() {
    let leaves = leaves(SIZE);
    let tiles = Tiles::over(&leaves);
    assert_eq!(tiles.stored.keys().copied().collect::<Vec<_>>().len(), tiles_of(SIZE).count());
    for (tile, bytes) in &tiles.stored {
        let span = 256_usize.pow(u32::from(tile.level()));
        for (at, hash) in (usize::try_from(tile.index()).unwrap() * 256..).zip(tile.decode(bytes).unwrap()) {
            assert_eq!(hash, plain_tree::root(&leaves[at * span..(at + 1) * span]), "`{tile}`");
        }
    }
}

#[test]
fn a_builder_cut_off_in_a_later_tree_goes_on_from_full_tiles() {
    let leaves = leaves(600);
    let mut tiles = Tiles::over(&leaves);
    // The tiles of 600 leaves were written, the tree head is still that of 500.
    let root = plain_tree::root(&leaves[..500]);
    let partial = tile("tile/1/000.p/1");
    let first_level: Vec<u8> = tiles.stored[&tile("tile/1/000.p/2")][..32].to_vec();
    tiles.stored.insert(partial, first_level);
    let mut builder = TileBuilder::resume(&tiles, 500, root).unwrap();
    let rewritten: Vec<_> = leaves[500..].iter().flat_map(|leaf| builder.append(*leaf)).collect();
    assert_eq!(rewritten.len(), 1);
    assert_eq!(rewritten[0].bytes, tiles.stored[&rewritten[0].tile]);
    assert_eq!(builder.root(), root_of(&leaves));
}

#[test]
fn a_proof_reads_a_tile_a_level() {
    let leaves = leaves(SIZE);
    let tiles = Tiles::over(&leaves);
    let tree = TileTree::new(&tiles, SIZE, root_of(&leaves)).unwrap();
    let edge = [tile("tile/0/258.p/152"), tile("tile/1/001.p/2"), tile("tile/2/000.p/1")];
    assert_eq!(tiles.reads(), edge);
    for at in (0..SIZE).step_by(997) {
        tree.inclusion_proof(at).unwrap();
        assert!(tiles.reads().len() <= 2, "leaf {at}");
        tree.consistency_proof(at).unwrap();
        assert!(tiles.reads().len() <= 2, "from {at}");
    }
    tree.inclusion_proof(300).unwrap();
    assert_eq!(tiles.reads(), [tile("tile/1/000"), tile("tile/0/001")]);
    tree.leaf_hashes(0..SIZE).unwrap();
    assert_eq!(tiles.reads().len(), 259);
}

/// Reads what is at the first leaf below this tile, in both ways, which fail alike.
fn read_below(tiles: &Tiles, below: Tile, root: Digest) -> Result<(), Failure> {
    let tree = TileTree::new(tiles, SIZE, root)?;
    let leaf = below.index() * 256_u64.pow(u32::from(below.level()) + 1);
    let (hashes, proof) = (tree.leaf_hashes(leaf..leaf + 1), tree.inclusion_proof(leaf));
    assert_eq!(hashes.as_ref().err().map(Failure::to_string), proof.as_ref().err().map(Failure::to_string));
    proof.map(drop)
}

#[test]
fn a_changed_tile_is_named() {
    let leaves = leaves(SIZE);
    let root = root_of(&leaves);
    let mut tiles = Tiles::over(&leaves);
    for (changed, good) in tiles.stored.clone() {
        read_below(&tiles, changed, root).unwrap();
        for at in [0, good.len() / 2, good.len() - 1] {
            tiles.stored.get_mut(&changed).unwrap()[at] ^= 1;
            check_named(read_below(&tiles, changed, root).unwrap_err(), changed);
            tiles.stored.insert(changed, good.clone());
        }
        for length in [0, good.len() - 1, good.len() - 32, good.len() + 32] {
            let mut other = good.clone();
            other.resize(length, 0);
            tiles.stored.insert(changed, other);
            let found = read_below(&tiles, changed, root).unwrap_err();
            assert!(matches!(found, TileTreeError::Malformed(_)), "{found}");
            assert!(found.to_string().contains(&format!("`{changed}`")), "{found}");
        }
        tiles.stored.insert(changed, good);
    }
}

/// The error is about this tile; at the right edge, where tiles vouch for each other only together, it is one of those named.
fn check_named(found: Failure, changed: Tile) {
    match found {
        TileTreeError::OtherTile { tile, .. } => assert_eq!(tile, changed),
        TileTreeError::Edge { tiles, .. } => {
            assert!(!changed.is_full() && tiles.contains(&changed) && tiles.len() == 3, "{changed} {tiles:?}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn swapped_tiles_are_named() {
    let leaves = leaves(SIZE);
    let root = root_of(&leaves);
    let mut tiles = Tiles::over(&leaves);
    for (one, other) in [("tile/0/003", "tile/0/004"), ("tile/0/000", "tile/1/000"), ("tile/0/256", "tile/0/257")] {
        let (one, other) = (tile(one), tile(other));
        let (first, second) = (tiles.stored[&one].clone(), tiles.stored[&other].clone());
        tiles.stored.insert(one, second.clone());
        tiles.stored.insert(other, first.clone());
        for below in [one, other] {
            let found = read_below(&tiles, below, root).unwrap_err();
            let TileTreeError::OtherTile { tile, .. } = found else { panic!("{found}") };
            assert!(tile == one || tile == other, "`{tile}`");
        }
        tiles.stored.insert(one, first);
        tiles.stored.insert(other, second);
    }
}

#[test]
fn a_tree_that_is_not_the_one_of_the_head_is_refused() {
    let leaves = leaves(600);
    let tiles = Tiles::over(&leaves);
    let refused = |size, root| TileTree::new(&tiles, size, root).unwrap_err();
    let found = refused(600, leaves[0]).to_string();
    assert!(found.starts_with("`tile/0/002.p/88`, `tile/1/000.p/2` lead to the root `sha256:"), "{found}");
    assert!(matches!(refused(0, leaves[0]), TileTreeError::Proof(_)));
    assert!(matches!(refused(TREE_SIZE_MAX + 1, leaves[0]), TileTreeError::Size { .. }));
    assert!(matches!(refused(599, root_of(&leaves[..599])), TileTreeError::Read { tile, .. } if tile.width() == 87));
    assert!(TileBuilder::resume(&tiles, 600, empty_root()).is_err());
}

#[test]
fn a_deleted_partial_tile_is_read_from_the_full_one() {
    let leaves = leaves(66_200);
    let mut tiles = Tiles::over(&leaves);
    // Tiles of later trees only: at 300 leaves the second tile was partial, and is full now.
    let level_1 = tiles.stored[&tile("tile/1/000")].clone();
    let root = plain_tree::root(&leaves[..300]);
    let tree = TileTree::new(&tiles, 300, root).unwrap();
    tiles.reads();
    assert_eq!(tree.leaf_hashes(0..300).unwrap(), leaves[..300]);
    assert_eq!(tree.inclusion_proof(299).unwrap(), plain_tree::inclusion_proof(299, &leaves[..300]).unwrap());

    // One hash in the part that belongs to the older tree is wrong: the tile that was read is named.
    let mut wrong = level_1;
    wrong[0] ^= 1;
    tiles.stored.insert(tile("tile/1/000"), wrong);
    let found = TileTree::new(&tiles, 300, root).unwrap_err().to_string();
    assert!(found.starts_with("`tile/0/001`, `tile/1/000` lead"), "{found}");
}

#[test]
fn a_missing_tile_is_named() {
    let leaves = leaves(600);
    let mut tiles = Tiles::over(&leaves);
    tiles.stored.remove(&tile("tile/0/001"));
    let tree = TileTree::new(&tiles, 600, root_of(&leaves)).unwrap();
    assert!(tree.inclusion_proof(0).is_ok());
    assert_eq!(tree.inclusion_proof(256).unwrap_err().to_string(), "cannot read `tile/0/001`");
    tiles.stored.remove(&tile("tile/0/002.p/88"));
    let found = TileTree::new(&tiles, 600, root_of(&leaves)).unwrap_err().to_string();
    assert_eq!(found, "cannot read `tile/0/002.p/88`");
}

#[test]
fn what_the_tree_does_not_have_is_refused() {
    let leaves = leaves(5);
    let tiles = Tiles::over(&leaves);
    let tree = TileTree::new(&tiles, 5, root_of(&leaves)).unwrap();
    assert!(matches!(tree.inclusion_proof(5), Err(TileTreeError::Proof(_))));
    assert!(matches!(tree.consistency_proof(6), Err(TileTreeError::Proof(_))));
    assert!(matches!(tree.root_at(u64::MAX), Err(TileTreeError::Proof(_))));
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    let wrong = [3..6, 6..6, 4..3, 0..u64::MAX];
    for range in wrong {
        assert!(matches!(tree.leaf_hashes(range), Err(TileTreeError::Range { size: 5, .. })));
    }
}
