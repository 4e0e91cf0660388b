//! Reads the parameters of a solver or scorer from `task.toml` into its own type, and says which one is wrong.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A parameter is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ParameterError {
    /// The parameter's name, where one is to blame.
    pub parameter: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: Option<String>,
}

impl ParameterError {
    /// An error of the parameter `parameter`.
    pub fn of(parameter: &str, problem: impl Into<String>) -> Self {
        Self { parameter: Some(parameter.to_owned()), problem: problem.into(), hint: None }
    }
}

/// Which list of the task a step stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// `solver`.
    Solver,
    /// `scorer`.
    Scorer,
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StepKind::Solver => "solver",
            StepKind::Scorer => "scorer",
        })
    }
}

/// A solver or scorer of a task cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{name}`: {problem}")]
pub struct StepError {
    /// Solver or scorer.
    pub kind: StepKind,
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// The parameter to blame, where there is one.
    pub parameter: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: Option<String>,
}

impl StepError {
    pub(crate) fn at(kind: StepKind, index: usize, name: &str) -> impl FnOnce(ParameterError) -> StepError {
        let name = name.to_owned();
        move |error| StepError {
            kind,
            index,
            name,
            parameter: error.parameter,
            problem: error.problem,
            hint: error.hint,
        }
    }
}

/// The name of a step is unknown: lists those that exist.
pub(crate) fn unknown_name(kind: StepKind, name: &str, known: &[&str]) -> ParameterError {
    let hint = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    let problem = format!("no such {kind}; there are {}", list(known.iter().copied()));
    ParameterError { parameter: None, problem, hint }
}

/// `a`, `b`, `c` in back-ticks.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The known name that differs from `name` by at most a third of its letters.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Reads parameters into `T`, whose schema names the parameters that exist.
pub(crate) fn read<T: DeserializeOwned + JsonSchema>(parameters: &Map<String, Value>) -> Result<T, ParameterError> {
    let schema = schemars::schema_for!(T);
    let known: Vec<&str> = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    if let Some(unknown) = parameters.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(unknown_parameter(unknown, &known));
    }
    T::deserialize(Value::Object(parameters.clone())).map_err(|error| blame::<T>(parameters, &error))
}

fn unknown_parameter(unknown: &str, known: &[&str]) -> ParameterError {
    let problem = if known.is_empty() {
        format!("`{unknown}` is not a parameter; it has none")
    } else {
        format!("`{unknown}` is not a parameter; there are {}", list(known.iter().copied()))
    };
    let hint = nearest(unknown, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    ParameterError { parameter: Some(unknown.to_owned()), problem, hint }
}

/// Finds the parameter to blame: the one that fails even alone.
fn blame<T: DeserializeOwned>(parameters: &Map<String, Value>, error: &serde_json::Error) -> ParameterError {
    for (key, value) in parameters {
        let alone = Map::from_iter([(key.clone(), value.clone())]);
        if let Err(error) = T::deserialize(Value::Object(alone))
            && !error.to_string().starts_with("missing field")
        {
            return ParameterError::of(key, format!("parameter `{key}`: {error}"));
        }
    }
    ParameterError { parameter: None, problem: error.to_string(), hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its shape is tested")]
    struct Example {
        regex: String,
        #[serde(default)]
        ignore_case: bool,
        #[serde(default)]
        group: Option<u32>,
    }

    fn check(json: &str, wanted: &str) {
        let parameters = serde_json::from_str(json).unwrap();
        let error = read::<Example>(&parameters).unwrap_err();
        let shown = format!(
            "{}|{}|{}",
            error.parameter.as_deref().unwrap_or("-"),
            error.problem,
            error.hint.unwrap_or_default()
        );
        assert!(shown.contains(wanted), "{shown}");
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        check("{}", "-|missing field `regex`");
        check(
            r#"{"regex":"a","ignore_cse":true}"#,
            "ignore_cse|`ignore_cse` is not a parameter; there are `regex`, `ignore_case`, `group`|did you mean `ignore_case`?",
        );
        check(r#"{"regex":"a","group":-1}"#, "group|parameter `group`: invalid value");
        check(r#"{"regex":3}"#, "regex|parameter `regex`: invalid type");
    }
}
