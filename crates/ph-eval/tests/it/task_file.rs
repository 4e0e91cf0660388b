use std::sync::Arc;

use ph_eval::{Generators, NoGenerators, TaskPlace, load_task, task_schema};
use ph_record::{TaskSource, TaskSourceError, TaskSpec};
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::fixture::place;

/// Knows one generator, which refuses its parameter `count`.
struct One;

impl Generators for One {
    fn make(
        &self,
        _: &TaskSpec,
        _: &str,
        parameters: &Map<String, Value>,
    ) -> Result<Arc<dyn TaskSource>, TaskSourceError> {
        assert!(parameters.contains_key("count"));
        Err(TaskSourceError::new("count", "`count` is 0; it is at least 1"))
    }

    fn names(&self) -> Vec<String> {
        vec!["skills".to_owned()]
    }
}

/// What a person sees: the message, the line with the place marked, the hint.
fn shown(toml: &str) -> String {
    let error = match load_task(&place(&[("task.toml", toml), ("items.jsonl", "")]), &One) {
        Ok(_) => return "loads".to_owned(),
        Err(error) => error,
    };
    let (line, column) = error.line_and_column();
    let text = error.text.lines().nth(line - 1).unwrap_or_default();
    let on_line = error.length.min(text.len().saturating_sub(column - 1)).max(1);
    let marks = format!("{}{}", " ".repeat(column - 1), "^".repeat(on_line));
    let hint = error.hint.as_deref().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    format!("{error}\n  {text}\n  {marks}\n{hint}")
}

const GOOD: &str = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\n";

