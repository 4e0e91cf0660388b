//! The only reader of the machine's clock and of its randomness.

use std::time::UNIX_EPOCH;

use ph_base::{Clock, Timestamp};

/// The machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Random bytes for ids. Where the system has none, zeros: ids then differ by time alone, and nothing measured
/// depends on them.
pub(crate) fn random_bytes() -> [u8; 10] {
    let mut bytes = [0; 10];
    let _ = getrandom::fill(&mut bytes);
    bytes
}
