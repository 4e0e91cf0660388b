//! Reads `task.toml`: a task from its text, its dataset and the generators that the program has.
//!
//! Every error points at the place in the text. Everything that can be known to be wrong before a run is refused here.

use std::ops::Range;
use std::sync::Arc;

use ph_model::GenerateConfig;
use ph_record::{DatasetSpec, TaskSource, TaskSourceError, TaskSpec};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::dataset::FileSource;
use crate::generators::Generators;
use crate::parameters::{StepError, StepKind, list, nearest};
use crate::scorer::ScorerSet;
use crate::solver::SolverChain;
use crate::task_place::TaskPlace;
use crate::toml_shape::{Misshape, Step, get, span_at, unknown_key};

/// A task file is wrong. `offset` and `length` are bytes in `text`, as `miette::SourceSpan` has them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", self.place())]
pub struct TaskFileError {
    /// The file.
    pub file: String,
    /// Its text; empty where it could not be read.
    pub text: String,
    /// Where in the text the problem begins.
    pub offset: usize,
    /// How long it is.
    pub length: usize,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: Option<String>,
}

impl TaskFileError {
    /// Line and column of the problem, from 1; the column counts characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.text.get(..self.offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn place(&self) -> String {
        if self.text.is_empty() {
            return self.file.clone();
        }
        let (line, column) = self.line_and_column();
        format!("{}:{line}:{column}", self.file)
    }
}

/// Reads a task. Its dataset is opened, not read; generated items are made by `generators`.
///
/// # Errors
/// [`TaskFileError`] with the place of whatever is wrong.
pub fn load_task(place: &TaskPlace, generators: &dyn Generators) -> Result<Arc<dyn TaskSource>, TaskFileError> {
    let file = place.task_file();
    let text = place.read_task_file().map_err(|error| TaskFileError {
        file: file.clone(),
        text: String::new(),
        offset: 0,
        length: 0,
        problem: format!("cannot be read: {error}"),
        hint: None,
    })?;
    let located = |shape: Misshape| TaskFileError {
        file: file.clone(),
        offset: shape.span.start,
        length: shape.span.len(),
        problem: shape.problem,
        hint: shape.hint,
        text: text.clone(),
    };
    let table = DeTable::parse(&text).map_err(|error| located(toml_error(&error)))?.into_inner();
    let spec = read_spec(&text, &table).map_err(located)?;
    source(&spec, place, generators).map_err(|error| located(dataset_problem(&spec, &table, error)))
}

/// The JSON Schema of `task.toml`.
#[must_use]
pub fn task_schema() -> Value {
    let mut schema = schemars::schema_for!(TaskSpec);
    schema.insert("title".to_owned(), Value::String("Proofhouse task (task.toml)".to_owned()));
    schema.to_value()
}

fn read_spec(text: &str, table: &DeTable<'_>) -> Result<TaskSpec, Misshape> {
    if let Some(unknown) = unknown_key(table, &task_schema()) {
        return Err(unknown);
    }
    check_dataset(table)?;
    check_epochs(table)?;
    check_steps(table, StepKind::Solver)?;
    check_steps(table, StepKind::Scorer)?;
    let spec: TaskSpec = toml::from_str(text).map_err(|error| toml_error(&error))?;
    let in_table = |error: StepError| step_problem(table, error);
    SolverChain::build(&spec.solver).map_err(in_table)?;
    let scorers = ScorerSet::build(&spec.scorer).map_err(in_table)?;
    check_values(&spec, &scorers).map_err(|(path, problem)| Misshape {
        span: span_at(table, &path),
        problem,
        hint: None,
    })?;
    Ok(spec)
}

fn toml_error(error: &toml::de::Error) -> Misshape {
    Misshape { span: error.span().unwrap_or(0..0), problem: error.message().trim_end().to_owned(), hint: None }
}

