//! How many calls a target takes at once, found out by trying. Pure: instants come in from outside.
//!
//! The number begins small and doubles from window to window (a window is as many replies as there were places) while
//! all places were in use, no reply was slower than before, and nothing was turned away. After the first cut it grows by
//! one place a window. A call that was turned away cuts it to seven tenths; calls that had begun before the last cut
//! do not cut again, those that began after it do: it is cut for as long as it lasts. `Retry-After` closes the door for
//! so long. This is additive increase and multiplicative decrease as in TCP (Chiu and Jain 1989, "Analysis of the
//! increase and decrease algorithms for congestion avoidance in computer networks"), with latency as the second sign
//! of a full path as in TCP Vegas (Brakmo and Peterson 1995).

/// Places at the beginning.
const FIRST: f64 = 8.0;
/// What a cut leaves.
const CUT: f64 = 0.7;
/// Keeps a whole number of places whole through rounding.
const ROUNDING: f64 = 1e-9;
/// A window whose replies took more than this many times the best window's time does not grow.
const SLOWER: f64 = 2.0;
/// Output tokens that a reply's time is compared at, besides its own: a long reply is not a slow one.
const TOKENS_BESIDE: f64 = 50.0;
/// How slowly the best window is forgotten: a day's best hour must not hold forever.
const FORGET: f64 = 1.02;

/// The number of places of one target, as its replies teach it.
#[derive(Debug, Clone)]
pub struct Adaptive {
    most: f64,
    places: f64,
    /// Whether nothing was turned away yet.
    slow_start: bool,
    window: Window,
    best_ms: Option<f64>,
    /// Calls that began before this instant were sent under the earlier number.
    cut_at_ms: u64,
    closed_until_ms: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    replies: f64,
    time: f64,
    was_full: bool,
}

impl Adaptive {
    /// At most `most` places (at least 1).
    #[must_use]
    pub fn new(most: u32) -> Self {
        let most = f64::from(most.max(1));
        let window = Window::default();
        Self {
            most,
            places: FIRST.min(most),
            slow_start: true,
            window,
            best_ms: None,
            cut_at_ms: 0,
            closed_until_ms: 0,
        }
    }

    /// How many calls may be under way at once.
    #[must_use]
    pub fn places(&self) -> usize {
        // Between 1 and `most`, which fits.
        (self.places + ROUNDING) as usize
    }

    /// The instant until which nothing may be sent at all.
    #[must_use]
    pub fn closed_until_ms(&self) -> u64 {
        self.closed_until_ms
    }

    /// Another upper bound.
    pub fn set_most(&mut self, most: u32) {
        self.most = f64::from(most.max(1));
        self.places = self.places.min(self.most);
        self.slow_start |= self.places < FIRST.min(self.most);
    }

    /// A call was sent while `under_way` calls, itself included, were under way.
    pub fn sent(&mut self, under_way: usize) {
        self.window.was_full |= under_way as f64 >= self.places.floor();
    }

    /// A reply came after `took_ms` with `output_tokens`.
    pub fn replied(&mut self, took_ms: u64, output_tokens: u64) {
        self.window.replies += 1.0;
        self.window.time += took_ms as f64 * TOKENS_BESIDE / (TOKENS_BESIDE + output_tokens as f64);
        if self.window.replies >= self.places {
            self.end_window();
        }
    }

    fn end_window(&mut self) {
        let window = std::mem::take(&mut self.window);
        let mean_ms = window.time / window.replies;
        let best_ms = self.best_ms.map_or(mean_ms, |best| (best * FORGET).min(mean_ms));
        self.best_ms = Some(best_ms);
        // Below a millisecond a clock of milliseconds sees no difference.
        let is_slower = mean_ms > SLOWER * best_ms.max(1.0);
        if is_slower {
            self.slow_start = false;
        } else if window.was_full {
            let grown = if self.slow_start { self.places * 2.0 } else { self.places + 1.0 };
            self.places = grown.min(self.most);
        }
    }

