//! The door to a target: everything that stands between a sample's call and the attempts that it becomes.
//!
//! Places (how many calls are under way at once, fixed or found out), requests and tokens a minute, `Retry-After`, and
//! another attempt where one failed in a way that another may not. All runs on a target share its door. Nothing below
//! it retries, and nothing of what it does is hidden: a reply, or the last error, tells the attempts before it and
//! the time that the call waited.

mod adaptive;
mod places;
mod rate;
mod retry;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ph_base::{Clock, Digest, RunId, Timestamp};
use ph_model::{
    CompletionApi, EarlierAttempts, FailedAttempt, ModelApi, ModelError, ModelReply, ModelRequest, OutputSink,
    Recalled, TargetName,
};
use ph_record::{RetryLimits, RunLimits};
use tokio::time::Instant;

pub use self::adaptive::Adaptive;
pub use self::rate::Rate;
pub use self::retry::RetryPolicy;

use self::places::{Capacity, Place, Places};
use self::retry::Attempts;
use crate::budget::input_tokens_estimate;
use crate::sample_scope;

/// The door to one target.
pub struct Door {
    model: Arc<dyn ModelApi>,
    clock: Arc<dyn Clock>,
    policy: RetryPolicy,
    /// Whether it only counts: nothing else of it is then to be seen.
    is_plain: bool,
    places: Arc<Places>,
    limits: Mutex<Limits>,
    opened: Instant,
    retries: AtomicU64,
    /// Failures so far, which spread the waits.
    failures: AtomicU64,
}

#[derive(Debug)]
struct Limits {
    now: RunLimits,
    requests: Option<Rate>,
    tokens: Option<Rate>,
    /// The most output tokens that a reply had: the estimate for a call without `max_tokens`.
    output_tokens_max: u64,
}

/// What a door is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorState {
    /// How many calls may be under way at present.
    pub places: usize,
    /// How many are.
    pub under_way: usize,
    /// Attempts that were made again so far.
    pub retries: u64,
}

impl Door {
    /// A door with these limits.
    #[must_use]
    pub fn new(model: Arc<dyn ModelApi>, limits: RunLimits, policy: RetryPolicy, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self::make(model, limits, policy, clock))
    }

    fn make(model: Arc<dyn ModelApi>, limits: RunLimits, policy: RetryPolicy, clock: Arc<dyn Clock>) -> Self {
        let places = Places::new(Capacity::new(limits.connections, limits.adaptive));
        let limits = Limits {
            now: limits,
            requests: limits.requests_per_minute.map(Rate::new),
            tokens: limits.tokens_per_minute.map(Rate::new),
            output_tokens_max: 0,
        };
        Self {
            model,
            clock,
            policy,
            is_plain: false,
            places,
            limits: Mutex::new(limits),
            opened: Instant::now(),
            retries: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// A door that only counts: so many calls at once, every attempt the only one.
    #[must_use]
    pub fn plain(model: Arc<dyn ModelApi>, connections: u32, clock: Arc<dyn Clock>) -> Arc<Self> {
        let door = Self::make(model, RunLimits::connections(connections), RetryPolicy::never(), clock);
        Arc::new(Self { is_plain: true, ..door })
    }

    /// The target behind it.
    #[must_use]
    pub fn model(&self) -> &Arc<dyn ModelApi> {
        &self.model
    }

    /// The target as one run sees it: through the door.
    #[must_use]
    pub fn enter(self: &Arc<Self>, run: RunId) -> Arc<dyn ModelApi> {
        Arc::new(Entrance { door: self.clone(), run })
    }

    /// The limits at present.
    #[must_use]
    pub fn limits(&self) -> RunLimits {
        self.state().now
    }

    /// When it tries a failed call again.
    #[must_use]
    pub fn retries(&self) -> RetryLimits {
        RetryLimits { most: self.policy.retries_max, seconds: self.policy.time_max.as_secs() }
    }

    /// Other limits from here on, for every run on the target.
    pub fn set_limits(&self, limits: RunLimits) {
        let set = |rate: &mut Option<Rate>, per_minute: Option<u64>| match (rate.as_mut(), per_minute) {
            (Some(rate), Some(per_minute)) => rate.set(per_minute),
            _ => *rate = per_minute.map(Rate::new),
        };
        let mut state = self.state();
        set(&mut state.requests, limits.requests_per_minute);
        set(&mut state.tokens, limits.tokens_per_minute);
        state.now = limits;
        drop(state);
        self.places.set(limits.connections, limits.adaptive);
    }

    /// What it is doing.
    #[must_use]
    pub fn look(&self) -> DoorState {
        let (places, under_way) = self.places.count();
        DoorState { places, under_way, retries: self.retries.load(Ordering::Relaxed) }
    }

    fn state(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        ms(self.opened.elapsed())
    }

    /// Waits until a call may be sent; holds a place for it.
    async fn wait(&self, run: RunId, tokens: u64) -> Place {
        let _waiting = sample_scope::wait_begins();
        let place = self.places.take(run).await;
        let mut share = self.take_share(tokens);
        if share.wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(share.wait_ms)).await;
        }
        loop {
            let left_ms = self.places.closed_until_ms().saturating_sub(self.now_ms());
            if left_ms == 0 {
                share.is_used = true;
                return place;
            }
            tokio::time::sleep(Duration::from_millis(left_ms)).await;
        }
    }

    /// Takes a call's share of the rates.
    fn take_share(&self, tokens: u64) -> Share<'_> {
        let now_ms = self.now_ms();
        let mut state = self.state();
        let requests = state.requests.as_mut().map_or(0, |rate| rate.take(1, now_ms));
        let wait_ms = requests.max(state.tokens.as_mut().map_or(0, |rate| rate.take(tokens, now_ms)));
        drop(state);
        Share { door: self, tokens, wait_ms, is_used: false }
    }

    fn tokens_estimate(&self, request: &ModelRequest) -> u64 {
        let state = self.state();
        if state.tokens.is_none() {
            return 0;
        }
        let output = request.config.max_tokens.map_or(state.output_tokens_max, u64::from);
        input_tokens_estimate(request).saturating_add(output)
    }

    /// Learns from an attempt that began at `began_ms`.
    fn learn(&self, result: &Result<ModelReply, ModelError>, began_ms: u64, tokens: u64) {
        let now_ms = self.now_ms();
        match result {
            Ok(reply) => {
                let usage = reply.output.usage.unwrap_or_default();
                self.places.learn(|adaptive| adaptive.replied(now_ms - began_ms, usage.output_tokens));
                let mut state = self.state();
                state.output_tokens_max = state.output_tokens_max.max(usage.output_tokens);
                if let Some(rate) = &mut state.tokens
                    && reply.output.usage.is_some()
                {
                    rate.correct(tokens, usage.total_tokens());
                }
            }
            Err(error) if error.kind.is_turned_away() => {
                // No call waits longer than it may take in all, so no longer is the door closed.
                let longest_ms = ms(self.policy.time_max);
                let retry_after_ms = error.retry_after_ms.map(|asked_ms| asked_ms.min(longest_ms));
                self.places.learn(|adaptive| adaptive.turned_away(began_ms, now_ms, retry_after_ms));
            }
            Err(_) => {}
        }
    }

    /// A number from 0 to 1, far from the last ones: the multiples of the golden ratio.
    fn spread(&self) -> f64 {
        let number = self.failures.fetch_add(1, Ordering::Relaxed);
        (number as f64 * 0.618_033_988_749_894_9).fract()
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A call's share of the rates; given back where the call is dropped before it is sent.
struct Share<'a> {
    door: &'a Door,
    tokens: u64,
    wait_ms: u64,
    is_used: bool,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if self.is_used {
            return;
        }
        let mut state = self.door.state();
        if let Some(rate) = &mut state.requests {
            rate.correct(1, 0);
        }
        if let Some(rate) = &mut state.tokens {
            rate.correct(self.tokens, 0);
        }
    }
}

