//! So many requests, or tokens, a minute. Pure: instants come in from outside.
//!
//! The generic cell rate algorithm (ITU-T I.371): an amount is due at a theoretical arrival time that every amount moves
//! on, and may come a burst early. Waits are given out in the order of asking, so that nobody is overtaken.

/// The share of a minute that may be used at once.
const BURST_MS: f64 = 5_000.0;
const MINUTE_MS: f64 = 60_000.0;

/// A limit of amounts per minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    per_minute: f64,
    /// When the next amount is due.
    due_ms: f64,
}

impl Rate {
    /// So many a minute (at least 1).
    #[must_use]
    pub fn new(per_minute: u64) -> Self {
        Self { per_minute: per_minute.max(1) as f64, due_ms: 0.0 }
    }

    /// Takes `amount` at `now_ms`; how long to wait before using it, in ms.
    pub fn take(&mut self, amount: u64, now_ms: u64) -> u64 {
        let now_ms = now_ms as f64;
        // What was left unused earlier is gone but for a burst.
        self.due_ms = self.due_ms.max(now_ms - BURST_MS);
        let wait_ms = (self.due_ms - now_ms).max(0.0);
        self.due_ms += self.ms(amount);
        wait_ms.ceil() as u64
    }

    /// Corrects an amount that was taken before it was known: `taken` was assumed, it was `used`.
    pub fn correct(&mut self, taken: u64, used: u64) {
        self.due_ms += self.ms(used) - self.ms(taken);
    }

    /// Another limit from here on.
    pub fn set(&mut self, per_minute: u64) {
        self.per_minute = per_minute.max(1) as f64;
    }

    fn ms(&self, amount: u64) -> f64 {
        amount as f64 * MINUTE_MS / self.per_minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_than_its_amount_and_a_burst() {
        let mut rate = Rate::new(60);
        let mut sent = Vec::new();
        let mut now_ms = 100_000;
        while now_ms < 220_000 {
            let wait_ms = rate.take(1, now_ms);
            now_ms += wait_ms;
            sent.push(now_ms);
        }
        for (index, begin) in sent.iter().enumerate() {
            let in_minute = sent[index..].iter().take_while(|at| **at < begin + 60_000).count();
            assert!(in_minute <= 60 + 6, "{in_minute} from {begin}");
        }
        assert!(sent.len() >= 120, "the limit is used: {}", sent.len());
    }

    #[test]
    fn waits_are_given_out_in_order() {
        let mut rate = Rate::new(60);
        let waits: Vec<u64> = (0..10).map(|_| rate.take(1, 50_000)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 1_000, 2_000, 3_000, 4_000]);
    }

    #[test]
    fn what_was_assumed_is_corrected() {
        let mut rate = Rate::new(60_000);
        assert_eq!(rate.take(10_000, 0), 0);
        rate.correct(10_000, 1_000);
        assert_eq!(rate.take(1, 0), 1_000, "one token a millisecond");
        rate.correct(1, 5_001);
        assert_eq!(rate.take(1, 0), 6_001);
    }

    #[test]
    fn an_unused_hour_is_not_saved_up() {
        let mut rate = Rate::new(60);
        rate.take(1, 0);
        let waits: u64 = (0..100).map(|_| u64::from(rate.take(1, 3_600_000) > 0)).sum();
        assert_eq!(waits, 94);
    }

    #[test]
    fn another_limit_holds_from_there_on() {
        let mut rate = Rate::new(60);
        assert!((0..6).all(|_| rate.take(1, 50_000) == 0));
        rate.set(6_000);
        assert_eq!(rate.take(1, 50_000), 1_000);
        assert_eq!(rate.take(1, 50_000), 1_010);
    }
}
