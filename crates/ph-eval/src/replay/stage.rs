//! What all parts of a replay share: the scripts of the samples under way, and what was found to differ.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::Timestamp;
use ph_model::ModelRequest;
use ph_record::event::ModelEvent;
use ph_record::{BudgetUse, RunManifest, SampleAttempt, SampleRecord, Score};
use serde_json::{Value, json};

use super::difference::{Difference, differences};
use super::script::{NextCall, SampleScript, sent};
use super::verdict::{Divergence, DivergenceKind};
use crate::budget::RecordedBudget;
use crate::generate::Stop;
use crate::sample_scope::present;
use crate::scorer::recorded::RecordedGrades;

/// Divergences that are kept with their words; the rest is counted.
const KEPT_MAX: usize = 50;
/// Places of one divergence that are shown.
const PLACES_MAX: usize = 3;

/// Shared by the model, clock, budget, task and recorder of one replay.
#[derive(Debug)]
pub(super) struct Stage {
    /// Whether the log is another program's: then requests are compared as far as it has them, and results alone.
    pub(super) is_foreign: bool,
    /// Whether only results are compared.
    pub(super) results_only: bool,
    budget: Option<BudgetUse>,
    began: Timestamp,
    ended: Option<Timestamp>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scripts: HashMap<(String, u32), SampleScript>,
    has_begun: bool,
    seen: Seen,
}

/// What a replay saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) samples: u64,
    pub(super) calls: u64,
    pub(super) divergences: Vec<Divergence>,
    pub(super) divergences_total: u64,
    /// The labels of the scorers of which an external grader's word was taken from the record.
    pub(super) graders: BTreeSet<String>,
}