/// A target as one run sees it.
struct Entrance {
    door: Arc<Door>,
    run: RunId,
}

/// What a call has gone through.
struct Call {
    began: Instant,
    worked: Duration,
    failed: Vec<FailedAttempt>,
    attempts: Attempts,
}

impl Call {
    fn earlier(self, last_began: Timestamp) -> EarlierAttempts {
        let waited_ms = ms(self.began.elapsed().saturating_sub(self.worked));
        EarlierAttempts { failed: self.failed, waited_ms, last_began: Some(last_began) }
    }
}

#[async_trait]
impl ModelApi for Entrance {
    fn target(&self) -> &TargetName {
        self.door.model.target()
    }

    fn fingerprint(&self) -> Option<Digest> {
        self.door.model.fingerprint()
    }

    fn context_tokens(&self) -> Option<u64> {
        self.door.model.context_tokens()
    }

    fn takes_seed(&self) -> bool {
        self.door.model.takes_seed()
    }

    fn completion(&self) -> Option<&dyn CompletionApi> {
        self.door.model.completion()
    }

    fn address(&self) -> Option<String> {
        self.door.model.address()
    }

    /// What a cache behind the door has needs no place.
    async fn recall(&self, request: &ModelRequest) -> Option<Recalled> {
        self.door.model.recall(request).await
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        let door = &self.door;
        if door.is_plain {
            let waiting = sample_scope::wait_begins();
            let _place = door.places.take(self.run).await;
            drop(waiting);
            return door.model.generate(request).await;
        }
        let mut call =
            Call { began: Instant::now(), worked: Duration::ZERO, failed: Vec::new(), attempts: Attempts::default() };
        loop {
            let tokens = door.tokens_estimate(request);
            let place = door.wait(self.run, tokens).await;
            let (began_ms, began, work) = (door.now_ms(), door.clock.now(), Instant::now());
            let result = door.model.generate(request).await;
            call.worked += work.elapsed();
            door.learn(&result, began_ms, tokens);
            drop(place);
            let mut error = match result {
                Ok(mut reply) => {
                    reply.earlier = call.earlier(began);
                    return Ok(reply);
                }
                Err(error) => error,
            };
            let spread = door.spread();
            let Some(wait) = call.attempts.next(&door.policy, &error, (call.began.elapsed(), spread)) else {
                error.earlier = Box::new(call.earlier(began));
                return Err(error);
            };
            door.retries.fetch_add(1, Ordering::Relaxed);
            call.failed.push(FailedAttempt { began, ended: door.clock.now(), error });
            let _waiting = sample_scope::wait_begins();
            tokio::time::sleep(wait).await;
        }
    }

    /// One attempt: what was handed to the sink cannot be taken back.
    async fn stream(&self, request: &ModelRequest, sink: &mut dyn OutputSink) -> Result<ModelReply, ModelError> {
        let tokens = self.door.tokens_estimate(request);
        let place = self.door.wait(self.run, tokens).await;
        let began_ms = self.door.now_ms();
        let result = self.door.model.stream(request, sink).await;
        self.door.learn(&result, began_ms, tokens);
        drop(place);
        result
    }
}

#[cfg(test)]
mod tests;
