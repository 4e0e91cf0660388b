//! One sample: our record as Inspect's `EvalSample`, and an `EvalSample` of any log as our record.

use std::collections::BTreeMap;

use ph_base::{RunId, Timestamp};
use ph_model::nesting::flatten;
use ph_record::{Ending, RecordedError, Response, RoleUse, SampleId, SampleRecord, Score, event::KnownEvent};
use serde_json::{Map, Value, json};

use crate::condense::{GROWTH_BYTES_MAX, Pools, expand};
use crate::core::{KEY, RECORD_LEVELS_MAX, core, record_of};
use crate::event::{
    SAMPLE, eval_error, eval_error_in, event, event_in, event_whole, expected_in, id_in, input, input_in, limit_kind_in,
};
use crate::message::{message, messages_in, output, output_in};
use crate::names::log_id;
use crate::numbers::{number, number_in, written};
use crate::old_shape::renew;
use crate::score::{score, score_in};
use crate::shape::{instant, instant_in, model_usage, own_usage, role_usage, usage_in};

/// Where an item's own metadata of the name that we use is kept.
const OWN_METADATA: &str = "item_metadata";

/// The document of a sample's entry. What in it is nested deeper than readers of JSON go becomes the text of its JSON.
///
/// # Errors
/// [`serde_json::Error`] where a value cannot be written.
pub fn sample_json(record: &SampleRecord, target: &str) -> serde_json::Result<Vec<u8>> {
    let mut sample = Value::Object(sample(record, target)?);
    flatten(&mut sample, RECORD_LEVELS_MAX);
    written(&sample)
}

fn sample(record: &SampleRecord, target: &str) -> serde_json::Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("id", log_id(&record.sample).into());
    set("epoch", record.epoch.into());
    set("input", input(&record.input));
    if !record.choices.is_empty() {
        set("choices", json!(record.choices));
    }
    set("target", json!(record.expected));
    set("messages", record.messages.iter().map(message).collect());
    if let Some(reply) = &record.output {
        set("output", output(reply));
    }
    set("scores", Value::Object(record.scores.iter().map(|(name, one)| (name.clone(), score(one))).collect()));
    set("metadata", metadata(record)?);
    set("store", json!({}));
    let mut pools = Pools::default();
    let mut events: Vec<Value> = record.events.iter().map(|one| event(one, &mut pools)).collect();
    let mut last = sample_event(record);
    pools.condense(&mut last);
    events.push(last);
    set("events", Value::Array(events));
    set("model_usage", model_usage(target, &record.usage, &record.roles));
    if !record.roles.is_empty() {
        set("role_usage", role_usage(&record.roles));
    }
    set("started_at", instant(record.started_at).into());
    set("completed_at", instant(record.completed_at).into());
    let seconds = record.completed_at.ms_since(record.started_at) as f64 / 1000.0;
    set("total_time", seconds.into());
    set("working_time", seconds.into());
    set("uuid", uuid(record).into());
    if let Some(error) = record.ending.error() {
        set("error", eval_error(error));
    }
    if let Ending::Limit { limit, value } = &record.ending {
        set("limit", limit_json(*limit, *value));
    }
    fields.iter_mut().filter(|(name, _)| *name != "events").for_each(|(_, value)| pools.escape(value));
    let (attachments, data) = pools.finish();
    fields.insert("attachments".to_owned(), attachments);
    fields.insert("events_data".to_owned(), data);
    Ok(fields)
}

fn limit_json(limit: ph_record::LimitKind, value: Option<f64>) -> Value {
    json!({ "type": limit, "limit": number(value.unwrap_or(0.0)) })
}

/// 22 characters, as long as Inspect's own.
pub(crate) fn uuid(record: &SampleRecord) -> String {
    let id = record.id.to_string();
    id.chars().skip("sha256:".len()).take(22).collect()
}

fn metadata(record: &SampleRecord) -> serde_json::Result<Value> {
    let mut metadata = record.metadata.clone();
    let mut core = core(record)?;
    if let Some(own) = metadata.shift_remove(KEY) {
        core.insert(OWN_METADATA.to_owned(), own);
    }
    metadata.insert(KEY.to_owned(), Value::Object(core));
    Ok(Value::Object(metadata))
}

