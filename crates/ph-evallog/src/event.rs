//! Transcript events, ours to Inspect's and back.
//!
//! An unknown kind makes Inspect refuse the whole log, so what is not one of its long-standing kinds goes out as an
//! `info` event and comes back as it was. Fields that Inspect types more narrowly than we do ride beside its own.

use ph_model::{GenerateConfig, ModelErrorKind, ToolChoice, ToolDefinition};
use ph_record::event::{CacheHit, KnownEvent, ModelCallError, ModelEvent, SampleInit, SpanBegin, ToolEvent};
use ph_record::{Event, EventKind, Expected, LimitKind, RecordedError, SampleInput};
use serde_json::{Map, Value, json};

use crate::condense::Pools;
use crate::message::{message, messages_in, output, output_in};
use crate::schema::fits_parameters;
use crate::score::{score, score_in};
use crate::shape::{EXTRA, instant, instant_in, ms_in, object, object_in};

/// The source of the `info` event in which another kind of event rides.
const OTHER: &str = "proofhouse.event";
/// The source of the `info` event that says how a sample ended.
pub(crate) const SAMPLE: &str = "proofhouse.sample";

/// Kinds that every Inspect of schema 2 reads and that we keep as they came.
const PASSED: [&str; 9] = ["state", "store", "sandbox", "logger", "input", "approval", "subtask", "step", "compaction"];

/// An event as Inspect reads it, its long texts and repeated messages in `pools`.
pub(crate) fn event<'a>(event: &'a Event, pools: &mut Pools<'a>) -> Value {
    let mut own = own_fields(event, false);
    pools.condense(&mut own);
    if let Some(KnownEvent::Model(model)) = event.kind.known() {
        own["input_refs"] = pools.references(&model.input);
    }
    with_common(event, own)
}

/// An event as Inspect reads it, whole: for a sample whose pools are closed.
pub(crate) fn event_whole(event: &Event) -> Value {
    with_common(event, own_fields(event, true))
}

/// The fields of its kind; the input of a call only where it is not to be in a pool.
fn own_fields(event: &Event, with_input: bool) -> Value {
    match &event.kind {
        EventKind::Known(known) => {
            let mut own = known_event(known);
            if let (KnownEvent::Model(model), true) = (known.as_ref(), with_input) {
                own["input"] = model.input.iter().map(message).collect();
            }
            own
        }
        EventKind::Other(other) => other_event(other),
    }
}

fn with_common(event: &Event, own: Value) -> Value {
    let mut fields = Map::new();
    fields.insert("uuid".to_owned(), format!("event-{}", event.sequence).into());
    if let Some(span) = &event.span_id {
        fields.insert("span_id".to_owned(), span.as_str().into());
    }
    fields.insert("timestamp".to_owned(), instant(event.timestamp).into());
    fields.insert("working_start".to_owned(), (event.working_start_ms as f64 / 1000.0).into());
    if let Value::Object(own) = own {
        fields.extend(own);
    }
    Value::Object(fields)
}

fn other_event(other: &Map<String, Value>) -> Value {
    let kind = other.get("event").and_then(Value::as_str);
    if kind.is_some_and(|kind| PASSED.contains(&kind)) {
        return Value::Object(other.clone());
    }
    json!({ "event": "info", "source": OTHER, "data": other })
}

fn known_event(known: &KnownEvent) -> Value {
    match known {
        KnownEvent::SampleInit(init) => sample_init(init),
        KnownEvent::SpanBegin(span) => {
            let mut value = json!({ "event": "span_begin", "id": span.id, "type": span.kind, "name": span.name });
            if let Some(parent) = &span.parent_id {
                value["parent_id"] = parent.as_str().into();
            }
            value
        }
        KnownEvent::SpanEnd { id } => json!({ "event": "span_end", "id": id }),
        KnownEvent::Model(model) => model_event(model),
        KnownEvent::Tool(tool) => tool_event(tool),
        KnownEvent::Score { scorer, score: given } => {
            json!({ "event": "score", "scorer": scorer, "score": score(given), "intermediate": false })
        }
        KnownEvent::SampleLimit { kind, limit, message } => {
            let mut value = json!({ "event": "sample_limit", "type": kind, "message": message });
            if let Some(limit) = limit {
                value["limit"] = crate::numbers::number(*limit);
            }
            value
        }
        KnownEvent::Error { error } => json!({ "event": "error", "error": eval_error(error) }),
        KnownEvent::Info { source, data } => json!({ "event": "info", "source": source, "data": data }),
    }
}

/// What failed, as Inspect writes it; the code rides beside.
pub(crate) fn eval_error(error: &RecordedError) -> Value {
    json!({ "message": error.message, "traceback": "", "traceback_ansi": "", EXTRA: error.code })
}

/// What failed, as a log has it.
pub(crate) fn eval_error_in(value: &Value) -> RecordedError {
    let message = value.get("message").and_then(Value::as_str).or(value.as_str()).unwrap_or_default();
    RecordedError::new(value.get(EXTRA).and_then(Value::as_str).unwrap_or("inspect"), message)
}

