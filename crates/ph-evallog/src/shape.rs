//! Small pieces that many shapes of the log share: instants, texts, fields that Inspect types more narrowly than we do.

use std::collections::BTreeMap;

use ph_base::Timestamp;
use ph_model::Usage;
use ph_record::RoleUse;
use serde_json::{Map, Value, json};

/// Where a field holds what Inspect's own type of it cannot.
pub(crate) const EXTRA: &str = "proofhouse_extra";

/// 9999-12-31T23:59:59.999Z, the last instant that Inspect can read.
const LAST_MS: i64 = 253_402_300_799_999;

/// An instant as Inspect writes it.
pub(crate) fn instant(at: Timestamp) -> String {
    Timestamp(at.0.clamp(0, LAST_MS)).to_string()
}

/// An instant that Inspect wrote, to the millisecond.
pub(crate) fn instant_in(value: Option<&Value>) -> Option<Timestamp> {
    let text = value?.as_str()?;
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

/// An object as the arguments of a call have to be; what is none is wrapped.
pub(crate) fn object(value: &Value) -> Value {
    match value {
        Value::Object(_) => value.clone(),
        other => json!({ EXTRA: other }),
    }
}

/// The inverse of [`object`].
pub(crate) fn object_in(value: Option<&Value>) -> Value {
    match value {
        Some(Value::Object(map)) if map.len() == 1 && map.contains_key(EXTRA) => map[EXTRA].clone(),
        Some(value) => value.clone(),
        None => Value::Object(Map::new()),
    }
}

/// Adds `fields` to `target`: those that `fits` as they are, the others together under [`EXTRA`].
pub(crate) fn add_fields(
    target: &mut Map<String, Value>,
    fields: &Map<String, Value>,
    fits: impl Fn(&str, &Value) -> bool,
) {
    let mut extra = Map::new();
    for (key, value) in fields {
        if fits(key, value) && !target.contains_key(key) {
            target.insert(key.clone(), value.clone());
        } else {
            extra.insert(key.clone(), value.clone());
        }
    }
    if !extra.is_empty() {
        target.insert(EXTRA.to_owned(), Value::Object(extra));
    }
}

/// Puts what [`add_fields`] set aside back in its place.
pub(crate) fn restore_fields(fields: &mut Map<String, Value>) {
    if let Some(Value::Object(extra)) = fields.shift_remove(EXTRA) {
        fields.extend(extra);
    }
}

/// Usage as Inspect writes it.
pub(crate) fn usage(usage: &Usage) -> Value {
    let mut value = json!({
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens(),
    });
    let parts = [
        ("input_tokens_cache_read", usage.input_tokens_cache_read),
        ("input_tokens_cache_write", usage.input_tokens_cache_write),
        ("reasoning_tokens", usage.reasoning_tokens),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            value[name] = part.into();
        }
    }
    value
}

/// Usage that a log holds; `None` where it is no object.
pub(crate) fn usage_in(value: &Value) -> Option<Usage> {
    let fields = value.as_object()?;
    let count = |name: &str| fields.get(name).and_then(Value::as_u64);
    Some(Usage {
        input_tokens: count("input_tokens").unwrap_or(0),
        output_tokens: count("output_tokens").unwrap_or(0),
        input_tokens_cache_read: count("input_tokens_cache_read"),
        input_tokens_cache_write: count("input_tokens_cache_write"),
        reasoning_tokens: count("reasoning_tokens"),
    })
}

/// Usage by model, as Inspect counts it: the calls of roles are among those of the models that have them.
pub(crate) fn model_usage(target: &str, own: &Usage, roles: &BTreeMap<String, RoleUse>) -> Value {
    let mut by_model = BTreeMap::from([(target, *own)]);
    for used in roles.values() {
        by_model.entry(&used.target).or_default().add(&used.usage);
    }
    Value::Object(by_model.iter().map(|(model, used)| ((*model).to_owned(), usage(used))).collect())
}

/// Usage by role.
pub(crate) fn role_usage(roles: &BTreeMap<String, RoleUse>) -> Value {
    Value::Object(roles.iter().map(|(role, used)| (role.clone(), usage(&used.usage))).collect())
}

/// The target's own usage: that of all models, without that of the roles.
pub(crate) fn own_usage(by_model: Option<&Value>, by_role: Option<&Value>) -> Usage {
    usage_sum(by_model).without(&usage_sum(by_role))
}

fn usage_sum(value: Option<&Value>) -> Usage {
    let mut sum = Usage::default();
    for usage in value.and_then(Value::as_object).into_iter().flatten().filter_map(|(_, value)| usage_in(value)) {
        sum.add(&usage);
    }
    sum
}

/// Seconds as milliseconds.
pub(crate) fn ms_in(value: Option<&Value>) -> u64 {
    value
        .and_then(Value::as_f64)
        .filter(|seconds| *seconds >= 0.0)
        .map_or(0, |seconds| (seconds * 1000.0).round() as u64)
}
