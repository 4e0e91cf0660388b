//! Tool calls in a reply's text: `<tool_call>{"name": …, "arguments": {…}}</tool_call>` (Hermes form).
//!
//! Called by the runtime when a request offered tools. The text is the model's and may be anything: what cannot be read
//! stays text, or becomes a call with `parse_error`; nothing is repaired.

use ph_model::ToolCall;
use ph_model::nesting::{REPLY_LEVELS_MAX, is_deeper};
use serde_json::Value;

use crate::config::clip;

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// Splits a reply into its text and its calls; ids count on from `calls_before`.
pub(crate) fn split(reply: &str, calls_before: usize) -> (String, Vec<ToolCall>) {
    let mut text = String::new();
    let mut calls = Vec::new();
    let mut rest = reply;
    while let Some(start) = rest.find(OPEN) {
        let body_start = start + OPEN.len();
        let (body, after) = match rest[body_start..].find(CLOSE) {
            Some(length) => (&rest[body_start..body_start + length], body_start + length + CLOSE.len()),
            None => (&rest[body_start..], rest.len()),
        };
        text.push_str(&rest[..start]);
        match read(body, calls_before + calls.len() + 1) {
            Some(call) => calls.push(call),
            None => text.push_str(&rest[start..after]),
        }
        rest = &rest[after..];
    }
    text.push_str(rest);
    if !calls.is_empty() {
        // Only at the end: a reply that is streamed has its beginning out before the first call comes.
        text.truncate(text.trim_end().len());
    }
    (text, calls)
}

/// The part of a streamed reply's text that is certain to be text: no call, nor what may become one.
#[derive(Debug, Default)]
pub(crate) struct TextBesideCalls {
    reply: String,
    /// Bytes of `reply` that are decided.
    decided: usize,
    /// White space that is dropped if a call or the end follows.
    space: String,
}

impl TextBesideCalls {
    /// Adds to the reply and returns the text that became certain.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        self.reply.push_str(piece);
        let mut plain = std::mem::take(&mut self.space);
        while let Some(text) = self.next_text() {
            plain.push_str(&text);
        }
        self.space = plain.split_off(plain.trim_end().len());
        plain
    }

    /// The next decided stretch of text; `None` where what follows is open.
    fn next_text(&mut self) -> Option<String> {
        let rest = &self.reply[self.decided..];
        let Some(start) = rest.find(OPEN) else {
            let certain = rest.len() - open_beginning(rest);
            self.decided += certain;
            return (certain > 0).then(|| rest[..certain].to_owned());
        };
        if start > 0 {
            let text = rest[..start].to_owned();
            self.decided += start;
            return Some(text);
        }
        let length = rest[OPEN.len()..].find(CLOSE)?;
        let end = OPEN.len() + length + CLOSE.len();
        let text = match read(&rest[OPEN.len()..OPEN.len() + length], 0) {
            Some(_) => String::new(),
            None => rest[..end].to_owned(),
        };
        self.decided += end;
        Some(text)
    }
}

/// Bytes at the end of `text` that may become [`OPEN`].
fn open_beginning(text: &str) -> usize {
    (1..OPEN.len()).rev().find(|length| text.ends_with(&OPEN[..*length])).unwrap_or(0)
}

/// One call; `None` where no tool is named.
fn read(body: &str, number: usize) -> Option<ToolCall> {
    let value: Value = serde_json::from_str(body.trim()).ok().filter(|value| !is_deeper(value, REPLY_LEVELS_MAX))?;
    let function = value.get("name")?.as_str()?.to_owned();
    let (arguments, parse_error) = arguments(value.get("arguments").or_else(|| value.get("parameters")));
    Some(ToolCall { id: format!("call-{number}"), function, arguments, parse_error })
}