/// An input as Inspect writes it.
pub(crate) fn input(input: &SampleInput) -> Value {
    match input {
        SampleInput::Text(text) => text.as_str().into(),
        SampleInput::Messages(messages) => messages.iter().map(message).collect(),
    }
}

/// An input of a log.
pub(crate) fn input_in(value: Option<&Value>) -> SampleInput {
    match value {
        Some(Value::String(text)) => SampleInput::Text(text.clone()),
        other => SampleInput::Messages(messages_in(other)),
    }
}

/// A gold answer of a log.
pub(crate) fn expected_in(value: Option<&Value>) -> Expected {
    value.and_then(|value| serde_json::from_value(value.clone()).ok()).unwrap_or_default()
}

fn sample_init(init: &SampleInit) -> Value {
    let mut sample = json!({ "id": init.id, "input": input(&init.input), "target": init.expected });
    if !init.choices.is_empty() {
        sample["choices"] = json!(init.choices);
    }
    json!({ "event": "sample_init", "sample": sample, "state": {} })
}

fn model_event(model: &ModelEvent) -> Value {
    let mut value = json!({
        "event": "model",
        "model": model.model,
        "input": [],
        "tools": model.tools.iter().map(tool_info).collect::<Vec<_>>(),
        "tool_choice": tool_choice(&model.tool_choice),
        "config": config(&model.config),
        "output": model.output.as_ref().map_or_else(|| json!({ "model": model.model, "choices": [] }), output),
        "completed": instant(model.completed),
    });
    if let Some(role) = &model.role {
        value["role"] = role.as_str().into();
    }
    if let Some(error) = &model.error {
        value["error"] = error.message.as_str().into();
        value[EXTRA] = json!(error.kind);
    }
    // A call that failed is never served from a cache, so the two never meet.
    if let Some(hit) = &model.cache {
        value["cache"] = "read".into();
        value[EXTRA] = json!(hit);
    }
    value
}

/// Where a reply from a cache came from; Inspect says only that it did.
fn cache_hit_in(fields: &Map<String, Value>) -> Option<CacheHit> {
    let is_hit = fields.get("cache").and_then(Value::as_str) == Some("read");
    let ours = || fields.get(EXTRA).and_then(|hit| serde_json::from_value(hit.clone()).ok());
    is_hit.then(|| ours().unwrap_or_default())
}

fn tool_info(tool: &ToolDefinition) -> Value {
    if fits_parameters(&tool.parameters) {
        return json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters });
    }
    let none = json!({ "type": "object", "properties": {} });
    json!({ "name": tool.name, "description": tool.description, "parameters": none, EXTRA: tool.parameters })
}

fn tool_info_in(value: &Value) -> Option<ToolDefinition> {
    let parameters = value.get(EXTRA).or_else(|| value.get("parameters")).cloned();
    Some(ToolDefinition {
        name: value.get("name")?.as_str()?.to_owned(),
        description: value.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        parameters: parameters.unwrap_or_else(|| json!({ "type": "object", "properties": {} })),
    })
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::Any => "any".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Function(name) => json!({ "name": name }),
    }
}

fn tool_choice_in(value: Option<&Value>) -> ToolChoice {
    match value {
        Some(Value::String(word)) if word == "any" => ToolChoice::Any,
        Some(Value::String(word)) if word == "none" => ToolChoice::None,
        Some(Value::Object(function)) => {
            let name = function.get("name").and_then(Value::as_str);
            name.map_or(ToolChoice::Auto, |name| ToolChoice::Function(name.to_owned()))
        }
        _ => ToolChoice::Auto,
    }
}

/// Settings of a call as Inspect names them.
pub(crate) fn config(config: &GenerateConfig) -> Value {
    let mut value = serde_json::to_value(config).unwrap_or_default();
    if let Some(fields) = value.as_object_mut()
        && let Some(stop) = fields.shift_remove("stop")
    {
        fields.insert("stop_seqs".to_owned(), stop);
    }
    value
}

/// Settings of a call in a log, as far as we have them; a setting of another type than ours is left out.
pub(crate) fn config_in(value: Option<&Value>) -> GenerateConfig {
    let mut config = GenerateConfig::default();
    for (name, setting) in value.and_then(Value::as_object).into_iter().flatten() {
        let name = if name == "stop_seqs" { "stop" } else { name };
        let one = json!({ name: setting });
        if let Ok(one) = serde_json::from_value::<GenerateConfig>(one) {
            config = config.over(&one);
        }
    }
    config
}

fn tool_event(tool: &ToolEvent) -> Value {
    let is_scalar = !(tool.result.is_object() || tool.result.is_array() || tool.result.is_null());
    let mut value = json!({
        "event": "tool",
        "type": "function",
        "id": tool.id,
        "function": tool.function,
        "arguments": object(&tool.arguments),
        "result": if is_scalar { tool.result.clone() } else { tool.result.to_string().into() },
        "completed": instant(tool.completed),
    });
    if !is_scalar {
        value[EXTRA] = tool.result.clone();
    }
    if let Some(error) = &tool.error {
        value["error"] = json!({ "type": "unknown", "message": error });
    }
    value
}

