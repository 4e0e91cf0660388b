//! A clock for tests.

use std::sync::atomic::{AtomicI64, Ordering};

use ph_base::{Clock, Timestamp};

/// Begins at a given instant and goes on by one millisecond at every look.
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that begins here.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
