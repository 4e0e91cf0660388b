//! What the model says, whatever dialect it is written in.

use serde_json::{Value, json};

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    End,
    /// At one of the caller's stop sequences, this one.
    Sequence(String),
    Length,
    Tool,
    Refusal,
    Filter,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolCall {
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// Tokens that the call is said to have used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// All tokens of the input, those from the cache too.
    pub(super) input: u64,
    pub(super) cached: u64,
    /// All tokens of the output, those of the reasoning too.
    pub(super) output: u64,
    pub(super) reasoning: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// Different for every call, the same in every run; ids are made of it.
    pub(super) serial: u64,
    pub(super) reasoning: Option<String>,
    pub(super) text: String,
    pub(super) tool_call: Option<ToolCall>,
    pub(super) stop: Stop,
    pub(super) usage: Usage,
}

impl Answer {
    /// An id with the dialect's prefix.
    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:016x}", self.serial)
    }

    /// The text refuses.
    pub(super) fn is_refusal(&self) -> bool {
        self.stop == Stop::Refusal
    }
}

/// The tokens of a text: each is a word with the white space before it.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let end = rest[word..].find(char::is_whitespace).map_or(rest.len(), |length| word + length);
        let (token, after) = rest.split_at(end);
        rest = after;
        (!token.is_empty()).then_some(token)
    })
}

/// The log-probability of a token, rank by rank; always the same for the same token.
pub(super) fn logprob(token: &str, rank: usize) -> f64 {
    let sum: u32 = token.bytes().map(u32::from).sum();
    -(f64::from(sum % 100) / 1000.0) - 2.0 * rank as f64 - 0.001
}

/// The token of a rank: the chosen one, then others.
pub(super) fn alternative(token: &str, rank: usize) -> String {
    if rank == 0 { token.to_owned() } else { format!("{token}~{rank}") }
}

/// The smallest value that a JSON schema lets through, as far as its types, enumerations and required keys go.
pub(super) fn instance(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind.unwrap_or("object").to_ascii_lowercase().as_str() {
        "string" => json!("stub"),
        "integer" => json!(1),
        "number" => json!(1.5),
        "boolean" => json!(true),
        "null" => Value::Null,
        "array" => json!([instance(&schema["items"])]),
        _ => object(schema),
    }
}

fn object(schema: &Value) -> Value {
    let properties = schema["properties"].as_object();
    let filled = properties.into_iter().flatten().map(|(name, of)| (name.clone(), instance(of)));
    Value::Object(filled.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lose_nothing() {
        for text in ["", " ", "a", " a  b\nc ", "héllo wörld"] {
            assert_eq!(tokens(text).collect::<String>(), text);
        }
        assert_eq!(tokens("one two  three").collect::<Vec<_>>(), ["one", " two", "  three"]);
    }

    #[test]
    fn an_instance_follows_its_schema() {
        let schema = json!({"type": "OBJECT", "properties": {
            "city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "array", "items": {"type": "integer"}},
        }});
        assert_eq!(instance(&schema), json!({"city": "stub", "unit": "C", "days": [1]}));
        assert_eq!(instance(&json!({})), json!({}));
    }
}
