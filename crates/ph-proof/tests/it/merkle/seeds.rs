//! The seeds of the fuzz target `tile`, whole and cut.

use std::path::Path;

#[path = "../../../../../fuzz/bodies/tile.rs"]
mod tile;

#[test]
fn no_bytes_make_a_parser_or_a_verifier_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/tile");
    let mut count = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        for end in (0..=seed.len()).step_by(seed.len() / 64 + 1) {
            tile::check(&seed[..end]);
        }
        tile::check(&seed);
        count += 1;
    }
    assert!(count >= 8, "{count} seeds");
}