#[test]
fn errors_point_at_the_place() {
    let with = |from: &str, to: &str| {
        assert!(GOOD.contains(from));
        GOOD.replace(from, to)
    };
    let cases = [
        ("the least", GOOD.to_owned()),
        ("not TOML", with("\"t\"", "\"t")),
        ("a key twice", format!("{GOOD}name = \"u\"\n")),
        ("an unknown key", with("solver", "solvr")),
        ("an unknown key inside", format!("{GOOD}[epochs]\ncuont = 2\n")),
        ("an unknown key in a list", format!("{GOOD}[[analysis.measures]]\nid = \"a\"\ntitel = \"b\"\n")),
        ("a missing key", with("name = \"t\"\n", "")),
        ("a wrong type", with("\"t\"", "3")),
        ("a wrong type inside", format!("{GOOD}[config]\ntemperature = \"hot\"\n")),
        ("a bad name", with("\"t\"", "\"My task\"")),
        ("a bad domain", format!("{GOOD}domain = \"D9\"\n")),
        ("no epochs", format!("{GOOD}epochs = {{ count = 0 }}\n")),
        ("no time", format!("{GOOD}limits = {{ time_seconds = -1.0 }}\n")),
        ("epochs as a number", format!("{GOOD}epochs = 0\n")),
        ("a cold temperature", format!("{GOOD}[config]\ntemperature = -1\n")),
        ("no temperature", format!("{GOOD}[config]\ntemperature = nan\n")),
        ("a wide nucleus", format!("{GOOD}[config]\ntop_p = 5\n")),
        ("no tokens", format!("{GOOD}[config]\nmax_tokens = 0\n")),
        ("an empty stop", format!("{GOOD}[config]\nstop = [\"\"]\n")),
        ("no messages", format!("{GOOD}limits = {{ messages = 0 }}\n")),
        ("an unknown reducer", format!("{GOOD}epochs = {{ reducer = \"avg\" }}\n")),
        ("dataset of a wrong type", with("\"items.jsonl\"", "7")),
        ("dataset without generator", with("\"items.jsonl\"", "{ count = 3 }")),
        ("an unknown generator", with("\"items.jsonl\"", "{ generator = \"skils\" }")),
        ("a generator's parameter", with("\"items.jsonl\"", "{ generator = \"skills\", count = 0 }")),
        ("a dataset that is not there", with("items.jsonl", "other.jsonl")),
        ("a dataset elsewhere", with("items.jsonl", "../items.jsonl")),
        ("a dataset of no format", with("items.jsonl", "items.txt")),
        ("solver is no list", with("[\"generate\"]", "\"generate\"")),
        ("no solver", with("[\"generate\"]", "[]")),
        ("a step without a name", with("[\"match\"]", "[\"match\", { label = \"x\" }]")),
        ("an unknown solver", with("\"generate\"", "\"genrate\"")),
        ("an unknown scorer", with("[\"match\"]", "[\n  \"match\",\n  { name = \"magic\" },\n]")),
        ("an unknown parameter", with("\"match\"", "{ name = \"match\", locaton = \"end\" }")),
        ("a wrong parameter", with("\"match\"", "{ name = \"match\", location = \"middle\" }")),
        ("a missing parameter", with("\"match\"", "{ name = \"pattern\" }")),
        ("a broken expression", with("\"match\"", "{ name = \"pattern\", regex = \"(a\" }")),
        ("a broken template", with("\"generate\"", "{ name = \"template\", text = \"{prompt\" }")),
        ("a template without prompt", with("\"generate\"", "{ name = \"template\", text = \"x\" }")),
        ("a label twice", with("\"match\"", "\"match\", { name = \"exact\", label = \"match\" }")),
        ("a bad against", with("\"match\"", "{ name = \"match\", against = \"gold\" }")),
        ("a bad case", with("\"match\"", "{ name = \"switch\", on = \"skill\", cases = { a = \"chioce\" } }")),
        ("a bad tolerance", with("\"match\"", "{ name = \"numeric\", tolerance = -1 }")),
        ("too few epochs", format!("{GOOD}epochs = {{ count = 2, reducer = [\"mean\", \"pass_at_3\"] }}\n")),
        ("a bad reducer in a list", format!("{GOOD}epochs = {{ count = 2, reducer = [\"mean\", \"pass_at_0\"] }}\n")),
        ("no reducer", format!("{GOOD}epochs = {{ reducer = [] }}\n")),
        ("an unknown metric", format!("{GOOD}metrics = [\"mean\", \"acuracy\"]\n")),
        ("an unknown key of a metric", format!("{GOOD}metrics = [{{ name = \"mean\", groupby = \"x\" }}]\n")),
        ("a bad weight", format!("{GOOD}metrics = [{{ name = \"mean\", all = \"items\" }}]\n")),
        ("a role that is no table", format!("{GOOD}[roles]\ngrader = \"openai/x\"\n")),
        ("a role's unknown key", format!("{GOOD}[roles.grader]\ntarge = \"openai/x\"\n")),
        ("a role's bad target", format!("{GOOD}[roles.grader]\ntarget = \"gpt\"\n")),
        ("a role's bad setting", format!("{GOOD}[roles.grader.config]\ntop_p = 5\n")),
        ("a bad role", format!("{GOOD}[roles.\"a b\"]\n")),
        ("a dataset of two kinds", with("\"items.jsonl\"", "{ file = \"items.jsonl\", generator = \"skills\" }")),
        ("a dataset's unknown key", with("\"items.jsonl\"", "{ file = \"items.jsonl\", suffle = true }")),
        ("a dataset's bad shuffle", with("\"items.jsonl\"", "{ file = \"items.jsonl\", shuffle = \"yes\" }")),
        ("a dataset's bad fields", with("\"items.jsonl\"", "{ file = \"items.jsonl\", fields = { inptu = \"q\" } }")),
        ("shuffled Parquet", with("\"items.jsonl\"", "{ file = \"items.parquet\", shuffle = true }")),
        (
            "examples that are not there",
            with("\"generate\"", "{ name = \"few_shot\", file = \"dev.jsonl\", count = 2 }"),
        ),
        ("too few examples", with("\"generate\"", "{ name = \"few_shot\", file = \"items.jsonl\", count = 2 }")),
        ("no examples", with("\"generate\"", "{ name = \"few_shot\", file = \"items.jsonl\", count = 0 }")),
        ("examples elsewhere", with("\"generate\"", "{ name = \"few_shot\", file = \"../x.jsonl\", count = 1 }")),
        ("a thought without prompt", with("\"generate\"", "{ name = \"chain_of_thought\", template = \"think\" }")),
        ("a critique of nothing", with("[\"generate\"]", "[\"self_critique\", \"generate\"]")),
        (
            "a critique without answer",
            with("\"generate\"", "\"generate\", { name = \"self_critique\", critique = \"{question}\" }"),
        ),
        (
            "a revision of something else",
            with("\"generate\"", "\"generate\", { name = \"self_critique\", revision = \"{critique} {gold}\" }"),
        ),
        ("no votes", with("\"match\"", "{ name = \"model_graded\", votes = 0 }")),
        ("no command", with("\"match\"", "{ name = \"command\", command = [] }")),
        ("no time", with("\"match\"", "{ name = \"command\", command = [\"x\"], time_limit_seconds = 0 }")),
        ("a command elsewhere", with("\"match\"", "{ name = \"command\", command = [\"../x\"] }")),
        ("too many processes", with("\"match\"", "{ name = \"command\", command = [\"x\"], processes = 65 }")),
        ("a bad variable", with("\"match\"", "{ name = \"command\", command = [\"x\"], env = { \"A=B\" = \"\" } }")),
        ("several of none", with("\"match\"", "{ name = \"multi\", scorers = [] }")),
        ("several of the same", with("\"match\"", "{ name = \"multi\", scorers = [\"match\", \"match\"] }")),
        (
            "several with a bad one",
            with("\"match\"", "{ name = \"multi\", scorers = [{ name = \"numeric\", relative = -1 }] }"),
        ),
        ("a bad share", with("\"match\"", "{ name = \"math\", relative = 1.5 }")),
        (
            "an unknown score",
            format!("{GOOD}[[analysis.measures]]\nid = \"a\"\ntitle = \"b\"\nscore = \"refusal\"\nfault = \"lower\"\n"),
        ),
    ];
    let all: Vec<String> = cases.iter().map(|(name, toml)| format!("# {name}\n{}", shown(toml))).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_task_on_disk_loads_and_stays_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("task")).unwrap();
    std::fs::write(path("secret.jsonl"), "").unwrap();
    std::fs::write(path("task/task.toml"), GOOD).unwrap();
    let load = |at: &str| load_task(&TaskPlace::Disk(path(at)), &NoGenerators).map(|task| task.spec().name.clone());
    let missing = load("task").unwrap_err();
    assert!(missing.problem.contains("cannot be opened"), "{missing}");
    std::os::unix::fs::symlink(path("secret.jsonl"), path("task/items.jsonl")).unwrap();
    let outside = load("task").unwrap_err();
    assert!(outside.problem.contains("outside"), "{outside}");
    std::fs::remove_file(path("task/items.jsonl")).unwrap();
    std::fs::write(path("task/items.jsonl"), "").unwrap();
    assert_eq!(load("task").unwrap(), "t");
    assert_eq!(load("task/task.toml").unwrap(), "t");
    let none = load("nowhere").unwrap_err();
    assert!(none.problem.contains("cannot be read") && none.text.is_empty(), "{none}");
}

