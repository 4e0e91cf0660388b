//! What one recorded sample says happened: its calls in order, by role, and the instants at which the engine looked at
//! the clock. Pure: made of a record.

use std::collections::{BTreeMap, VecDeque};

use ph_base::Timestamp;
use ph_model::ModelRequest;
use ph_record::event::{KnownEvent, ModelEvent, SampleInit};
use ph_record::{Event, LimitKind, Sample, SampleRecord, Score};

use crate::budget::BUDGET_OVER;
use crate::generate::Stop;
use crate::scorer::recorded::grade_in;

/// A recorded sample, played back.
#[derive(Debug)]
pub(super) struct SampleScript {
    /// The record as it was.
    pub(super) record: SampleRecord,
    /// The calls not made again yet, by role: places in the transcript, in order.
    calls: BTreeMap<Option<String>, VecDeque<usize>>,
    /// Calls made again so far, by role.
    made: BTreeMap<Option<String>, u32>,
    /// The instants not looked at yet.
    instants: VecDeque<Timestamp>,
    /// The one looked at last.
    last_instant: Timestamp,
    /// What the calls so far waited, in ms.
    waited_ms: u64,
    /// What the last of them did.
    last_waited_ms: u64,
    /// The budget's refusals of calls of roles that were not told again yet, by role.
    refusals: BTreeMap<String, VecDeque<String>>,
    /// The span in which the call that was taken last was made.
    last_span: Option<String>,
    /// Whether something of it was found to differ already: what follows from that is not told again.
    pub(super) has_diverged: bool,
}

/// What the record has next.
#[derive(Debug, PartialEq)]
pub(super) enum NextCall {
    /// This call; its number in the sample and role, from 1.
    Call(Box<ModelEvent>, u32),
    /// None: the sample's time was over before a reply came.
    TimeOver,
    /// None. The number that the call would have had.
    Missing(u32),
}

impl SampleScript {
    pub(super) fn new(record: SampleRecord) -> Self {
        let mut calls: BTreeMap<Option<String>, VecDeque<usize>> = BTreeMap::new();
        for (at, event) in record.events.iter().enumerate() {
            if let Some(call) = call(event) {
                calls.entry(call.role.clone()).or_default().push_back(at);
            }
        }
        let instants = instants(&record);
        let last_instant = record.started_at;
        let (waited_ms, last_waited_ms) = (0, 0);
        let (made, last_span) = (BTreeMap::new(), None);
        let refusals = refusals(&record);
        let has_diverged = false;
        Self {
            record,
            calls,
            made,
            instants,
            last_instant,
            waited_ms,
            last_waited_ms,
            refusals,
            last_span,
            has_diverged,
        }
    }

    /// The item as the task gave it, before any solver: what the transcript begins with, else what the record has.
    pub(super) fn item(&self) -> Sample {
        let record = &self.record;
        let init = record.events.iter().find_map(|event| match event.kind.known() {
            Some(KnownEvent::SampleInit(init)) => Some(init.clone()),
            _ => None,
        });
        let init = init.unwrap_or_else(|| SampleInit {
            id: record.sample.clone(),
            input: record.input.clone(),
            expected: record.expected.clone(),
            choices: record.choices.clone(),
        });
        Sample {
            id: record.sample.clone(),
            input: init.input,
            expected: init.expected,
            choices: init.choices,
            metadata: record.metadata.clone(),
        }
    }

    /// The next instant; the last one again where all were looked at.
    pub(super) fn next_instant(&mut self) -> Timestamp {
        self.last_instant = self.instants.pop_front().unwrap_or(self.last_instant);
        self.last_instant
    }

    /// Takes the next call of this role.
    pub(super) fn next_call(&mut self, role: Option<&str>) -> NextCall {
        let role = role.map(str::to_owned);
        let number = self.made.get(&role).copied().unwrap_or(0) + 1;
        let place = self.calls.get_mut(&role).and_then(VecDeque::pop_front);
        match place.and_then(|at| call(&self.record.events[at]).map(|call| (at, call))) {
            Some((at, call)) => {
                let event = &self.record.events[at];
                let elapsed_ms = event.timestamp.ms_since(self.record.started_at);
                let waited_ms = elapsed_ms.saturating_sub(event.working_start_ms);
                self.last_waited_ms = waited_ms.saturating_sub(self.waited_ms);
                self.waited_ms = waited_ms;
                self.last_span.clone_from(&event.span_id);
                self.made.insert(role, number);
                NextCall::Call(Box::new(call.clone()), number)
            }
            None if self.limit().is_some_and(|(kind, ..)| kind == LimitKind::Time) => {
                // The engine looked at the clock before this call, of which nothing was written down.
                self.instants.push_front(self.last_instant);
                NextCall::TimeOver
            }
            None => NextCall::Missing(number),
        }
    }

    /// What the call that was taken last had waited, in ms.
    pub(super) fn last_waited_ms(&self) -> u64 {
        self.last_waited_ms
    }

    /// The instant looked at last.
    pub(super) fn last_instant(&self) -> Timestamp {
        self.last_instant
    }

