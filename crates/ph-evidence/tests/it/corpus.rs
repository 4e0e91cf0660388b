//! The seeds of the fuzz target `ledger` (`fuzz/README.md`).

#[path = "../../../../fuzz/bodies/ledger.rs"]
mod ledger;

use std::path::Path;

#[test]
fn segments() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ledger");
    let mut count = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        ledger::check(&seed);
        for at in (0..seed.len()).step_by(seed.len() / 64 + 1) {
            ledger::check(&seed[..at]);
            let mut changed = seed.clone();
            changed[at] ^= 1;
            ledger::check(&changed);
        }
        count += 1;
    }
    assert!(count >= 4, "{count} seeds");
}
