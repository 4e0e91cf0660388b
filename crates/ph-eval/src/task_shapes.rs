//! Shapes of `task.toml` that may be written in several ways: serde says of these only that none fits, so each is looked at
//! for what it is meant to be.

use ph_record::{DatasetTable, EpochsSpec, MetricTable, RoleSpec};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::parameters::{list, nearest, read};
use crate::toml_shape::{Misshape, Step, get, span_at};

/// Dataset, roles, epochs and metrics.
pub(crate) fn check_shapes(text: &str, table: &DeTable<'_>) -> Result<(), Misshape> {
    // A text that is not TOML was refused before.
    let values: Value = toml::from_str(text).unwrap_or_default();
    let shapes = Shapes { table, values: &values };
    shapes.dataset()?;
    shapes.epochs()?;
    shapes.roles()?;
    shapes.metrics()
}

struct Shapes<'a, 'i> {
    table: &'a DeTable<'i>,
    values: &'a Value,
}

impl Shapes<'_, '_> {
    fn wrong(&self, path: &[Step<'_>], problem: impl Into<String>, hint: &str) -> Misshape {
        Misshape { span: span_at(self.table, path), problem: problem.into(), hint: Some(hint.to_owned()) }
    }

    /// The table at `path` as `T`, whose parameters are looked at one by one.
    fn read<T: DeserializeOwned + JsonSchema>(&self, path: &[Step<'_>], value: &Value) -> Result<T, Misshape> {
        let fields = value.as_object().cloned().unwrap_or_default();
        read(&fields).map_err(|error| {
            let blamed = error.parameter.as_deref().map(Step::Key);
            let path: Vec<Step<'_>> = path.iter().copied().chain(blamed).collect();
            Misshape { span: span_at(self.table, &path), problem: error.problem, hint: error.hint }
        })
    }

    /// `dataset` is a file's name, a table with `file` or one with `generator`.
    fn dataset(&self) -> Result<(), Misshape> {
        let hint = "write `dataset = \"items.jsonl\"`, `dataset = { file = \"items.jsonl\" }` or `dataset = { generator = \"NAME\" }`";
        let at = [Step::Key("dataset")];
        let Some(dataset) = get(self.table, "dataset") else { return Ok(()) };
        let parameters = match dataset.get_ref() {
            DeValue::String(_) => return Ok(()),
            DeValue::Table(parameters) => parameters,
            _ => return Err(self.wrong(&at, "`dataset` is neither a file's name nor a table", hint)),
        };
        match (get(parameters, "file"), get(parameters, "generator")) {
            (Some(_), Some(_)) => Err(self.wrong(&at, "`dataset` names a `file` and a `generator`", hint)),
            (Some(_), None) if !self.is_shuffle_known() => {
                let problem = "`shuffle` is neither true, false nor a whole number, the seed";
                Err(self.wrong(&[at[0], Step::Key("shuffle")], problem, "write `shuffle = true` or `shuffle = 42`"))
            }
            (Some(_), None) => self.read::<DatasetTable>(&at, &self.values["dataset"]).map(|_| ()),
            (None, Some(generator)) if generator.get_ref().is_str() => Ok(()),
            (None, Some(_)) => Err(self.wrong(&[at[0], Step::Key("generator")], "`generator` is not a text", hint)),
            (None, None) => Err(self.wrong(&at, "`dataset` names no `file` and no `generator`", hint)),
        }
    }

    fn is_shuffle_known(&self) -> bool {
        self.values["dataset"].get("shuffle").is_none_or(|shuffle| shuffle.is_boolean() || shuffle.is_u64())
    }

    /// `epochs` is a table.
    fn epochs(&self) -> Result<(), Misshape> {
        let at = [Step::Key("epochs")];
        match get(self.table, "epochs") {
            Some(epochs) if epochs.get_ref().as_table().is_none() => {
                Err(self.wrong(&at, "`epochs` is not a table", "write `epochs = { count = 3 }`"))
            }
            Some(epochs) => {
                self.reducer(epochs.get_ref().as_table())?;
                self.read::<EpochsSpec>(&at, &self.values["epochs"]).map(|_| ())
            }
            None => Ok(()),
        }
    }

    /// A reducer is a word, or a list of words, and each is one that there is.
    fn reducer(&self, epochs: Option<&DeTable<'_>>) -> Result<(), Misshape> {
        let Some(reducer) = epochs.and_then(|epochs| get(epochs, "reducer")) else { return Ok(()) };
        let at = [Step::Key("epochs"), Step::Key("reducer")];
        let hint = "write `reducer = \"mean\"` or `reducer = [\"mean\", \"pass_at_2\"]`";
        let words = match (reducer.get_ref(), &self.values["epochs"]["reducer"]) {
            (_, Value::String(word)) => vec![(at.to_vec(), Some(word.as_str()))],
            (_, Value::Array(words)) => {
                let place = |(index, word): (usize, &'_ Value)| (index, word.as_str().map(str::to_owned));
                return words.iter().enumerate().map(place).try_for_each(|(index, word)| {
                    let path = [at[0], at[1], Step::Index(index)];
                    self.reducer_word(&path, word.as_deref(), hint)
                });
            }
            _ => vec![(at.to_vec(), None)],
        };
        words.into_iter().try_for_each(|(path, word)| self.reducer_word(&path, word, hint))
    }

    fn reducer_word(&self, path: &[Step<'_>], word: Option<&str>, hint: &str) -> Result<(), Misshape> {
        let word = word.ok_or_else(|| self.wrong(path, "a reducer is a word", hint))?;
        word.parse::<ph_record::Reducer>().map(|_| ()).map_err(|error| self.wrong(path, error.to_string(), hint))
    }

    /// `roles` is a table of tables.
    fn roles(&self) -> Result<(), Misshape> {
        let Some(roles) = self.values.get("roles") else { return Ok(()) };
        let hint = "write `[roles.grader]` with `target = \"TARGET\"`";
        let Some(roles) = roles.as_object() else {
            return Err(self.wrong(&[Step::Key("roles")], "`roles` is not a table", hint));
        };
        for (role, value) in roles {
            let at = [Step::Key("roles"), Step::Key(role)];
            if !value.is_object() {
                return Err(self.wrong(&at, format!("the role `{role}` is not a table"), hint));
            }
            self.read::<RoleSpec>(&at, value)?;
        }
        Ok(())
    }

    /// `metrics` is a list of names and of tables with `name`.
    fn metrics(&self) -> Result<(), Misshape> {
        const NAMES: [&str; 4] = ["accuracy", "mean", "std", "stderr"];
        let Some(metrics) = self.values.get("metrics") else { return Ok(()) };
        let hint = "write `metrics = [\"accuracy\", { name = \"accuracy\", group_by = \"FIELD\" }]`";
        let Some(metrics) = metrics.as_array() else {
            return Err(self.wrong(&[Step::Key("metrics")], "`metrics` is not a list", hint));
        };
        for (index, metric) in metrics.iter().enumerate() {
            let at = [Step::Key("metrics"), Step::Index(index)];
            let name = metric.as_str().or_else(|| metric.get("name")?.as_str());
            let Some(name) = name else {
                return Err(self.wrong(&at, "a metric is a name or a table with `name`", hint));
            };
            if !NAMES.contains(&name) {
                let near = nearest(name, NAMES).map_or(hint.to_owned(), |near| format!("did you mean `{near}`?"));
                return Err(self.wrong(&at, format!("no metric `{name}`; there are {}", list(NAMES)), &near));
            }
            if metric.is_object() {
                self.read::<MetricTable>(&at, metric)?;
            }
        }
        Ok(())
    }
}
