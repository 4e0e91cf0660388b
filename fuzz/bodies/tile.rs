//! Any bytes as the name of a tile, as a tile, as a bundle of entries, as a proof, and as everything that is stored of a tree.

use ph_base::Digest;
use ph_proof::merkle::{
    EntryBundle, Frontier, Tile, TileBuilder, TileReader, TileTree, empty_root, leaf_hash, plain_tree,
    verify_consistency, verify_inclusion,
};

const HASH_BYTES: usize = 32;
/// How many leaves are made of the bytes at most: the plain tree is slow.
const LEAVES_MAX: usize = 64;

/// Tries the bytes as each of them.
pub(crate) fn check(data: &[u8]) {
    name(data);
    bundle(data);
    let numbers = data.split_first_chunk::<16>().map(|(both, rest)| (u128::from_be_bytes(*both), rest));
    if let Some((both, rest)) = numbers {
        any_proof((both >> 64) as u64, both as u64, rest);
        stored((both >> 64) as u64, rest);
    }
    near_proof(data);
}

/// What parses as a name is written as it was.
fn name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(tile) = text.parse::<Tile>() {
        assert_eq!(tile.to_string(), text);
        assert_eq!(Tile::new(tile.level(), tile.index(), tile.width()), Ok(tile));
    }
    if let Ok(bundle) = text.parse::<EntryBundle>() {
        assert_eq!(bundle.to_string(), text);
        assert!(text.parse::<Tile>().is_err());
    }
}

/// What decodes as a bundle, or as a tile, is encoded as it was. The first byte says how wide it is.
fn bundle(data: &[u8]) {
    let Some((width, bytes)) = data.split_first() else { return };
    let bundle = EntryBundle::new(0, u16::from(*width) + 1).expect("no wider than a full one");
    if let Ok(entries) = bundle.decode(bytes) {
        assert_eq!(bundle.encode(&entries).expect("they are as many, and short enough"), bytes);
    }
    if let Ok(hashes) = bundle.tile().decode(bytes) {
        assert_eq!(hashes, digests(bytes));
        assert_eq!(hashes.len(), usize::from(bundle.width()));
    }
}

/// Bytes that no tree is behind lead to no root, and two empty ends of one tree are the same.
fn any_proof(first: u64, second: u64, bytes: &[u8]) {
    let proof = digests(bytes);
    let root = Digest::of(bytes);
    if verify_inclusion(first, second, leaf_hash(bytes), &proof, root).is_ok() {
        panic!("leaf {first} of {second} is in a tree that there is not");
    }
    if verify_consistency(first, root, second, root, &proof).is_ok() {
        // Every tree goes on from the empty one, whose root is that of no bytes.
        let is_from_nothing = first == 0 && root == empty_root();
        assert!((first == second || is_from_nothing) && proof.is_empty(), "{first} to {second}");
    }
    let _ = Frontier::from_hashes(first, proof).map(|mut frontier| {
        frontier.append(root);
        frontier.root()
    });
}

/// Of the proofs of a small tree those with a byte changed are refused.
fn near_proof(data: &[u8]) {
    let Some(([at, byte, change], entries)) = data.split_first_chunk::<3>() else { return };
    let leaves: Vec<Digest> = (0_u8..)
        .zip(entries.chunks(2))
        .take(LEAVES_MAX)
        .map(|(number, entry)| leaf_hash(&[&[number], entry].concat()))
        .collect();
    if leaves.is_empty() {
        return;
    }
    let (index, size) = (usize::from(*at) % leaves.len(), leaves.len() as u64);
    let (root, old_root) = (plain_tree::root(&leaves), plain_tree::root(&leaves[..index]));
    let is_included = |proof: &[Digest]| verify_inclusion(index as u64, size, leaves[index], proof, root).is_ok();
    let is_continued = |proof: &[Digest]| verify_consistency(index as u64, old_root, size, root, proof).is_ok();
    let mut inclusion = plain_tree::inclusion_proof(index as u64, &leaves).expect("the leaf is there");
    let mut consistency = plain_tree::consistency_proof(index as u64, &leaves).expect("the tree is larger");
    assert!(is_included(&inclusion) && is_continued(&consistency));
    assert!(!changed(&mut inclusion, *byte, *change) || !is_included(&inclusion));
    assert!(!changed(&mut consistency, *byte, *change) || !is_continued(&consistency));
}

/// Changes a byte; says whether there was something to change.
fn changed(proof: &mut [Digest], byte: u8, change: u8) -> bool {
    let at = usize::from(byte);
    let Some(hash) = proof.get_mut(at / HASH_BYTES) else { return false };
    let mut bytes = *hash.bytes();
    bytes[at % HASH_BYTES] ^= change;
    *hash = Digest::from_bytes(bytes);
    change != 0
}

/// The same bytes as every tile of a tree of this size: no proof, and no panic.
fn stored(size: u64, bytes: &[u8]) {
    let tiles = Same(bytes);
    let root = Digest::of(bytes);
    assert!(TileBuilder::resume(&tiles, size, root).is_err() || size == 0);
    assert!(TileTree::new(&tiles, size, root).is_err() || size == 0);
    // The bytes may be the whole right edge of a tree: its root is what comes out, and the full tiles are still not its.
    let hashes: Vec<Digest> = digests(bytes).into_iter().take(usize::from(u8::MAX)).collect();
    let root = hashes.iter().copied().collect::<Frontier>().root();
    if let Ok(tree) = TileTree::new(&tiles, hashes.len() as u64 * 256, root) {
        for at in [0, size % (tree.size() + 1)] {
            let _ = tree.inclusion_proof(at).map(|proof| assert!(proof.len() < 64));
            let _ = tree.consistency_proof(at);
            let _ = tree.leaf_hashes(0..at.min(1_000));
        }
    }
}

/// Gives the bytes for every tile, as long as the tile is.
struct Same<'a>(&'a [u8]);

impl TileReader for Same<'_> {
    type Error = std::io::Error;

    fn read(&self, tile: Tile) -> Result<Vec<u8>, Self::Error> {
        let mut bytes = self.0.to_vec();
        bytes.resize(tile.bytes(), 0);
        Ok(bytes)
    }
}

/// The whole hashes in the bytes.
fn digests(bytes: &[u8]) -> Vec<Digest> {
    bytes.as_chunks::<HASH_BYTES>().0.iter().copied().map(Digest::from_bytes).collect()
}
