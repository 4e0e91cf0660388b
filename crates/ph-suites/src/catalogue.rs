//! What suites there are, and the generators under the names that `task.toml` uses.

use std::borrow::Cow;
use std::sync::Arc;

use ph_eval::{Generators, TaskPlace, load_task};
use ph_record::{TaskSource, TaskSourceError, TaskSpec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::planted::PlantedInstructions;
use crate::refusal::RefusalPairs;
use crate::round::OneRound;
use crate::skills::Skills;
use crate::trigger_search::{SearchParameters, TriggerSearch};

/// A suite for tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteInfo {
    /// Its folder, such as `suites/skills`.
    pub path: String,
    /// Its name, by which [`load`] finds it.
    pub name: String,
    /// One line for tables.
    pub title: String,
    /// The domain, `D1` to `D5`, where it has one.
    pub domain: Option<String>,
    /// The sandbox that its samples need, where they need one.
    pub sandbox: Option<String>,
}

/// Every suite's `task.toml`, in the order in which an assessment runs them.
const TASKS: &[(&str, &str)] = &[
    ("skills", include_str!("../../../suites/skills/task.toml")),
    ("refusal", include_str!("../../../suites/refusal/task.toml")),
    ("trigger-search", include_str!("../../../suites/trigger-search/task.toml")),
    ("planted-instructions", include_str!("../../../suites/planted-instructions/task.toml")),
];

/// The suites that ship with the program.
#[must_use]
pub fn suites() -> Vec<SuiteInfo> {
    // A task that does not read is no suite; a test holds that all of them do.
    TASKS.iter().filter_map(|(_, text)| toml::from_str(text).ok()).map(info).collect()
}

fn info(spec: TaskSpec) -> SuiteInfo {
    SuiteInfo {
        path: format!("suites/{}", spec.name),
        name: spec.name,
        title: spec.title,
        domain: spec.domain,
        sandbox: spec.sandbox,
    }
}

/// The text of a suite's `task.toml`; its name may be written as its path.
#[must_use]
pub fn task_text(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("suites/").unwrap_or(name);
    TASKS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Loads a suite by its name or path.
///
/// # Errors
/// [`TaskSourceError`] where there is no such suite; the hint names those that exist.
pub fn load(name: &str) -> Result<Arc<dyn TaskSource>, TaskSourceError> {
    let text = known_text(name)?;
    let name = name.strip_prefix("suites/").unwrap_or(name);
    let files = [("task.toml".to_owned(), Cow::Borrowed(text.as_bytes()))];
    load_task(&TaskPlace::embedded(format!("suites/{name}"), files), &BuiltInGenerators).map_err(|error| {
        let (line, column) = error.line_and_column();
        TaskSourceError { place: format!("{}:{line}:{column}", error.file), problem: error.problem, hint: error.hint }
    })
}

fn known_text(name: &str) -> Result<&'static str, TaskSourceError> {
    task_text(name).ok_or_else(|| {
        let known: Vec<String> = TASKS.iter().map(|(known, _)| format!("`{known}`")).collect();
        TaskSourceError::new(format!("suite `{name}`"), "there is no such suite")
            .with_hint(format!("there are {}", known.join(", ")))
    })
}

/// The generators that ship with the program.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltInGenerators;

/// Their names.
const GENERATORS: [&str; 4] = ["skills", "refusal", "trigger-search", "planted-instructions"];

impl Generators for BuiltInGenerators {
    fn make(
        &self,
        spec: &TaskSpec,
        generator: &str,
        parameters: &Map<String, Value>,
    ) -> Result<Arc<dyn TaskSource>, TaskSourceError> {
        let spec = spec.clone();
        Ok(match generator {
            "skills" => Arc::new(OneRound::new(spec, read::<Skills>(generator, parameters)?)?),
            "refusal" => Arc::new(OneRound::new(spec, read::<RefusalPairs>(generator, parameters)?)?),
            "planted-instructions" => {
                Arc::new(OneRound::new(spec, read::<PlantedInstructions>(generator, parameters)?)?)
            }
            "trigger-search" => Arc::new(TriggerSearch::new(spec, read::<SearchParameters>(generator, parameters)?)?),
            _ => {
                let known = GENERATORS.map(|name| format!("`{name}`")).join(", ");
                let problem = format!("there is no generator `{generator}`");
                return Err(TaskSourceError::new("generator", problem).with_hint(format!("there are {known}")));
            }
        })
    }

    fn names(&self) -> Vec<String> {
        GENERATORS.map(str::to_owned).to_vec()
    }
}

/// Reads a generator's parameters. The place of the error is the parameter that fails even alone, where one does.
fn read<T: DeserializeOwned>(generator: &str, parameters: &Map<String, Value>) -> Result<T, TaskSourceError> {
    let problem =
        |parameters: Map<String, Value>| T::deserialize(Value::Object(parameters)).err().map(|error| error.to_string());
    T::deserialize(Value::Object(parameters.clone())).map_err(|error| {
        let fails_alone = |(key, value): &(&String, &Value)| {
            let alone = Map::from_iter([((*key).clone(), (*value).clone())]);
            problem(alone).is_some_and(|problem| !problem.starts_with("missing field"))
        };
        let blamed = parameters.iter().find(fails_alone).map(|(key, _)| key.clone());
        TaskSourceError::new(blamed.unwrap_or_else(|| format!("generator `{generator}`")), error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(generator: &str, parameters: &str, wanted: &str) {
        let text = task_text("refusal").unwrap();
        let spec: TaskSpec = toml::from_str(text).unwrap();
        let parameters = serde_json::from_str(parameters).unwrap();
        let Err(error) = BuiltInGenerators.make(&spec, generator, &parameters) else { panic!("{wanted} is refused") };
        let shown = format!("{}|{}|{}", error.place, error.problem, error.hint.unwrap_or_default());
        assert!(shown.contains(wanted), "{shown}");
    }

    #[test]
    fn wrong_parameters_are_refused_before_anything_runs() {
        check("refusals", "{}", "generator|there is no generator `refusals`|there are `skills`");
        check("refusal", r#"{"wordings":"refusal/requests.toml"}"#, "missing field `wordings_per_request`");
        check("refusal", r#"{"wordings_per_request":1,"wordings":"x","more":1}"#, "more|unknown field `more`");
        check(
            "skills",
            r#"{"sum":{"items":1,"wordings":"skills/sum.toml"},"fact":{"items":"x"}}"#,
            "fact|invalid type",
        );
        check("refusal", r#"{"wordings_per_request":-1,"wordings":"x"}"#, "invalid value");
        check("refusal", r#"{"wordings_per_request":1000000,"wordings":"x"}"#, "1000000 is more than 100000");
        check(
            "refusal",
            r#"{"wordings_per_request":1,"wordings":"x.toml"}"#,
            "wordings|there are no wordings `x.toml`",
        );
        check("skills", r#"{"sum":{"items":1,"wordings":"skills/fact.toml"}}"#, "suites/skills/fact.toml|");
        check("trigger-search", "{}", "missing field");
    }

    #[test]
    fn a_search_without_a_score_to_go_by_is_refused() {
        let text = task_text("trigger-search").unwrap();
        let spec: TaskSpec = toml::from_str(&text.replace("label = \"complied\"", "label = \"other\"")).unwrap();
        let ph_record::DatasetSpec::Generated { generator, parameters } = &spec.dataset else { panic!("generated") };
        let Err(error) = BuiltInGenerators.make(&spec, generator, parameters) else { panic!("it is refused") };
        assert!(error.problem.contains("`complied`"), "{error}");
    }
}