/// The arguments as an object, also where the model wrote the object as a string.
fn arguments(value: Option<&Value>) -> (Value, Option<String>) {
    match value {
        None => (Value::Object(serde_json::Map::new()), None),
        Some(Value::Object(fields)) => (Value::Object(fields.clone()), None),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(value) if is_deeper(&value, REPLY_LEVELS_MAX) => {
                (Value::String(text.clone()), Some("the arguments are nested too deep".to_owned()))
            }
            Ok(Value::Object(fields)) => (Value::Object(fields), None),
            Ok(_) => (Value::String(text.clone()), Some("the arguments are not an object".to_owned())),
            Err(error) => (Value::String(text.clone()), Some(clip(&format!("the arguments are not JSON: {error}")))),
        },
        Some(other) => (Value::String(other.to_string()), Some("the arguments are not an object".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(reply: &str, text: &str, calls: &[(&str, Value, bool)]) {
        let (got_text, got) = split(reply, 2);
        assert_eq!(got_text, text, "{reply}");
        let seen: Vec<(&str, Value, bool)> =
            got.iter().map(|c| (c.function.as_str(), c.arguments.clone(), c.parse_error.is_some())).collect();
        assert_eq!(seen, calls, "{reply}");
        for (n, call) in got.iter().enumerate() {
            assert_eq!(call.id, format!("call-{}", n + 3));
        }
    }

    #[test]
    fn calls_are_read_and_the_rest_stays() {
        let oslo = json!({"city": "Oslo"});
        check("no call", "no call", &[]);
        check(
            r#"Look. <tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>"#,
            "Look.",
            &[("weather", oslo.clone(), false)],
        );
        check(
            r#"<tool_call>{"name":"a"}</tool_call><tool_call>{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}"#,
            "",
            &[("a", json!({}), false), ("weather", oslo, false)],
        );
    }

    /// A record could hold what is deeper, but not be read again.
    #[test]
    fn nesting_is_bounded() {
        let deep = |levels: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        let as_value = format!(r#"<tool_call>{{"name":"a","arguments":{}}}</tool_call>"#, deep(63));
        check(&as_value, &as_value, &[]);
        let as_text = |levels: usize| json!({ "name": "a", "arguments": deep(levels) }).to_string();
        let call = |levels: usize| format!("<tool_call>{}</tool_call>", as_text(levels));
        check(&call(63), "", &[("a", serde_json::from_str(&deep(63)).unwrap(), false)]);
        check(&call(64), "", &[("a", deep(64).into(), true)]);
    }

    #[test]
    fn what_is_streamed_is_the_beginning_of_the_whole() {
        for reply in [
            "no call",
            "  spaces  ",
            r#" Look. <tool_call>{"name": "a"}</tool_call> and <tool_call>{"name": "b"}</tool_call> "#,
            r#"<tool_call>{"name": "a"}</tool_call>"#,
            "a <tool_call>{oops</tool_call> b < c <tool_",
            "x <tool_call>{",
            "é<tool_call",
        ] {
            for width in [1, 3, 1000] {
                let mut stream = TextBesideCalls::default();
                let characters: Vec<char> = reply.chars().collect();
                let streamed: String =
                    characters.chunks(width).map(|piece| stream.push(&piece.iter().collect::<String>())).collect();
                let (whole, calls) = split(reply, 0);
                assert!(whole.starts_with(&streamed), "{streamed:?} of {whole:?}");
                if !calls.is_empty() {
                    assert_eq!(streamed, whole, "all of it is known before the end");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_kept() {
        for reply in ["<tool_call>", "<tool_call>{oops</tool_call> x", "<tool_call>[1]</tool_call>", "</tool_call>"] {
            check(reply, reply, &[]);
        }
        check(r#"<tool_call>{"name": "a", "arguments": 7}</tool_call>"#, "", &[("a", json!("7"), true)]);
        check(r#"<tool_call>{"name": "a", "arguments": "{"}</tool_call>"#, "", &[("a", json!("{"), true)]);
        let deep = format!("<tool_call>{}</tool_call>", "[".repeat(100_000));
        check(&deep, &deep, &[]);
    }
}
