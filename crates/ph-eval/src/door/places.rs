//! The places of a target: so many calls may be under way at once, and runs take turns.
//!
//! A call that finds no place waits in its run's queue; a place that becomes free goes to the next run in turn, whatever
//! the length of its queue, so that a large task does not starve a small one. Within a run the first to ask is the first
//! to be served.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::RunId;
use tokio::sync::oneshot;

use super::adaptive::Adaptive;

/// How many places there are.
#[derive(Debug)]
pub(super) enum Capacity {
    Fixed(usize),
    Adaptive(Adaptive),
}

impl Capacity {
    pub(super) fn new(connections: u32, adaptive: bool) -> Self {
        if adaptive {
            Capacity::Adaptive(Adaptive::new(connections))
        } else {
            Capacity::Fixed(connections.max(1) as usize)
        }
    }

    fn places(&self) -> usize {
        match self {
            Capacity::Fixed(places) => *places,
            Capacity::Adaptive(adaptive) => adaptive.places(),
        }
    }
}

/// The places of one target.
#[derive(Debug)]
pub(super) struct Places {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    capacity: Capacity,
    in_use: usize,
    /// The runs that wait, next in turn first.
    waiting: VecDeque<(RunId, VecDeque<oneshot::Sender<Place>>)>,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Option<Arc<Places>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = self.places.take() {
            places.state().in_use -= 1;
            places.give();
        }
    }
}

impl Places {
    pub(super) fn new(capacity: Capacity) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { capacity, in_use: 0, waiting: VecDeque::new() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    pub(super) async fn take(self: &Arc<Self>, run: RunId) -> Place {
        let waiting = {
            let mut state = self.state();
            if state.waiting.is_empty() && state.in_use < state.capacity.places() {
                state.take();
                return Place { places: Some(self.clone()) };
            }
            let (place, waiting) = oneshot::channel();
            state.enqueue(run, place);
            waiting
        };
        match waiting.await {
            Ok(place) => place,
            // The queue is never emptied without an answer; were it so, the call would go on without counting.
            Err(_) => Place { places: None },
        }
    }

    /// Gives free places to those who wait.
    fn give(self: &Arc<Self>) {
        loop {
            let Some(waiter) = self.state().next_waiter() else { return };
            if let Err(mut place) = waiter.send(Place { places: Some(self.clone()) }) {
                // Nobody waits there any more: the place is still to be given.
                place.places = None;
                self.state().in_use -= 1;
            }
        }
    }

    /// Tells the capacity what happened; with a fixed one nothing.
    pub(super) fn learn(self: &Arc<Self>, what: impl FnOnce(&mut Adaptive)) {
        if let Capacity::Adaptive(adaptive) = &mut self.state().capacity {
            what(adaptive);
        }
        self.give();
    }

    /// Another number of places: those in use stay in use.
    pub(super) fn set(self: &Arc<Self>, connections: u32, adaptive: bool) {
        {
            let mut state = self.state();
            match &mut state.capacity {
                Capacity::Adaptive(known) if adaptive => known.set_most(connections),
                other => *other = Capacity::new(connections, adaptive),
            }
        }
        self.give();
    }

    /// The number of places, and of those in use.
    pub(super) fn count(&self) -> (usize, usize) {
        let state = self.state();
        (state.capacity.places(), state.in_use)
    }

    /// The instant until which nothing may be sent.
    pub(super) fn closed_until_ms(&self) -> u64 {
        match &self.state().capacity {
            Capacity::Fixed(_) => 0,
            Capacity::Adaptive(adaptive) => adaptive.closed_until_ms(),
        }
    }
}

impl State {
    fn take(&mut self) {
        self.in_use += 1;
        let in_use = self.in_use;
        if let Capacity::Adaptive(adaptive) = &mut self.capacity {
            adaptive.sent(in_use);
        }
    }

    fn enqueue(&mut self, run: RunId, place: oneshot::Sender<Place>) {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == run) {
            Some((_, queue)) => queue.push_back(place),
            None => self.waiting.push_back((run, VecDeque::from([place]))),
        }
    }

    /// The waiter that is next in turn, with a place counted as in use for it.
    fn next_waiter(&mut self) -> Option<oneshot::Sender<Place>> {
        if self.in_use >= self.capacity.places() {
            return None;
        }
        let (run, mut queue) = self.waiting.pop_front()?;
        let waiter = queue.pop_front();
        if !queue.is_empty() {
            self.waiting.push_back((run, queue));
        }
        self.take();
        waiter
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "every task is waited for")]
mod tests {
    use ph_base::Timestamp;

    use super::*;

    fn run(number: u8) -> RunId {
        RunId::new(Timestamp(1), [number; 10])
    }

    #[tokio::test]
    async fn no_more_than_the_places_are_in_use_and_runs_take_turns() {
        let places = Places::new(Capacity::new(1, false));
        let held = places.take(run(0)).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (number, calls) in [(1, 4), (2, 2)] {
            for _ in 0..calls {
                let (places, order) = (places.clone(), order.clone());
                tasks.push(tokio::spawn(async move {
                    let _place = places.take(run(number)).await;
                    assert_eq!(places.count(), (1, 1));
                    order.lock().unwrap().push(number);
                }));
                tokio::task::yield_now().await;
            }
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [1, 2, 1, 2, 1, 1]);
        assert_eq!(places.count(), (1, 0));
    }

    #[tokio::test]
    async fn a_place_whose_waiter_went_away_is_given_to_the_next() {
        let places = Places::new(Capacity::new(1, false));
        let held = places.take(run(0)).await;
        let gone = tokio::spawn({
            let places = places.clone();
            async move { places.take(run(1)).await }
        });
        tokio::task::yield_now().await;
        let next = tokio::spawn({
            let places = places.clone();
            async move { drop(places.take(run(2)).await) }
        });
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        drop(held);
        next.await.unwrap();
        assert_eq!(places.count(), (1, 0));
    }

    #[tokio::test]
    async fn more_places_are_given_out_at_once_and_fewer_are_waited_for() {
        let places = Places::new(Capacity::new(1, false));
        let first = places.take(run(0)).await;
        let second = tokio::spawn({
            let places = places.clone();
            async move { places.take(run(0)).await }
        });
        tokio::task::yield_now().await;
        places.set(2, false);
        let second = second.await.unwrap();
        assert_eq!(places.count(), (2, 2));
        places.set(1, false);
        drop(first);
        let third = tokio::spawn({
            let places = places.clone();
            async move { drop(places.take(run(0)).await) }
        });
        tokio::task::yield_now().await;
        assert!(!third.is_finished(), "one is still in use");
        drop(second);
        third.await.unwrap();
    }
}