    /// A call that began at `began_ms` was turned away at `now_ms`; the target asks to wait for `retry_after_ms`.
    pub fn turned_away(&mut self, began_ms: u64, now_ms: u64, retry_after_ms: Option<u64>) {
        if let Some(wait_ms) = retry_after_ms {
            self.closed_until_ms = self.closed_until_ms.max(now_ms.saturating_add(wait_ms));
        }
        if began_ms < self.cut_at_ms {
            return;
        }
        self.slow_start = false;
        self.places = (self.places * CUT).max(1.0);
        self.cut_at_ms = now_ms.max(began_ms.saturating_add(1));
        self.window = Window::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One window of replies with every place in use.
    fn window(adaptive: &mut Adaptive, took_ms: u64) {
        let places = adaptive.places();
        for _ in 0..places {
            adaptive.sent(places);
        }
        for _ in 0..places {
            adaptive.replied(took_ms, 10);
        }
    }

    #[test]
    fn it_doubles_until_its_bound_while_replies_stay_as_quick() {
        let mut adaptive = Adaptive::new(100);
        let mut seen = vec![adaptive.places()];
        for _ in 0..5 {
            window(&mut adaptive, 20);
            seen.push(adaptive.places());
        }
        assert_eq!(seen, [8, 16, 32, 64, 100, 100]);
    }

    #[test]
    fn it_does_not_grow_where_places_stay_free_or_replies_get_slow() {
        let mut adaptive = Adaptive::new(100);
        for _ in 0..80 {
            adaptive.sent(3);
            adaptive.replied(20, 10);
        }
        assert_eq!(adaptive.places(), 8, "never all in use");
        window(&mut adaptive, 20);
        assert_eq!(adaptive.places(), 16);
        window(&mut adaptive, 100);
        assert_eq!(adaptive.places(), 16, "five times as slow");
        window(&mut adaptive, 20);
        assert_eq!(adaptive.places(), 17, "the slow start is over");
    }

    #[test]
    fn a_long_reply_is_not_a_slow_one() {
        let mut adaptive = Adaptive::new(100);
        window(&mut adaptive, 20);
        let places = adaptive.places();
        for _ in 0..places {
            adaptive.sent(places);
            adaptive.replied(360, 1_000);
        }
        assert_eq!(adaptive.places(), 2 * places);
    }

    #[test]
    fn it_is_cut_once_for_calls_of_one_time_and_again_while_it_lasts() {
        let mut adaptive = Adaptive::new(100);
        for _ in 0..4 {
            window(&mut adaptive, 20);
        }
        for _ in 0..30 {
            adaptive.turned_away(1_000, 1_010, None);
        }
        assert_eq!(adaptive.places(), 70, "all of them were sent before the first was turned away");
        adaptive.turned_away(1_020, 1_030, None);
        assert_eq!(adaptive.places(), 49);
        for round in 0..40 {
            adaptive.turned_away(2_000 + 10 * round, 2_005 + 10 * round, None);
        }
        assert_eq!(adaptive.places(), 1);
        window(&mut adaptive, 20);
        assert_eq!(adaptive.places(), 2, "and grows again");
    }

    #[test]
    fn retry_after_closes_the_door_for_the_longest_that_was_asked() {
        let mut adaptive = Adaptive::new(10);
        adaptive.turned_away(0, 100, Some(2_000));
        adaptive.turned_away(0, 200, Some(500));
        assert_eq!(adaptive.closed_until_ms(), 2_100);
    }

    #[test]
    fn another_bound_holds_at_once() {
        let mut adaptive = Adaptive::new(100);
        for _ in 0..4 {
            window(&mut adaptive, 20);
        }
        adaptive.set_most(5);
        assert_eq!(adaptive.places(), 5);
        adaptive.set_most(0);
        assert_eq!(adaptive.places(), 1, "nothing at all would never end");
    }
}
