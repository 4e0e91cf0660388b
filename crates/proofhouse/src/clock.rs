//! The only reader of the machine's clock and of its randomness.

use std::time::UNIX_EPOCH;

use ph_base::{Clock, Timestamp};
use zeroize::Zeroizing;

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

/// Fills with secret bytes.
#[expect(
    clippy::expect_used,
    reason = "that there is randomness was tried before; a record with guessable salts must not be"
)]
pub(crate) fn fill_secret(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has randomness");
}

/// The secret bytes of a new key; overwritten in memory when dropped.
///
/// # Errors
/// Where the system has no randomness: there is no key then.
pub(crate) fn secret_seed() -> Result<Zeroizing<[u8; 32]>, getrandom::Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice())?;
    Ok(seed)
}