/// `dataset` is a file's name or a table with `generator`.
fn check_dataset(table: &DeTable<'_>) -> Result<(), Misshape> {
    let Some(dataset) = get(table, "dataset") else { return Ok(()) };
    let hint = "write `dataset = \"items.jsonl\"` or `dataset = { generator = \"NAME\" }`";
    let wrong = |span: Range<usize>, problem: &str| {
        Err(Misshape { span, problem: problem.to_owned(), hint: Some(hint.to_owned()) })
    };
    match dataset.get_ref() {
        DeValue::String(_) => Ok(()),
        DeValue::Table(parameters) => match get(parameters, "generator") {
            Some(generator) if generator.get_ref().is_str() => Ok(()),
            Some(generator) => wrong(generator.span(), "`generator` is not a text"),
            None => wrong(dataset.span(), "`dataset` names no `generator`"),
        },
        _ => wrong(dataset.span(), "`dataset` is neither a file's name nor a table with `generator`"),
    }
}

/// `epochs` is a table.
fn check_epochs(table: &DeTable<'_>) -> Result<(), Misshape> {
    match get(table, "epochs") {
        Some(epochs) if epochs.get_ref().as_table().is_none() => Err(Misshape {
            span: epochs.span(),
            problem: "`epochs` is not a table".to_owned(),
            hint: Some("write `epochs = { count = 3 }`".to_owned()),
        }),
        _ => Ok(()),
    }
}

/// `solver` and `scorer` are lists of names and of tables with `name`.
fn check_steps(table: &DeTable<'_>, kind: StepKind) -> Result<(), Misshape> {
    let Some(steps) = get(table, &kind.to_string()) else { return Ok(()) };
    let hint = || Some(format!("write `{kind} = [\"NAME\", {{ name = \"NAME\", … }}]`"));
    let DeValue::Array(items) = steps.get_ref() else {
        return Err(Misshape { span: steps.span(), problem: format!("`{kind}` is not a list"), hint: hint() });
    };
    if items.is_empty() {
        return Err(Misshape { span: steps.span(), problem: format!("`{kind}` is empty"), hint: hint() });
    }
    let has_name = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(_) => true,
        DeValue::Table(parameters) => get(parameters, "name").is_some_and(|name| name.get_ref().is_str()),
        _ => false,
    };
    match items.iter().find(|item| !has_name(item)) {
        None => Ok(()),
        Some(item) => {
            let problem = format!("a {kind} is a name or a table with `name`");
            Err(Misshape { span: item.span(), problem, hint: hint() })
        }
    }
}

fn step_problem(table: &DeTable<'_>, error: StepError) -> Misshape {
    let kind = error.kind.to_string();
    let mut path = vec![Step::Key(&kind), Step::Index(error.index)];
    path.extend(error.parameter.as_deref().map(Step::Key));
    Misshape { span: span_at(table, &path), problem: error.to_string(), hint: error.hint }
}

