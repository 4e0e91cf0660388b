//! The seeds of the fuzz targets (`fuzz/README.md`).

#[path = "../../../../fuzz/bodies/container.rs"]
mod container;
#[path = "../../../../fuzz/bodies/dsse.rs"]
mod dsse;
#[path = "../../../../fuzz/bodies/edition.rs"]
mod edition;
#[path = "../../../../fuzz/bodies/note.rs"]
mod note;

use std::path::Path;

/// Gives every seed of a target to its body, whole, cut, and with a byte changed.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut count = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        body(&seed);
        for at in (0..seed.len()).step_by(seed.len() / 16 + 1) {
            body(&seed[..at]);
            let mut changed = seed.clone();
            changed[at] ^= 1;
            body(&changed);
        }
        count += 1;
    }
    assert!(count >= 4, "{target} has {count} seeds");
}

#[test]
fn notes() {
    replay("note", note::check);
}

#[test]
fn envelopes() {
    replay("dsse", dsse::check);
}

#[test]
fn documents_of_editions() {
    replay("edition", edition::check);
}

#[test]
fn containers() {
    replay("container", container::check);
}