/// The event at the end that says, also to who does not know our metadata, how the sample ended.
fn sample_event(record: &SampleRecord) -> Value {
    json!({
        "event": "info",
        "uuid": format!("event-{}", record.events.len()),
        "timestamp": instant(record.completed_at),
        "working_start": record.completed_at.ms_since(record.started_at) as f64 / 1000.0,
        "source": SAMPLE,
        "data": { "ending": record.ending, "response": record.response, "labels": record.labels },
    })
}

/// What a sample of a log does not say itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleContext {
    /// The run that it becomes a part of.
    pub run: RunId,
    /// The task's name.
    pub task: String,
}

/// The record of an `EvalSample`. Attachments and pooled messages are put in their places; kinds of event that we do not
/// know are kept as they came.
///
/// # Errors
/// What is wrong, in words, where it has no usable id or epoch or refers to what it does not have.
pub fn sample_in(sample: Value, context: &SampleContext) -> Result<SampleRecord, String> {
    let Value::Object(mut fields) = sample else { return Err("it is not an object".to_owned()) };
    renew(&mut fields);
    expand(&mut fields, GROWTH_BYTES_MAX)?;
    let mut metadata = match fields.shift_remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    let mut core = metadata.shift_remove(KEY);
    let own = core.as_mut().and_then(Value::as_object_mut).and_then(|core| core.shift_remove(OWN_METADATA));
    if let Some(own) = own {
        metadata.insert(KEY.to_owned(), own);
    }
    let events = events_in(fields.get("events"));
    let known = core.as_ref().and_then(record_of);
    let mut record = match known {
        Some(record) => record,
        None => foreign(&fields, &events, context)?,
    };
    if record.run != context.run {
        record.run = context.run;
        record.id = SampleId::of(&context.run, &context.task, &record.sample, (record.epoch, record.attempt));
    }
    record.task.clone_from(&context.task);
    record.input = input_in(fields.get("input"));
    record.expected = expected_in(fields.get("target"));
    record.choices = strings_in(fields.get("choices"));
    record.metadata = metadata;
    record.messages = messages_in(fields.get("messages"));
    record.output = fields.get("output").and_then(output_in);
    record.scores = scores_in(fields.get("scores"));
    record.events = events;
    Ok(record)
}

fn strings_in(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// The scores of a sample by scorer.
pub(crate) fn scores_in(value: Option<&Value>) -> BTreeMap<String, Score> {
    let scores = value.and_then(Value::as_object).into_iter().flatten();
    scores.filter_map(|(name, one)| Some((name.clone(), score_in(one)?))).collect()
}

fn events_in(value: Option<&Value>) -> Vec<ph_record::Event> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    let theirs = all.filter(|event| event.get("source").and_then(Value::as_str) != Some(SAMPLE));
    theirs.enumerate().filter_map(|(at, value)| event_in(value, u32::try_from(at).unwrap_or(u32::MAX))).collect()
}

/// What the record of a sample made elsewhere begins with: ids, ending, response, usage, times.
fn foreign(
    fields: &Map<String, Value>,
    events: &[ph_record::Event],
    context: &SampleContext,
) -> Result<SampleRecord, String> {
    let sample = id_in(fields.get("id"));
    if sample.is_empty() {
        return Err("it has no `id`".to_owned());
    }
    let epoch = fields.get("epoch").and_then(Value::as_u64).and_then(|epoch| u32::try_from(epoch).ok());
    let epoch = epoch.ok_or("its `epoch` is not a number")?;
    let (started, completed) = times(fields, events);
    let output = fields.get("output").and_then(output_in);
    let record = json!({
        "id": SampleId::of(&context.run, &context.task, &sample, (epoch, 1)),
        "run": context.run,
        "task": context.task,
        "sample": sample,
        "epoch": epoch,
        "attempt": 1,
        "round": 0,
        "seed": 0,
        "input": "",
        "messages": [],
        "ending": ending(fields, events),
        "response": output.map(|output| match output.stop_reason {
            ph_model::StopReason::ContentFilter => Response::SafeguardBlock,
            _ => Response::Answered,
        }),
        "usage": own_usage(fields.get("model_usage"), fields.get("role_usage")),
        "roles": roles_in(fields.get("role_usage"), events),
        "started_at": started,
        "completed_at": completed,
    });
    serde_json::from_value(record).map_err(|error| error.to_string())
}

