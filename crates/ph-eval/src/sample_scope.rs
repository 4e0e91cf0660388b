//! Which sample is being worked on: what no request says, and what a cache, a replay and its clock must know.
//!
//! The engine works on every attempt of a sample [`within`] its place. Whoever stands between a sample and its target
//! asks for the [`present`] one; outside of any sample there is none.

use std::future::Future;
use std::sync::Arc;

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
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// Does `work` as work on the sample at `place`.
pub async fn within<W: Future>(place: SamplePlace, work: W) -> W::Output {
    SCOPE.scope(Scope { place: Arc::new(place), time_over: CancellationToken::new() }, work).await
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
