//! The seeds of the fuzz target `segment`, whole and cut.

use std::path::Path;

#[path = "../../../../fuzz/bodies/segment.rs"]
mod segment;

#[test]
fn no_segment_makes_the_reader_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/segment");
    let mut count = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        for end in (0..=seed.len()).step_by(seed.len() / 64 + 1) {
            segment::check(&seed[..end]);
        }
        segment::check(&seed);
        count += 1;
    }
    assert!(count >= 3, "{count} seeds");
}
