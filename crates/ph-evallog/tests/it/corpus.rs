//! The seeds of the fuzz targets (`fuzz/README.md`): every file that once was a problem, and some that might be one.

#[path = "../../../../fuzz/bodies/documents.rs"]
mod documents;
#[path = "../../../../fuzz/bodies/entry.rs"]
mod entry;
#[path = "../../../../fuzz/bodies/eval_log.rs"]
pub(crate) mod eval_log;
#[path = "../../../../fuzz/bodies/summaries.rs"]
mod summaries;

use std::path::Path;

/// Gives every seed of a target to its body, whole and cut.
fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut count = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        body(&seed);
        for end in (0..seed.len()).step_by(seed.len() / 16 + 1) {
            body(&seed[..end]);
        }
        count += 1;
    }
    assert!(count >= 4, "{target} has {count} seeds");
}

#[test]
fn logs() {
    replay("log", eval_log::check);
}

#[test]
fn documents_of_logs() {
    replay("documents", documents::check);
}

#[test]
fn entries() {
    replay("entry", entry::check);
}

#[test]
fn lists_of_summaries() {
    replay("summaries", summaries::check);
}
