//! Reads a JSON object field by field: `null` is absent, a wrong type names its place, what nobody takes is ignored.

use serde_json::{Map, Value};

use crate::failure::ApiFailure;

/// Characters of a foreign value that a message shows.
const SHOWN_CHARACTERS_MAX: usize = 100;

/// An object of a request, with its place for messages.
#[derive(Debug)]
pub(crate) struct Fields {
    map: Map<String, Value>,
    path: String,
}

/// The value of a field that leaves the reply as it is: any other is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Neutral {
    /// No value is.
    Never,
    /// This truth value.
    Bool(bool),
    /// This number.
    Number(f64),
    /// This text.
    Text(&'static str),
    /// An empty text, list or object.
    Empty,
    /// The list of just this text.
    Only(&'static str),
}

impl Fields {
    /// The object `value`, which stands at `path` (empty at the top).
    pub(crate) fn new(value: Value, path: impl Into<String>) -> Result<Self, ApiFailure> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            other => {
                let place = if path.is_empty() { "body".to_owned() } else { path };
                Err(ApiFailure::invalid(place, format!("is {}, not an object", kind(&other))))
            }
        }
    }

    /// The place of a field.
    pub(crate) fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A failure about a field.
    pub(crate) fn failed(&self, name: &str, what: impl std::fmt::Display) -> ApiFailure {
        ApiFailure::invalid(self.place(name), what)
    }

    /// Takes a field out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a field out that must be there.
    pub(crate) fn required(&mut self, name: &str) -> Result<Value, ApiFailure> {
        self.take(name).ok_or_else(|| self.failed(name, "is missing"))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, ApiFailure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.failed(name, format!("is {}, not a string", kind(&other)))),
        }
    }

    pub(crate) fn required_text(&mut self, name: &str) -> Result<String, ApiFailure> {
        self.text(name)?.ok_or_else(|| self.failed(name, "is missing"))
    }

    /// `false` where absent.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, ApiFailure> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(self.failed(name, format!("is {}, not true or false", kind(&other)))),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<Option<f64>, ApiFailure> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.failed(name, format!("is {}, not a number", kind(&value)))),
            },
        }
    }

    /// A whole number from 0 to `most`.
    pub(crate) fn count(&mut self, name: &str, most: u32) -> Result<Option<u32>, ApiFailure> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= most) {
            Some(number) => Ok(Some(number)),
            None => Err(self.failed(name, format!("is `{}`, not a whole number from 0 to {most}", shown(&value)))),
        }
    }

    /// A seed: any whole number of 64 bits; a negative one stands for its two's complement.
    pub(crate) fn seed(&mut self, name: &str) -> Result<Option<u64>, ApiFailure> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned)) {
            Some(seed) => Ok(Some(seed)),
            None => Err(self.failed(name, format!("is `{}`, not a whole number of 64 bits", shown(&value)))),
        }
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiFailure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(self.failed(name, format!("is {}, not a list", kind(&other)))),
        }
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Fields>, ApiFailure> {
        let place = self.place(name);
        self.take(name).map(|value| Fields::new(value, place)).transpose()
    }

    /// A text or a list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, ApiFailure> {
        let list = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::String(text)) => return Ok(vec![text]),
            Some(Value::Array(list)) => list,
            Some(other) => {
                return Err(self.failed(name, format!("is {}, not a string or a list of them", kind(&other))));
            }
        };
        let text = |(n, value): (usize, Value)| match value {
            Value::String(text) => Ok(text),
            other => Err(self.failed(&format!("{name}[{n}]"), format!("is {}, not a string", kind(&other)))),
        };
        list.into_iter().enumerate().map(text).collect()
    }

    /// Refuses each field of `table` whose value is not neutral: it would change the reply and nothing here does it.
    pub(crate) fn refuse(&self, table: &[(&str, Neutral)]) -> Result<(), ApiFailure> {
        for (name, neutral) in table {
            match self.map.get(*name) {
                None | Some(Value::Null) => {}
                Some(value) if neutral.is(value) => {}
                Some(value) => {
                    let what = format!("is `{}`, which is not supported here; leave it out", shown(value));
                    return Err(self.failed(name, what));
                }
            }
        }
        Ok(())
    }
}

impl Neutral {
    fn is(self, value: &Value) -> bool {
        match self {
            Neutral::Never => false,
            Neutral::Bool(flag) => value.as_bool() == Some(flag),
            Neutral::Number(number) => value.as_f64() == Some(number),
            Neutral::Text(text) => value.as_str() == Some(text),
            Neutral::Only(text) => value.as_array().is_some_and(|list| list.len() == 1 && list[0] == text),
            Neutral::Empty => match value {
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            },
        }
    }
}

/// What a value is, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The beginning of a value, for messages.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    clip(&text)
}

/// The beginning of a text, without control characters.
pub(crate) fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::new(value, "at").unwrap()
    }

    #[test]
    fn null_is_absent_and_wrong_types_name_their_place() {
        let mut read = fields(json!({"a": null, "b": 1, "c": ["x", 2], "d": -1, "e": 1.5}));
        assert_eq!(read.text("a").unwrap(), None);
        assert_eq!(read.text("b").unwrap_err().message, "`at.b` is a number, not a string");
        assert_eq!(read.texts("c").unwrap_err().param.as_deref(), Some("at.c[1]"));
        assert!(read.count("d", 5).unwrap_err().message.contains("from 0 to 5"));
        assert!(read.seed("e").is_err());
        assert!(Fields::new(json!([]), "").unwrap_err().message.contains("`body` is a list"));
    }

    #[test]
    fn seeds_of_64_bits_are_kept() {
        let mut read = fields(json!({"a": u64::MAX, "b": -1, "c": 7}));
        assert_eq!(read.seed("a").unwrap(), Some(u64::MAX));
        assert_eq!(read.seed("b").unwrap(), Some(u64::MAX));
        assert_eq!(read.seed("c").unwrap(), Some(7));
    }

    #[test]
    fn only_neutral_values_pass() {
        let table = [("n", Neutral::Number(1.0)), ("bias", Neutral::Empty), ("functions", Neutral::Never)];
        fields(json!({"n": 1, "bias": {}, "functions": null, "other": 3})).refuse(&table).unwrap();
        for (value, name) in [
            (json!({"n": 2}), "at.n"),
            (json!({"bias": {"1": 2}}), "at.bias"),
            (json!({"functions": []}), "at.functions"),
        ] {
            assert_eq!(fields(value).refuse(&table).unwrap_err().param.as_deref(), Some(name));
        }
    }
}