#[test]
fn a_pipe_is_refused_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("task.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let error = load_task(&TaskPlace::Disk(pipe), &NoGenerators).map(|_| ()).unwrap_err();
    assert!(error.problem.contains("not a regular file"), "{error}");
}

#[test]
fn the_committed_schema_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/task.schema.json");
    let schema = format!("{:#}\n", task_schema());
    if std::env::var_os("PROOFHOUSE_UPDATE").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(committed, schema, "docs/task.schema.json is stale: run this test once with PROOFHOUSE_UPDATE=1");
}

#[test]
fn the_schema_names_every_key() {
    let schema = task_schema();
    for key in ["name", "dataset", "solver", "scorer", "epochs", "limits", "config", "analysis"] {
        assert!(schema["properties"].get(key).is_some(), "{key}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(at in 0..GOOD.len(), cut in 0_usize..12, piece in "([a-z\\[\\]{}=\"., é]|\\n){0,12}") {
        let end = (at + cut).min(GOOD.len());
        let toml = format!("{}{piece}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(error) = load_task(&place(&[("task.toml", &toml), ("items.jsonl", "")]), &NoGenerators) {
            prop_assert!(error.offset + error.length <= error.text.len(), "{}", error);
            prop_assert!(error.text.is_char_boundary(error.offset), "{}", error);
        }
    }
}
