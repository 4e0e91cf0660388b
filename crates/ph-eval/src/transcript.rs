//! Collects a sample's events in a tree of spans, in the order in which they happened.
//!
//! Its instants never go back, whatever the clock does: where that is set back they stand still until it has caught up.

use std::sync::Arc;

use ph_base::{Clock, Timestamp};
use ph_record::Event;
use ph_record::event::{KnownEvent, SpanBegin};

/// The events of one sample so far.
pub struct Transcript {
    clock: Arc<dyn Clock>,
    started_at: Timestamp,
    /// The latest instant that was told.
    latest: Timestamp,
    events: Vec<Event>,
    open: Vec<String>,
    spans: u32,
    waited_ms: u64,
}

impl Transcript {
    /// An empty transcript that begins now.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let started_at = clock.now();
        Self { clock, started_at, latest: started_at, events: Vec::new(), open: Vec::new(), spans: 0, waited_ms: 0 }
    }

    /// A transcript that goes on after these events of an earlier one. Its spans are named so that they do not meet those.
    #[must_use]
    pub fn going_on(clock: Arc<dyn Clock>, events: Vec<Event>) -> Self {
        let spans = u32::try_from(events.len()).unwrap_or(u32::MAX / 2);
        Self { events, spans, ..Self::new(clock) }
    }

    /// When the sample began.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The present instant, not before any that was told.
    pub fn now(&mut self) -> Timestamp {
        self.latest = self.latest.max(self.clock.now());
        self.latest
    }

    /// The same, and not before `instant` either, which another clock told.
    pub fn now_after(&mut self, instant: Timestamp) -> Timestamp {
        self.latest = self.latest.max(instant);
        self.now()
    }

    /// Begins a span inside the present one.
    pub fn begin(&mut self, kind: &str, name: &str) {
        self.spans += 1;
        let id = format!("span-{}", self.spans);
        let parent_id = self.open.last().cloned();
        self.open.push(id.clone());
        self.add(KnownEvent::SpanBegin(SpanBegin { id, parent_id, kind: kind.to_owned(), name: name.to_owned() }));
    }

    /// Ends the present span.
    pub fn end(&mut self) {
        if let Some(id) = self.open.last().cloned() {
            self.add(KnownEvent::SpanEnd { id });
            self.open.pop();
        }
    }

    /// How many spans are open; see [`Self::end_down_to`].
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Ends spans until only `depth` are open: what a step left open when it failed.
    pub fn end_down_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            self.end();
        }
    }

    /// The sample waited so long for a place or a time to come back at: that was not work.
    pub fn waited(&mut self, ms: u64) {
        self.waited_ms = self.waited_ms.saturating_add(ms);
    }

    /// Adds what happened just now.
    pub fn add(&mut self, event: KnownEvent) {
        let now = self.now();
        self.add_at(now, event);
    }

    /// Adds what happened (began, for a call) at `timestamp`.
    pub fn add_at(&mut self, timestamp: Timestamp, event: KnownEvent) {
        let elapsed_ms = timestamp.ms_since(self.started_at);
        // By a clock that was set back it may have waited for longer than it was there.
        self.waited_ms = self.waited_ms.min(elapsed_ms);
        self.events.push(Event {
            sequence: u32::try_from(self.events.len()).unwrap_or(u32::MAX),
            span_id: self.open.last().cloned(),
            timestamp,
            working_start_ms: elapsed_ms - self.waited_ms,
            kind: event.into(),
        });
    }

    /// All events.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }
}
