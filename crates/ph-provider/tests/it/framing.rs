//! Server-sent events as they come off the network: the seeds of the fuzz target `sse`, cut in every way.

use std::path::Path;

#[path = "../../../../fuzz/bodies/sse.rs"]
mod sse;

#[test]
fn events_do_not_depend_on_how_the_stream_is_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/sse");
    let mut count = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        for cut in 0..=u8::MAX {
            sse::check(&[&[cut], &seed[..]].concat());
        }
        count += 1;
    }
    assert!(count >= 4, "{count} seeds");
}
