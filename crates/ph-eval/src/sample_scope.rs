//! Which sample is being worked on: what no request says, and what a cache, a replay and its clock must know.
//!
//! The engine works on every attempt of a sample [`within`] its place. Whoever stands between a sample and its target
//! asks for the [`present`] one; outside of any sample there is none.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One attempt at one item at one epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SamplePlace {
    /// The item's id.
    pub sample: String,
    /// The epoch, from 1.
    pub epoch: u32,
    /// The attempt, from 1.
    pub attempt: u32,
}

struct Scope {
    place: Arc<SamplePlace>,
    time_over: CancellationToken,
    waiting: Arc<Waiting>,
}

/// The time that a sample waits for its turn.
#[derive(Debug, Default)]
struct Waiting {
    state: Mutex<WaitingState>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct WaitingState {
    /// How many waits are under way, and since when there are any.
    under_way: u32,
    since: Option<Instant>,
    /// All waits that have ended.
    ended: Duration,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, WaitingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it was waited up to `now`, and whether it still is.
    fn up_to(&self, now: Instant) -> (Duration, bool) {
        let state = self.state();
        let present = state.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        (state.ended + present, state.since.is_some())
    }
}

/// While this lives the present sample waits for its turn, which is no part of its own time.
#[derive(Debug)]
pub(crate) struct WaitGuard(Option<Arc<Waiting>>);

impl Drop for WaitGuard {
    fn drop(&mut self) {
        let Some(waiting) = self.0.take() else { return };
        let mut state = waiting.state();
        state.under_way -= 1;
        if state.under_way == 0
            && let Some(since) = state.since.take()
        {
            state.ended += since.elapsed();
        }
        drop(state);
        waiting.ended.notify_waiters();
    }
}

/// The present sample waits from here on, until the guard is dropped.
pub(crate) fn wait_begins() -> WaitGuard {
    let waiting = SCOPE.try_with(|scope| Arc::clone(&scope.waiting)).ok();
    if let Some(waiting) = &waiting {
        let mut state = waiting.state();
        state.under_way += 1;
        state.since.get_or_insert_with(Instant::now);
    }
    WaitGuard(waiting)
}

/// Until the present sample has had `limit` of its own time, without what it waited.
pub(crate) async fn own_time_over(limit: Duration) {
    let waiting = SCOPE.try_with(|scope| Arc::clone(&scope.waiting)).unwrap_or_default();
    let begun = Instant::now();
    loop {
        let mut ended = std::pin::pin!(waiting.ended.notified());
        // Listening before looking, so that no end of a wait in between is missed.
        ended.as_mut().enable();
        let now = Instant::now();
        let (waited, is_waiting) = waiting.up_to(now);
        // A limit beyond what an instant can be is never reached.
        let Some(end) = begun.checked_add(limit).and_then(|end| end.checked_add(waited)) else {
            return std::future::pending().await;
        };
        match (end <= now, is_waiting) {
            (true, false) => return,
            (true, true) => ended.await,
            (false, _) => tokio::time::sleep_until(end).await,
        }
    }
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// Does `work` as work on the sample at `place`.
pub async fn within<W: Future>(place: SamplePlace, work: W) -> W::Output {
    let (place, time_over, waiting) = (Arc::new(place), CancellationToken::new(), Arc::default());
    SCOPE.scope(Scope { place, time_over, waiting }, work).await
}

/// The sample that is being worked on; none outside of one.
#[must_use]
pub fn present() -> Option<Arc<SamplePlace>> {
    SCOPE.try_with(|scope| Arc::clone(&scope.place)).ok()
}

/// Says that the present sample's time is over: a replay, which does not wait for it.
pub(crate) fn end_time() {
    let _ = SCOPE.try_with(|scope| scope.time_over.cancel());
}

/// Until somebody says that the present sample's time is over; outside of one forever.
pub(crate) async fn time_is_over() {
    match SCOPE.try_with(|scope| scope.time_over.clone()) {
        Ok(time_over) => time_over.cancelled().await,
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_is_no_part_of_a_sample_s_own_time() {
        let place = SamplePlace { sample: "a".to_owned(), epoch: 1, attempt: 1 };
        let begun = Instant::now();
        let work = async {
            for _ in 0..3 {
                let wait = wait_begins();
                tokio::time::sleep(Duration::from_secs(100)).await;
                drop(wait);
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        };
        within(place.clone(), async {
            tokio::select! {
                () = work => panic!("9 s of its own time are more than 7"),
                () = own_time_over(Duration::from_secs(7)) => {}
            }
        })
        .await;
        assert_eq!(begun.elapsed().as_secs(), 307);
        let _outside = wait_begins();
        within(place, own_time_over(Duration::from_secs(7))).await;
        assert_eq!(begun.elapsed().as_secs(), 314, "whoever waits elsewhere does not count");
    }

    #[tokio::test]
    async fn a_place_holds_within_its_work_and_nowhere_else() {
        let place = |sample: &str| SamplePlace { sample: sample.to_owned(), epoch: 2, attempt: 1 };
        let work = async |sample: &str| {
            tokio::task::yield_now().await;
            present().map(|present| present.sample == sample)
        };
        let (a, b) = tokio::join!(within(place("a"), work("a")), within(place("b"), work("b")));
        assert_eq!((a, b, present()), (Some(true), Some(true), None));
        let ended = within(place("a"), async {
            end_time();
            time_is_over().await;
            true
        });
        assert!(ended.await);
    }
}