/// What the models in roles did: their tokens as the log counts them, their calls and names as the transcript has them.
fn roles_in(usage: Option<&Value>, events: &[ph_record::Event]) -> BTreeMap<String, RoleUse> {
    let mut roles: BTreeMap<String, RoleUse> = BTreeMap::new();
    for (role, used) in usage.and_then(Value::as_object).into_iter().flatten() {
        let usage = usage_in(used).unwrap_or_default();
        roles.insert(role.clone(), RoleUse { usage, ..RoleUse::none("", None) });
    }
    for event in events {
        let Some(KnownEvent::Model(model)) = event.kind.known() else { continue };
        if let Some(used) = model.role.as_ref().and_then(|role| roles.get_mut(role)) {
            used.target.clone_from(&model.model);
            used.calls += 1;
        }
    }
    roles
}

/// When a sample began and ended; old logs say it only by their events.
fn times(fields: &Map<String, Value>, events: &[ph_record::Event]) -> (Timestamp, Timestamp) {
    let first = events.first().map(|event| event.timestamp).unwrap_or_default();
    let last = events.last().map(|event| event.timestamp).unwrap_or(first);
    let at = |name: &str, otherwise: Timestamp| instant_in(fields.get(name)).unwrap_or(otherwise);
    (at("started_at", first), at("completed_at", last))
}

/// How a sample made elsewhere ended, as far as its log says: Inspect keeps an error's text, not whose it was. A failed
/// model call at the end makes it the provider's; everything else is our side's, never the model's.
fn ending(fields: &Map<String, Value>, events: &[ph_record::Event]) -> Ending {
    if let Some(error) = fields.get("error").filter(|error| !error.is_null()) {
        let error = eval_error_in(error);
        return if is_sandbox(&error) {
            Ending::SandboxError(error)
        } else if has_failed_call(events) {
            Ending::ProviderError(error)
        } else {
            Ending::GraderError(error)
        };
    }
    match fields.get("limit").filter(|limit| !limit.is_null()) {
        Some(limit) => Ending::Limit {
            limit: limit.get("type").or(Some(limit)).map_or(ph_record::LimitKind::Custom, limit_kind_in),
            value: limit.get("limit").and_then(number_in).filter(|value| value.is_finite()),
        },
        None => Ending::Completed,
    }
}

/// Whether the last call to a model failed.
fn has_failed_call(events: &[ph_record::Event]) -> bool {
    let last = events.iter().rev().find_map(|event| match event.kind.known() {
        Some(KnownEvent::Model(model)) => Some(model),
        _ => None,
    });
    last.is_some_and(|model| model.error.is_some() || model.output.is_none())
}

fn is_sandbox(error: &RecordedError) -> bool {
    ["Sandbox", "docker compose", "OutputLimitExceeded"].iter().any(|word| error.message.contains(word))
}

/// Gives the sample of a log other scores: unknown fields stay, and so does everything else but what is given here.
///
/// # Errors
/// What is wrong, in words.
pub fn rescored(sample: &mut Value, record: &SampleRecord, added: &[ph_record::Event]) -> Result<(), String> {
    let fields = sample.as_object_mut().ok_or("it is not an object")?;
    renew(fields);
    let scores = record.scores.iter().map(|(name, one)| (name.clone(), score(one))).collect();
    fields.insert("scores".to_owned(), Value::Object(scores));
    fields.insert("metadata".to_owned(), metadata(record).map_err(|error| error.to_string())?);
    match record.ending.error() {
        Some(error) => fields.insert("error".to_owned(), eval_error(error)),
        None => fields.shift_remove("error"),
    };
    match &record.ending {
        Ending::Limit { limit, value } => {
            fields.entry("limit").or_insert_with(|| limit_json(*limit, *value));
        }
        _ => drop(fields.shift_remove("limit")),
    }
    fields.insert("uuid".to_owned(), uuid(record).into());
    let events = fields.entry("events").or_insert_with(|| json!([]));
    let events = events.as_array_mut().ok_or("its `events` are no list")?;
    events.retain(|event| event.get("source").and_then(Value::as_str) != Some(SAMPLE));
    events.extend(added.iter().map(event_whole));
    let mut last = sample_event(record);
    last["uuid"] = format!("event-{}", events.len()).into();
    events.push(last);
    Ok(())
}