type ValueProblem = (Vec<Step<'static>>, String);

/// Values that no type can rule out.
fn check_values(spec: &TaskSpec, scorers: &ScorerSet) -> Result<(), ValueProblem> {
    let wrong = |path: &[Step<'static>], problem: String| Err((path.to_vec(), problem));
    if !is_slug(&spec.name) {
        let problem = format!("`{}` is not a task name (lower-case letters, digits, `-`)", spec.name);
        return wrong(&[Step::Key("name")], problem);
    }
    if let Some(domain) =
        spec.domain.as_ref().filter(|domain| !matches!(domain.as_str(), "D1" | "D2" | "D3" | "D4" | "D5"))
    {
        return wrong(&[Step::Key("domain")], format!("`{domain}` is not one of `D1` to `D5`"));
    }
    if spec.epochs.count == 0 {
        return wrong(&[Step::Key("epochs"), Step::Key("count")], "an item is asked at least once".to_owned());
    }
    if spec.limits.messages == Some(0) {
        return wrong(&[Step::Key("limits"), Step::Key("messages")], "a limit of messages is more than 0".to_owned());
    }
    if spec.limits.time_seconds.is_some_and(|seconds| !(seconds.is_finite() && seconds > 0.0)) {
        return wrong(&[Step::Key("limits"), Step::Key("time_seconds")], "a time limit is more than 0".to_owned());
    }
    check_config(&spec.config)?;
    check_measures(spec, scorers)
}

/// Settings that no target takes.
fn check_config(config: &GenerateConfig) -> Result<(), ValueProblem> {
    let wrong = |key, problem: String| Err((vec![Step::Key("config"), Step::Key(key)], problem));
    if let Some(temperature) = config.temperature.filter(|value| !(value.is_finite() && *value >= 0.0)) {
        return wrong("temperature", format!("a temperature is a number of at least 0, not `{temperature}`"));
    }
    if let Some(top_p) = config.top_p.filter(|value| !(*value > 0.0 && *value <= 1.0)) {
        return wrong("top_p", format!("`top_p` is above 0 and at most 1, not `{top_p}`"));
    }
    if config.max_tokens == Some(0) {
        return wrong("max_tokens", "a reply has at least 1 token".to_owned());
    }
    if let Some(top) = config.top_logprobs.filter(|top| *top > TOP_LOGPROBS_MAX) {
        return wrong("top_logprobs", format!("at most {TOP_LOGPROBS_MAX} alternatives are reported, not {top}"));
    }
    if config.stop.iter().any(String::is_empty) {
        return wrong("stop", "a text at which generation ends is not empty".to_owned());
    }
    Ok(())
}

/// The most alternatives per token that any target reports.
const TOP_LOGPROBS_MAX: u8 = 20;

fn check_measures(spec: &TaskSpec, scorers: &ScorerSet) -> Result<(), ValueProblem> {
    let measures = &spec.analysis.measures;
    for (index, measure) in measures.iter().enumerate() {
        let at = |key| vec![Step::Key("analysis"), Step::Key("measures"), Step::Index(index), Step::Key(key)];
        if !is_slug(&measure.id) {
            return Err((
                at("id"),
                format!("`{}` is not a measure's id (lower-case letters, digits, `-`)", measure.id),
            ));
        }
        if measures[..index].iter().any(|earlier| earlier.id == measure.id) {
            return Err((at("id"), format!("the measure `{}` comes twice", measure.id)));
        }
        if !scorers.labels().any(|label| label == measure.score) {
            let problem = format!("no scorer records `{}`; there are {}", measure.score, list(scorers.labels()));
            return Err((at("score"), problem));
        }
    }
    Ok(())
}

fn is_slug(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn source(
    spec: &TaskSpec,
    place: &TaskPlace,
    generators: &dyn Generators,
) -> Result<Arc<dyn TaskSource>, TaskSourceError> {
    match &spec.dataset {
        DatasetSpec::File(name) => Ok(Arc::new(FileSource::new(spec.clone(), place.clone(), name)?)),
        DatasetSpec::Generated { generator, parameters } => {
            let names = generators.names();
            if names.contains(generator) {
                return generators.make(spec, generator, parameters);
            }
            let known = list(names.iter().map(String::as_str));
            let problem = if names.is_empty() {
                format!("no generator `{generator}`; there are none")
            } else {
                format!("no generator `{generator}`; there are {known}")
            };
            let error = TaskSourceError::new("generator", problem);
            Err(match nearest(generator, names.iter().map(String::as_str)) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error,
            })
        }
    }
}

/// Points at the generator's parameter to blame, else at `dataset`.
fn dataset_problem(spec: &TaskSpec, table: &DeTable<'_>, error: TaskSourceError) -> Misshape {
    let span = span_at(table, &[Step::Key("dataset"), Step::Key(&error.place)]);
    let is_generated = matches!(spec.dataset, DatasetSpec::Generated { .. });
    let problem = if is_generated { error.problem } else { format!("dataset `{}`: {}", error.place, error.problem) };
    Misshape { span, problem, hint: error.hint }
}
