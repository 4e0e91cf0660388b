//! Reads `task.toml`: a task from its text, its dataset and the generators that the program has.
//!
//! Every error points at the place in the text. Everything that can be known to be wrong before a run is refused here.

use std::sync::Arc;

use ph_base::Digest;
use ph_record::{
    DatasetSpec, SampleStream, SkippedItems, SourceOptions, TaskFiles, TaskSource, TaskSourceError, TaskSpec,
};
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::dataset::FileSource;
use crate::generators::Generators;
use crate::parameters::{StepError, StepKind, list, nearest};
use crate::scorer::ScorerSet;
use crate::solver::SolverChain;
use crate::step_context::StepContext;
use crate::task_place::TaskPlace;
use crate::task_shapes::check_shapes;
use crate::task_values::check_values;
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
    let spec = read_spec((&text, &table), place).map_err(located)?;
    let task = source(&spec, place, generators).map_err(|error| located(dataset_problem(&spec, &table, error)))?;
    Ok(match spec.dataset {
        // A file's source knows its folder itself.
        DatasetSpec::File(_) | DatasetSpec::Table(_) => task,
        DatasetSpec::Generated { .. } => Arc::new(Placed { task, place: place.clone() }),
    })
}

/// The JSON Schema of `task.toml`.
#[must_use]
pub fn task_schema() -> Value {
    let mut schema = schemars::schema_for!(TaskSpec);
    schema.insert("title".to_owned(), Value::String("Proofhouse task (task.toml)".to_owned()));
    schema.to_value()
}

fn read_spec((text, table): (&str, &DeTable<'_>), place: &TaskPlace) -> Result<TaskSpec, Misshape> {
    if let Some(unknown) = unknown_key(table, &task_schema()) {
        return Err(unknown);
    }
    check_shapes(text, table)?;
    check_steps(table, StepKind::Solver)?;
    check_steps(table, StepKind::Scorer)?;
    let spec: TaskSpec = toml::from_str(text).map_err(|error| toml_error(&error))?;
    let in_table = |error: StepError| step_problem(table, error);
    let context = StepContext { files: Arc::new(place.clone()), ..StepContext::without_files() };
    let chain = SolverChain::build(&spec.solver, &context).map_err(in_table)?;
    check_digested(&spec, &chain, table)?;
    let scorers = ScorerSet::build(&spec.scorer, &context).map_err(in_table)?;
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

/// What a solver reads from files is part of a task's digest, which generated items make themselves.
fn check_digested(spec: &TaskSpec, chain: &SolverChain, table: &DeTable<'_>) -> Result<(), Misshape> {
    if spec.dataset.table().is_some() || chain.digests().next().is_none() {
        return Ok(());
    }
    Err(Misshape {
        span: span_at(table, &[Step::Key("solver")]),
        problem: "examples from a file need a dataset that is a file too".to_owned(),
        hint: Some("leave `few_shot` out, or give the items as `.jsonl` or `.csv`".to_owned()),
    })
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

/// A task of generated items with the folder in which its `task.toml` stands.
struct Placed {
    task: Arc<dyn TaskSource>,
    place: TaskPlace,
}

impl TaskSource for Placed {
    fn spec(&self) -> &TaskSpec {
        self.task.spec()
    }

    fn digest(&self, options: &SourceOptions) -> Result<Digest, TaskSourceError> {
        self.task.digest(options)
    }

    fn open(&self, options: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        self.task.open(options)
    }

    fn skipped(&self, options: &SourceOptions) -> Result<Option<SkippedItems>, TaskSourceError> {
        self.task.skipped(options)
    }

    fn files(&self) -> Arc<dyn TaskFiles> {
        Arc::new(self.place.clone())
    }
}

fn source(
    spec: &TaskSpec,
    place: &TaskPlace,
    generators: &dyn Generators,
) -> Result<Arc<dyn TaskSource>, TaskSourceError> {
    match &spec.dataset {
        DatasetSpec::File(_) | DatasetSpec::Table(_) => {
            let table = spec.dataset.table().unwrap_or_default();
            Ok(Arc::new(FileSource::new(spec.clone(), place.clone(), &table)?))
        }
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