/// The event of a log at place `sequence` of its transcript, its references put in place before.
pub(crate) fn event_in(value: &Value, sequence: u32) -> Option<Event> {
    let fields = value.as_object()?;
    let kind = match known_event_in(fields) {
        Some(known) => known.into(),
        None => EventKind::Other(other_in(fields)),
    };
    Some(Event {
        sequence,
        span_id: fields.get("span_id").and_then(Value::as_str).map(str::to_owned),
        timestamp: instant_in(fields.get("timestamp")).unwrap_or_default(),
        working_start_ms: ms_in(fields.get("working_start")),
        kind,
    })
}

/// An event of another kind: as we wrote it, or as it came without the fields that every event has.
fn other_in(fields: &Map<String, Value>) -> Map<String, Value> {
    if fields.get("source").and_then(Value::as_str) == Some(OTHER)
        && let Some(Value::Object(data)) = fields.get("data")
    {
        return data.clone();
    }
    let mut other = fields.clone();
    for common in ["sequence", "span_id", "timestamp", "working_start", "working_start_ms", "uuid"] {
        other.shift_remove(common);
    }
    other
}

fn known_event_in(fields: &Map<String, Value>) -> Option<KnownEvent> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(match fields.get("event")?.as_str()? {
        "sample_init" => KnownEvent::SampleInit(sample_init_in(fields.get("sample")?)),
        "span_begin" => KnownEvent::SpanBegin(SpanBegin {
            id: text("id")?,
            parent_id: text("parent_id"),
            kind: text("type").unwrap_or_default(),
            name: text("name")?,
        }),
        "span_end" => KnownEvent::SpanEnd { id: text("id")? },
        "model" => KnownEvent::Model(Box::new(model_event_in(fields)?)),
        "tool" => KnownEvent::Tool(tool_event_in(fields)?),
        "score" => {
            KnownEvent::Score { scorer: text("scorer").unwrap_or_default(), score: score_in(fields.get("score")?)? }
        }
        "sample_limit" => KnownEvent::SampleLimit {
            kind: limit_kind_in(fields.get("type")?),
            limit: fields.get("limit").and_then(crate::numbers::number_in),
            message: text("message").unwrap_or_default(),
        },
        "error" => KnownEvent::Error { error: eval_error_in(fields.get("error")?) },
        "info" if text("source").as_deref() != Some(OTHER) => KnownEvent::Info {
            source: text("source").unwrap_or_default(),
            data: fields.get("data").cloned().unwrap_or_default(),
        },
        _ => return None,
    })
}

/// A limit of a log; one that we do not know is a limit of the task's own.
pub(crate) fn limit_kind_in(value: &Value) -> LimitKind {
    serde_json::from_value(value.clone()).unwrap_or(LimitKind::Custom)
}

fn sample_init_in(sample: &Value) -> SampleInit {
    let choices = sample.get("choices").cloned().and_then(|choices| serde_json::from_value(choices).ok());
    SampleInit {
        id: id_in(sample.get("id")),
        input: input_in(sample.get("input")),
        expected: expected_in(sample.get("target")),
        choices: choices.unwrap_or_default(),
    }
}

/// An item's id, which Inspect also writes as a number.
pub(crate) fn id_in(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(id)) => id.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn model_event_in(fields: &Map<String, Value>) -> Option<ModelEvent> {
    let error = fields.get("error").and_then(Value::as_str).map(|message| ModelCallError {
        kind: fields
            .get(EXTRA)
            .and_then(|kind| serde_json::from_value(kind.clone()).ok())
            .unwrap_or(ModelErrorKind::Overloaded),
        message: message.to_owned(),
    });
    let tools = fields.get("tools").and_then(Value::as_array);
    Some(ModelEvent {
        model: fields.get("model")?.as_str()?.to_owned(),
        role: fields.get("role").and_then(Value::as_str).map(str::to_owned),
        input: messages_in(fields.get("input")),
        tools: tools.into_iter().flatten().filter_map(tool_info_in).collect(),
        tool_choice: tool_choice_in(fields.get("tool_choice")),
        config: config_in(fields.get("config")),
        output: fields.get("output").and_then(output_in),
        error,
        cache: cache_hit_in(fields),
        completed: instant_in(fields.get("completed").or_else(|| fields.get("timestamp"))).unwrap_or_default(),
    })
}

fn tool_event_in(fields: &Map<String, Value>) -> Option<ToolEvent> {
    Some(ToolEvent {
        id: fields.get("id")?.as_str()?.to_owned(),
        function: fields.get("function")?.as_str()?.to_owned(),
        arguments: object_in(fields.get("arguments")),
        result: fields.get(EXTRA).or_else(|| fields.get("result")).cloned().unwrap_or_default(),
        error: fields.get("error").and_then(|error| error.get("message")).and_then(Value::as_str).map(str::to_owned),
        completed: instant_in(fields.get("completed").or_else(|| fields.get("timestamp"))).unwrap_or_default(),
    })
}