    /// Whether the call that was taken last was one attempt of several, and not the last: the same was sent again. A later
    /// call has another seed, or where that is fixed another span.
    pub(super) fn is_tried_again(&self, role: Option<&str>, request: &ModelRequest) -> bool {
        self.next_event(role).is_some_and(|event| {
            event.span_id == self.last_span && call(event).is_some_and(|next| sent(next) == *request)
        })
    }

    /// Whether the next call of this role is one whose reply came from a cache.
    pub(super) fn is_next_recalled(&self, role: Option<&str>) -> bool {
        self.next_event(role).and_then(call).is_some_and(|call| call.cache.is_some())
    }

    /// The event of the next call of this role.
    fn next_event(&self, role: Option<&str>) -> Option<&Event> {
        let place = self.calls.get(&role.map(str::to_owned)).and_then(VecDeque::front)?;
        self.record.events.get(*place)
    }

    /// The budget's refusal of a call of this role, where the record has no such call left and says that one was refused.
    pub(super) fn refusal(&mut self, role: Option<&str>) -> Option<Stop> {
        if self.next_event(role).is_some() {
            return None;
        }
        let Some(role) = role else {
            let (limit, value, message) = self.limit()?;
            let message = message.to_owned();
            return matches!(limit, LimitKind::Cost | LimitKind::Token).then_some(Stop::Limit {
                limit,
                value,
                message,
            });
        };
        let message = self.refusals.get_mut(role)?.pop_front()?;
        // Of a role's refusal the record has the words alone, and nobody reads more.
        Some(Stop::Limit { limit: LimitKind::Cost, value: None, message })
    }

    /// What the external grader at this place said.
    pub(super) fn grade(&self, place: &[String]) -> Result<Score, String> {
        let failure = place.first().and_then(|label| self.failure_of(label));
        grade_in(&self.record, failure, place)
    }

    /// What the scorer with this label failed on.
    fn failure_of(&self, label: &str) -> Option<&str> {
        let events = &self.record.events;
        let span = events.iter().rev().find_map(|event| match event.kind.known() {
            Some(KnownEvent::SpanBegin(span)) if span.kind == "scorer" && span.name == label => Some(span.id.as_str()),
            _ => None,
        });
        let within = events.iter().find_map(|event| match event.kind.known() {
            Some(KnownEvent::Error { error }) if event.span_id.as_deref() == Some(span?) => Some(error),
            _ => None,
        });
        within.map(|error| error.message.as_str())
    }

    /// Recorded calls that were not made again yet.
    pub(super) fn calls_left(&self) -> usize {
        self.calls.values().map(VecDeque::len).sum()
    }

    /// Calls made again.
    pub(super) fn calls_made(&self) -> u64 {
        self.made.values().map(|made| u64::from(*made)).sum()
    }

    /// The limit that ended it: kind, value, message.
    fn limit(&self) -> Option<(LimitKind, Option<f64>, &str)> {
        self.record.events.iter().rev().find_map(|event| match event.kind.known() {
            Some(KnownEvent::SampleLimit { kind, limit, message }) => Some((*kind, *limit, message.as_str())),
            _ => None,
        })
    }
}

/// What was sent.
pub(super) fn sent(call: &ModelEvent) -> ModelRequest {
    ModelRequest {
        messages: call.input.clone(),
        tools: call.tools.clone(),
        tool_choice: call.tool_choice.clone(),
        config: call.config.clone(),
    }
}

/// The budget's refusals of calls of roles, in order: whoever asked failed with these words.
fn refusals(record: &SampleRecord) -> BTreeMap<String, VecDeque<String>> {
    let mut refusals: BTreeMap<String, VecDeque<String>> = BTreeMap::new();
    for event in &record.events {
        let Some(KnownEvent::Error { error }) = event.kind.known() else { continue };
        let Some(at) = error.message.find(BUDGET_OVER) else { continue };
        let (before, stop) = error.message.split_at(at);
        let role = before.strip_suffix("`: ").and_then(|before| before.rsplit_once("role `"));
        if let Some((_, role)) = role {
            refusals.entry(role.to_owned()).or_default().push_back(stop.to_owned());
        }
    }
    refusals
}

fn call(event: &Event) -> Option<&ModelEvent> {
    match event.kind.known() {
        Some(KnownEvent::Model(call)) => Some(call),
        _ => None,
    }
}

/// The instants at which the engine looked at the clock, in order: as the sample began, at every event (at a call or
/// a tool twice, when it began and when it ended), and as the sample ended.
fn instants(record: &SampleRecord) -> VecDeque<Timestamp> {
    let of_event = |event: &Event| {
        let ended = match event.kind.known() {
            Some(KnownEvent::Model(call)) => Some(call.completed),
            Some(KnownEvent::Tool(tool)) => Some(tool.completed),
            _ => None,
        };
        std::iter::once(event.timestamp).chain(ended).collect::<Vec<_>>()
    };
    let events = record.events.iter().flat_map(of_event);
    std::iter::once(record.started_at).chain(events).chain([record.completed_at]).collect()
}
