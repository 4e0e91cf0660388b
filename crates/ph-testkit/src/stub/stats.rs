//! What the stub counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::call::Dialect;
use super::fault::Fault;

/// Counts since the start, or since the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests of any kind, but for `/stats` and `/reset`.
    pub requests: u64,
    /// Calls of a model, by dialect.
    pub dialects: BTreeMap<Dialect, u64>,
    /// Calls that asked for a stream.
    pub streams: u64,
    /// Replies by status; 0 where the connection ended before one was sent.
    pub statuses: BTreeMap<u16, u64>,
    /// Calls by the fault they met.
    pub faults: BTreeMap<Fault, u64>,
    /// Calls whose dialect, model and conversation were seen before.
    pub duplicates: u64,
    /// Calls whose body was seen before, byte for byte.
    pub duplicate_bodies: u64,
    /// Calls whose client went away before the reply's end, where no fault ended it.
    pub abandoned: u64,
    /// Calls being answered now.
    pub in_flight: u64,
    /// The most calls that were being answered at once.
    pub in_flight_max: u64,
    /// Connections taken.
    pub connections: u64,
}

impl Stats {
    /// As `/stats` writes them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let dialects: BTreeMap<_, _> = self.dialects.iter().map(|(dialect, count)| (dialect.name(), count)).collect();
        let faults: BTreeMap<_, _> = self.faults.iter().map(|(fault, count)| (fault.name(), count)).collect();
        let statuses: BTreeMap<_, _> =
            self.statuses.iter().map(|(status, count)| (status.to_string(), count)).collect();
        json!({
            "requests": self.requests, "dialects": dialects, "streams": self.streams, "statuses": statuses,
            "faults": faults, "duplicates": self.duplicates, "duplicate_bodies": self.duplicate_bodies,
            "abandoned": self.abandoned, "in_flight": self.in_flight, "in_flight_max": self.in_flight_max,
            "connections": self.connections,
        })
    }
}

/// The counts and what they are counted by: grows with the number of different prompts.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) stats: Stats,
    prompts: HashMap<u128, u32>,
    bodies: HashSet<u128>,
}

impl Counter {
    /// Counts a call; returns how often its prompt was seen before.
    pub(super) fn call(&mut self, dialect: Dialect, stream: bool, (prompt, body): (u128, u128)) -> u32 {
        *self.stats.dialects.entry(dialect).or_default() += 1;
        self.stats.streams += u64::from(stream);
        let seen = self.prompts.entry(prompt).or_default();
        let before = *seen;
        *seen = seen.saturating_add(1);
        self.stats.duplicates += u64::from(before > 0);
        self.stats.duplicate_bodies += u64::from(!self.bodies.insert(body));
        before
    }

    pub(super) fn status(&mut self, status: u16) {
        *self.stats.statuses.entry(status).or_default() += 1;
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        *self.stats.faults.entry(fault).or_default() += 1;
    }

    pub(super) fn begun(&mut self) {
        self.stats.in_flight += 1;
        self.stats.in_flight_max = self.stats.in_flight_max.max(self.stats.in_flight);
    }

    pub(super) fn ended(&mut self) {
        self.stats.in_flight = self.stats.in_flight.saturating_sub(1);
    }

    /// Forgets everything but the calls that are being answered.
    pub(super) fn reset(&mut self) {
        let in_flight = self.stats.in_flight;
        *self = Self::default();
        self.stats.in_flight = in_flight;
        self.stats.in_flight_max = in_flight;
    }
}
