//! Finds places in a TOML text, and keys that the task file's schema does not have, before serde reads it: serde's own
//! messages for shapes like ours point nowhere.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::parameters::{list, nearest};

/// What is wrong where.
pub(crate) struct Misshape {
    pub(crate) span: Range<usize>,
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
}

/// A step from a value to one inside it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The place of the value at `path`, or of the nearest value around it that is there.
pub(crate) fn span_at(table: &DeTable<'_>, path: &[Step<'_>]) -> Range<usize> {
    let mut span = 0..0;
    let mut table = Some(table);
    let mut value: Option<&Spanned<DeValue<'_>>> = None;
    for step in path {
        let next = match (step, table, value.map(Spanned::get_ref)) {
            (Step::Key(key), Some(table), _) => get(table, key),
            (Step::Index(index), None, Some(DeValue::Array(array))) => array.get(*index),
            _ => None,
        };
        let Some(next) = next else { break };
        span = next.span();
        value = Some(next);
        table = next.get_ref().as_table();
    }
    span
}

/// The value of a key.
pub(crate) fn get<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
}

/// The first key in `table` that `schema` does not have, nested tables included.
pub(crate) fn unknown_key(table: &DeTable<'_>, schema: &Value) -> Option<Misshape> {
    unknown_in_table(table, schema, schema)
}

fn unknown_in_table(table: &DeTable<'_>, schema: &Value, root: &Value) -> Option<Misshape> {
    let properties = schema.get("properties")?.as_object()?;
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let found = match properties.get(name) {
            Some(inner) => unknown_in_value(value.get_ref(), inner, root),
            None if is_closed => Some(unknown(name, key.span(), properties.keys().map(String::as_str))),
            None => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn unknown_in_value(value: &DeValue<'_>, schema: &Value, root: &Value) -> Option<Misshape> {
    let schema = resolved(schema, root);
    match value {
        DeValue::Table(table) => unknown_in_table(table, schema, root),
        DeValue::Array(array) => {
            let items = schema.get("items")?;
            array.iter().find_map(|item| unknown_in_value(item.get_ref(), items, root))
        }
        _ => None,
    }
}

fn unknown<'a>(name: &str, span: Range<usize>, known: impl Iterator<Item = &'a str> + Clone) -> Misshape {
    let problem = format!("unknown key `{name}`; there are {}", list(known.clone()));
    Misshape { span, problem, hint: nearest(name, known).map(|near| format!("did you mean `{near}`?")) }
}

/// Follows a reference to one of the schema's definitions.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    reference.and_then(|path| root.pointer(path)).unwrap_or(schema)
}
