//! Bytes that are nobody's request: the stub answers or closes, and goes on serving.

use std::time::Duration;

use ph_testkit::stub::{Dialect, Stub, StubConfig};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::raw::{ask, call, exchange, post, text_of};

#[test]
fn mutated_requests_never_end_the_stub() {
    let stub = Stub::start(StubConfig::default()).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for n in 0..160 {
        let dialect = Dialect::ALL[n % 4];
        let (path, body) = call(dialect, "m", "hello [[stub:tool]] [[stub:say=x]]", n.is_multiple_of(2));
        let mut bytes = post(&path, &body, "connection: close\r\n");
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        bytes.truncate(random.random_range(1..=bytes.len()));
        exchange(&stub, &bytes, Duration::from_millis(30));
    }
    let answered = ask(&stub, Dialect::OpenAiChat, "m", "still there?", false);
    assert_eq!(text_of(Dialect::OpenAiChat, &answered.json()), "echo: still there?");
}