impl Stage {
    pub(super) fn new(recorded: &RunManifest, (is_foreign, results_only): (bool, bool)) -> Self {
        Self {
            is_foreign,
            results_only,
            budget: recorded.budget,
            began: recorded.started_at,
            ended: recorded.completed_at,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a sample's script on.
    pub(super) fn put_on(&self, script: SampleScript) {
        let key = (script.record.sample.clone(), script.record.epoch);
        let put_off = self.state().scripts.insert(key, script);
        if let Some(script) = put_off {
            self.never_played(&script);
        }
    }

    /// The attempts before the one that is played.
    pub(super) fn earlier_attempts(&self, sample: &str, epoch: u32) -> Vec<SampleAttempt> {
        let state = self.state();
        let script = state.scripts.get(&(sample.to_owned(), epoch));
        script.map(|script| script.record.earlier_attempts.clone()).unwrap_or_default()
    }

    /// Says of every script that was put on and never played that it was not.
    pub(super) fn end(&self) {
        let scripts: Vec<SampleScript> = self.state().scripts.drain().map(|(_, script)| script).collect();
        scripts.iter().for_each(|script| self.never_played(script));
    }

    fn never_played(&self, script: &SampleScript) {
        let what = "the task as it is replayed does not ask it".to_owned();
        self.diverged(Divergence::of(&script.record, DivergenceKind::Item, what));
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    /// Writes a divergence down.
    pub(super) fn diverged(&self, divergence: Divergence) {
        let seen = &mut self.state().seen;
        seen.divergences_total += 1;
        if seen.divergences.len() < KEPT_MAX {
            seen.divergences.push(divergence);
        }
    }

    /// Does something with the script of the sample being worked on; none where there is no such script.
    fn with_present<T>(&self, what: impl FnOnce(&mut SampleScript) -> T) -> Option<T> {
        let place = present()?;
        let mut state = self.state();
        // A record holds one attempt: the one that counted.
        state.scripts.get_mut(&(place.sample.clone(), place.epoch)).map(what)
    }

    /// The next instant of the sample being worked on; outside of any, when the run began and then when it ended.
    pub(super) fn now(&self) -> Timestamp {
        if let Some(instant) = self.with_present(SampleScript::next_instant) {
            return instant;
        }
        let mut state = self.state();
        if std::mem::replace(&mut state.has_begun, true) { self.ended.unwrap_or(self.began) } else { self.began }
    }

    /// Whether the present sample's next call was answered from a cache.
    pub(super) fn is_next_recalled(&self, role: Option<&str>) -> bool {
        self.with_present(|script| script.is_next_recalled(role)).unwrap_or(false)
    }

    /// What the present sample's last call had waited, in ms.
    pub(super) fn last_waited_ms(&self) -> u64 {
        self.with_present(|script| script.last_waited_ms()).unwrap_or(0)
    }

    /// The instant that was told last.
    pub(super) fn last_instant(&self) -> Timestamp {
        self.with_present(|script| script.last_instant()).unwrap_or(self.began)
    }

    /// Whether the call that was just answered with a failure was tried again.
    pub(super) fn is_tried_again(&self, role: Option<&str>, request: &ModelRequest) -> bool {
        self.with_present(|script| script.is_tried_again(role, request)).unwrap_or(false)
    }

    /// The recorded call in whose place `request` is sent.
    pub(super) fn next_call(&self, role: Option<&str>, request: &ModelRequest) -> NextCall {
        let is_foreign = self.is_foreign;
        let step = self.with_present(|script| {
            let next = script.next_call(role);
            let divergence = match &next {
                NextCall::Call(call, number) => changed(call, request, is_foreign).map(|places| (*number, places)),
                NextCall::Missing(number) => Some((*number, Vec::new())),
                NextCall::TimeOver => None,
            };
            let divergence = divergence.map(|(number, places)| {
                let kind = if places.is_empty() { DivergenceKind::MissingReply } else { DivergenceKind::Request };
                let what = match kind {
                    DivergenceKind::Request => "the request is not the recorded one".to_owned(),
                    _ => "no reply to this call was recorded".to_owned(),
                };
                let of_call = Divergence::of(&script.record, kind, what);
                Divergence { call: Some(number), role: role.map(str::to_owned), places, ..of_call }
            });
            let is_first = !script.has_diverged;
            script.has_diverged |= divergence.is_some();
            (next, divergence.filter(|_| is_first))
        });
        let Some((next, divergence)) = step else { return NextCall::Missing(1) };
        if let Some(divergence) = divergence {
            self.diverged(divergence);
        }
        next
    }

    /// Compares a finished sample with its record.
    pub(super) fn finished(&self, replayed: &SampleRecord) {
        let script = self.state().scripts.remove(&(replayed.sample.clone(), replayed.epoch));
        let Some(script) = script else { return };
        {
            let seen = &mut self.state().seen;
            seen.samples += 1;
            seen.calls += script.calls_made();
        }
        if script.has_diverged {
            return;
        }
        let left = script.calls_left();
        if left > 0 {
            let what = format!("{left} recorded calls were not made");
            return self.diverged(Divergence::of(&script.record, DivergenceKind::UnusedReply, what));
        }
        let places = self.differences(&script.record, replayed);
        if !places.is_empty() {
            let what = "the result is not the recorded one".to_owned();
            let divergence = Divergence::of(&script.record, DivergenceKind::Result, what);
            self.diverged(Divergence { places, ..divergence });
        }
    }

    fn differences(&self, recorded: &SampleRecord, replayed: &SampleRecord) -> Vec<Difference> {
        if self.results_only {
            return differences(&results(recorded), &results(replayed), PLACES_MAX);
        }
        let whole = |record: &SampleRecord| serde_json::to_value(record).unwrap_or_default();
        let (recorded, replayed) = (whole(recorded), whole(replayed));
        if recorded == replayed {
            return Vec::new();
        }
        differences(&most_telling_first(recorded), &most_telling_first(replayed), PLACES_MAX)
    }
}

/// The budget of a replay for the calls of one role, or of the target.
#[derive(Debug)]
pub(super) struct ReplayBudget {
    pub(super) role: Option<String>,
    pub(super) stage: Arc<Stage>,
}

impl RecordedBudget for ReplayBudget {
    fn refusal(&self) -> Option<Stop> {
        self.stage.with_present(|script| script.refusal(self.role.as_deref()))?
    }

    fn used(&self) -> Option<BudgetUse> {
        self.stage.budget
    }
}

impl RecordedGrades for Stage {
    fn grade(&self, place: &[String]) -> Result<Score, String> {
        if let Some(label) = place.first() {
            self.state().seen.graders.insert(label.clone());
        }
        let grade = self.with_present(|script| script.grade(place));
        grade.unwrap_or_else(|| Err("the record has no such sample".to_owned()))
    }
}

/// In what a request differs from the recorded one; none where it does not.
fn changed(call: &ModelEvent, request: &ModelRequest, is_foreign: bool) -> Option<Vec<Difference>> {
    let recorded = sent(call);
    if recorded == *request {
        return None;
    }
    let value = |request: &ModelRequest| match is_foreign {
        true => asked(request),
        false => serde_json::to_value(request).unwrap_or_default(),
    };
    let places = differences(&value(&recorded), &value(request), PLACES_MAX);
    (!places.is_empty()).then_some(places)
}

/// What another program's log says of a request in the same way as ours: what was said by whom, and which tools there
/// were. Settings and ids of its own are left out.
fn asked(request: &ModelRequest) -> Value {
    let messages: Vec<Value> = request
        .messages
        .iter()
        .map(|message| {
            let calls: Vec<Value> =
                message.tool_calls.iter().map(|call| json!([call.function, call.arguments])).collect();
            json!({ "role": message.role, "content": message.text(), "tool_calls": calls })
        })
        .collect();
    let tools: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    json!({ "messages": messages, "tools": tools })
}

/// What is compared where the transcript cannot be the same: how it ended, how it was answered, how it was scored.
fn results(record: &SampleRecord) -> Value {
    let scores: serde_json::Map<String, Value> = record
        .scores
        .iter()
        .map(|(name, score)| {
            let value = score.value.as_number().map_or_else(|| json!(score.value), Value::from);
            (name.clone(), value)
        })
        .collect();
    json!({ "ending": record.ending.name(), "response": record.response, "scores": scores, "reply": record.reply() })
}

/// The fields in which a difference says most stand first.
fn most_telling_first(record: Value) -> Value {
    const FIRST: [&str; 7] = ["ending", "response", "scores", "output", "messages", "usage", "cost"];
    let Value::Object(mut fields) = record else { return record };
    let mut ordered = serde_json::Map::new();
    for name in FIRST {
        if let Some(value) = fields.shift_remove(name) {
            ordered.insert(name.to_owned(), value);
        }
    }
    ordered.extend(fields);
    Value::Object(ordered)
}
