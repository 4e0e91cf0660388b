//! Tool calls as text and as values.

use ph_model::{ToolCall, ToolChoice, ToolDefinition};
use serde_json::Value;

use crate::failure::ApiFailure;
use crate::fields::clip;

/// The arguments that a call's text holds: an object, or the text with what is wrong with it.
pub(crate) fn parse_arguments(text: String) -> (Value, Option<String>) {
    match serde_json::from_str(&text) {
        Ok(Value::Object(fields)) => (Value::Object(fields), None),
        Ok(_) => (Value::String(text), Some("the arguments are not an object".to_owned())),
        Err(error) => (Value::String(text), Some(format!("the arguments are not JSON: {}", clip(&error.to_string())))),
    }
}

/// A call's arguments as text: what the model wrote where it could not be read.
pub(crate) fn arguments_text(call: &ToolCall) -> String {
    match &call.arguments {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Refuses a choice that no tool answers to.
pub(crate) fn check_choice(choice: &ToolChoice, tools: &[ToolDefinition]) -> Result<(), ApiFailure> {
    let refuse = |what: String| Err(ApiFailure::invalid("tool_choice", what));
    match choice {
        ToolChoice::Function(name) if !tools.iter().any(|tool| tool.name == *name) => {
            refuse(format!("names the tool `{}`, which is not in `tools`", clip(name)))
        }
        ToolChoice::Any if tools.is_empty() => refuse("asks for a call, but there are no `tools`".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_keep_their_text_where_they_cannot_be_read() {
        assert_eq!(parse_arguments(r#"{"b":1,"a":"é"}"#.into()), (json!({"b": 1, "a": "é"}), None));
        for text in ["{", "7", ""] {
            let (value, problem) = parse_arguments(text.to_owned());
            assert_eq!((value, problem.is_some()), (json!(text), true), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for arguments in [json!({"b": 1.5, "a": [null, "x"]}), json!("{oops")] {
            let call =
                ToolCall { id: "1".into(), function: "f".into(), arguments: arguments.clone(), parse_error: None };
            assert_eq!(parse_arguments(arguments_text(&call)).0, arguments);
        }
    }
}
