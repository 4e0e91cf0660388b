//! When a failed attempt is followed by another, and after how long. Pure.

use std::time::Duration;

use ph_model::ModelError;

/// The wait after the first failed attempt, before it is spread; doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait of our own.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often and how long a call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most attempts after the first that failed for another reason than being turned away with a time to come
    /// back at.
    pub retries_max: u32,
    /// The longest that a call may take with all its waits: where the next attempt would begin later, there is none.
    pub time_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries_max: 5, time_max: Duration::from_secs(1_800) }
    }
}

impl RetryPolicy {
    /// No second attempt.
    #[must_use]
    pub fn never() -> Self {
        Self { retries_max: 0, time_max: Duration::ZERO }
    }
}

/// The attempts of one call so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attempts {
    /// Failures that count against [`RetryPolicy::retries_max`].
    counted: u32,
    failed: u32,
}

impl Attempts {
    /// How long to wait before the next attempt; none where there is none. `elapsed` is the time since the call began,
    /// `spread` a number from 0 to 1 that keeps calls that failed together from coming back together.
    pub(super) fn next(
        &mut self,
        policy: &RetryPolicy,
        error: &ModelError,
        (elapsed, spread): (Duration, f64),
    ) -> Option<Duration> {
        if policy.retries_max == 0 || !error.is_retryable() {
            return None;
        }
        self.failed += 1;
        if !error.kind.is_turned_away() || error.retry_after_ms.is_none() {
            self.counted += 1;
            if self.counted > policy.retries_max {
                return None;
            }
        }
        let own = FIRST_WAIT.saturating_mul(1 << (self.failed - 1).min(16)).min(WAIT_MAX);
        // Between half and the whole of it.
        let own = own.mul_f64(0.5 + spread.clamp(0.0, 1.0) / 2.0);
        let asked = Duration::from_millis(error.retry_after_ms.unwrap_or(0));
        let wait = own.max(asked);
        (elapsed.saturating_add(wait) <= policy.time_max).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use ph_model::ModelErrorKind;

    use super::*;

    fn error(kind: ModelErrorKind, retry_after_ms: Option<u64>) -> ModelError {
        ModelError { retry_after_ms, ..ModelError::new(kind, "no") }
    }

    fn waits(policy: RetryPolicy, error: &ModelError) -> Vec<u64> {
        let (mut attempts, mut elapsed) = (Attempts::default(), Duration::ZERO);
        std::iter::from_fn(|| {
            let wait = attempts.next(&policy, error, (elapsed, 1.0))?;
            elapsed += wait;
            Some(u64::try_from(wait.as_millis()).unwrap())
        })
        .take(100)
        .collect()
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let policy = RetryPolicy { retries_max: 10, ..RetryPolicy::default() };
        let waits = waits(policy, &error(ModelErrorKind::Unreachable, None));
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn being_told_when_to_come_back_uses_up_only_time() {
        let waits = waits(RetryPolicy::default(), &error(ModelErrorKind::RateLimited, Some(90_000)));
        assert_eq!(waits, [90_000; 20], "30 minutes of it");
    }

    #[test]
    fn what_would_fail_alike_is_not_tried_again() {
        for kind in [
            ModelErrorKind::Unauthorized,
            ModelErrorKind::NotFound,
            ModelErrorKind::InvalidRequest,
            ModelErrorKind::ContextTooLong,
            ModelErrorKind::Model,
            ModelErrorKind::AccessCut,
        ] {
            assert_eq!(waits(RetryPolicy::default(), &error(kind, Some(1))), [0; 0], "{kind}");
        }
        assert_eq!(waits(RetryPolicy::never(), &error(ModelErrorKind::RateLimited, Some(1))), [0; 0]);
    }

    #[test]
    fn a_wait_beyond_the_time_is_not_begun() {
        let policy = RetryPolicy { retries_max: 5, time_max: Duration::from_secs(10) };
        assert_eq!(waits(policy, &error(ModelErrorKind::Overloaded, Some(11_000))), [0; 0]);
        assert_eq!(waits(policy, &error(ModelErrorKind::Overloaded, Some(4_000))), [4_000, 4_000]);
    }

    #[test]
    fn waits_are_spread() {
        let mut attempts = Attempts::default();
        let error = error(ModelErrorKind::Timeout, None);
        let wait = attempts.next(&RetryPolicy::default(), &error, (Duration::ZERO, 0.0)).unwrap();
        assert_eq!(wait, Duration::from_millis(250));
    }
}
