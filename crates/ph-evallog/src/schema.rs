//! Whether a JSON Schema of a tool's arguments has the shape that Inspect types (`JSONSchema` in its `util/_json.py`).

use serde_json::Value;

const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "array", "object", "null"];
const DEPTH_MAX: u32 = 32;

/// Whether these are parameters as Inspect's `ToolParams` holds them.
pub(crate) fn fits_parameters(parameters: &Value) -> bool {
    parameters.get("type").and_then(Value::as_str) == Some("object")
        && parameters.get("additionalProperties").is_none_or(Value::is_boolean)
        && parameters.get("properties").is_none_or(Value::is_object)
        && fits(parameters, 0)
}

fn fits(schema: &Value, depth: u32) -> bool {
    let Some(fields) = schema.as_object() else { return false };
    depth < DEPTH_MAX && fields.iter().all(|(name, value)| value.is_null() || fits_field(name, value, depth))
}

fn fits_field(name: &str, value: &Value, depth: u32) -> bool {
    let all = |fits: &dyn Fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(fits));
    let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    match name {
        "type" => is_type(value) || all(&is_type),
        "format" | "description" | "pattern" => value.is_string(),
        "enum" | "examples" => value.is_array(),
        "items" => fits(value, depth + 1),
        "properties" => value.as_object().is_some_and(|fields| fields.values().all(|one| fits(one, depth + 1))),
        "additionalProperties" => value.is_boolean() || fits(value, depth + 1),
        "anyOf" => all(&|one: &Value| fits(one, depth + 1)),
        "required" => all(&Value::is_string),
        "minLength" | "maxLength" => value.is_u64(),
        "minimum" | "maximum" => value.is_number(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ordinary_parameters_fit_and_others_do_not() {
        let fits = |properties: Value| fits_parameters(&json!({ "type": "object", "properties": properties }));
        assert!(fits(
            json!({ "a": { "type": ["string", "null"], "enum": ["x"] }, "b": { "items": { "type": "array" } } })
        ));
        assert!(!fits(json!({ "a": { "type": "strange" } })));
        assert!(!fits(json!({ "a": true })));
        assert!(!fits(json!([])));
        assert!(!fits_parameters(&json!({ "type": "array" })));
        assert!(!fits_parameters(&json!(true)));
    }
}
