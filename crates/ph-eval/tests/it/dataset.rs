use ph_eval::{NoGenerators, TaskPlace, load_task};
use ph_record::{Sample, SourceOptions, TaskSource, TaskSourceError};
use proptest::prelude::*;
use std::sync::Arc;

use crate::fixture::place;

fn source(name: &str, text: &str) -> Arc<dyn TaskSource> {
    let toml = format!("name = \"t\"\ndataset = \"{name}\"\nsolver = [\"generate\"]\nscorer = [\"refusal\"]\n");
    load_task(&place(&[("task.toml", &toml), (name, text)]), &NoGenerators).unwrap()
}

fn items(name: &str, text: &str, limit: Option<u64>) -> Result<Vec<Sample>, TaskSourceError> {
    let options = SourceOptions { seed: 1, limit };
    let mut stream = source(name, text).open(&options)?;
    let size = stream.round_size_hint();
    let round = stream.next_round()?.unwrap();
    assert!(stream.next_round()?.is_none() && stream.round_size_hint().is_none());
    let items: Vec<_> = round.collect::<Result<_, _>>()?;
    assert_eq!(size, Some(items.len() as u64));
    Ok(items)
}

fn check(name: &str, text: &str, wanted: &str) {
    let error = items(name, text, None).unwrap_err();
    assert!(error.to_string().starts_with(wanted), "`{error}`, wanted `{wanted}`");
}

#[test]
fn errors_in_json_lines_are_located() {
    let good = r#"{"id":"a","input":"x"}"#;
    let check = |text: &str, wanted: &str| check("items.jsonl", text, wanted);
    check(&format!("{good}\n{{\"id\":\"b\"}}\n"), "task/items.jsonl:2:10: missing field `input`");
    check("{\"id\":\"b\",", "task/items.jsonl:1:10: EOF while parsing");
    check(&format!("\n\n{good}\nnot json\n"), "task/items.jsonl:4:2: expected ident");
    check(r#"{"id":"a","input":"x","answer":"y"}"#, "task/items.jsonl:1:30: unknown field `answer`");
    check(r#"{"id":7,"input":"x"}"#, "task/items.jsonl:1:7: invalid type: integer `7`");
    check(r#"{"id":"a","input":"x","target":4}"#, "task/items.jsonl:1:33: `target` is not a text or a list of texts");
    check(r#"{"id":"a","input":4}"#, "task/items.jsonl:1:20: `input` is not a text or a list of messages");
    check(r#"{"id":"","input":"x"}"#, "task/items.jsonl:1: `id` is empty");
    check(
        r#"{"id":"a","input":"x","target":"E","choices":["p","q"]}"#,
        "task/items.jsonl:1: `target` is `E`, not the letter of one of the 2 choices",
    );
    check(&format!("{good}\n{{\"id\":\"b\",\"input\":\"y\"}}\n{good}\n"), "task/items.jsonl:3: the id `a` comes twice");
    let many: Vec<String> = (0..27).map(|k| k.to_string()).collect();
    check(&serde_json::json!({"id":"a","input":"x","choices":many}).to_string(), "task/items.jsonl:1: 27 choices");
}

/// What a task's solver and scorer need of an item, and what is said where it lacks.
fn check_needed(solver: &str, scorer: &str, (item, wanted): (&str, &str)) {
    let toml = format!("name = \"t\"\ndataset = \"i.jsonl\"\nsolver = [{solver}]\nscorer = [{scorer}]\n");
    let text = format!("{item}\n");
    let task = load_task(&place(&[("task.toml", &toml), ("i.jsonl", &text)]), &NoGenerators).unwrap();
    let error = task.digest(&SourceOptions { seed: 1, limit: None }).map(|_| ()).unwrap_err();
    assert!(error.place == "task/i.jsonl:1" && error.problem.contains(wanted), "{error}");
    assert!(error.hint.is_some());
}

#[test]
fn items_that_cannot_be_scored_are_located() {
    let bare = r#"{"id":"a","input":"x"}"#;
    let word = r#"{"id":"a","input":"x","target":"Paris"}"#;
    let generate = "\"generate\"";
    for scorer in ["\"match\"", "\"exact\"", "\"includes\"", "\"numeric\"", "\"choice\"", "\"tool_call\""] {
        check_needed(generate, scorer, (bare, "has no gold answer"));
    }
    check_needed(generate, "\"choice\"", (word, "`Paris` is not the letter of a choice"));
    check_needed(generate, "\"numeric\"", (word, "`Paris` is not a number"));
    check_needed(generate, "\"tool_call\"", (word, "not a tool call"));
    check_needed(generate, "{ name = \"match\", against = \"metadata.gold\" }", (word, "no `metadata.gold`"));
    let switch = "{ name = \"switch\", on = \"kind\", cases = { a = \"numeric\" } }";
    check_needed(generate, switch, (word, "no `metadata.kind`"));
    check_needed("\"multiple_choice\", \"generate\"", "\"refusal\"", (bare, "no `choices`"));
}

#[test]
fn bytes_that_are_no_text_are_located() {
    let place = ph_eval::TaskPlace::embedded(
        "task",
        [
            (
                "task.toml".to_owned(),
                "name=\"t\"\ndataset=\"i.jsonl\"\nsolver=[\"generate\"]\nscorer=[\"refusal\"]".as_bytes().into(),
            ),
            ("i.jsonl".to_owned(), b"{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"\xff\"}\n".as_slice().into()),
        ],
    );
    let error = load_task(&place, &NoGenerators).unwrap().digest(&SourceOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "task/i.jsonl:2:8: the line is not UTF-8");
}

#[test]
fn a_line_without_end_is_refused() {
    let text = format!("{{\"id\":\"a\",\"input\":\"{}\"}}", "x".repeat(ph_eval::dataset::ITEM_BYTES_MAX));
    check("items.jsonl", &text, "task/items.jsonl:1: the line is longer than");
    let text = format!("id,input\na,\"{}", "x\n".repeat(ph_eval::dataset::ITEM_BYTES_MAX));
    check("items.csv", &text, "task/items.csv:");
}

#[test]
fn errors_in_csv_are_located() {
    let check = |text: &str, wanted: &str| check("items.csv", text, wanted);
    check("id,target\na,b\n", "task/items.csv:1: there is no column `input`");
    check("input\na\n", "task/items.csv:1: there is no column `id`");
    check("id,input,id\na,b,c\n", "task/items.csv:1: the column `id` comes twice");
    check("id,input\na,b\nc\n", "task/items.csv:3: 1 fields; the header names 2");
    check("id,input\na,\"b\nb\"\na,c\n", "task/items.csv:4: the id `a` comes twice");
    check("id,input,choices\na,b,[1]\n", "task/items.csv:2: column `choices` is not a JSON list of texts");
    check(
        "id,input,target,choice_a\na,b,B,p\n",
        "task/items.csv:2: `target` is `B`, not the letter of one of the 1 choices",
    );
    check("id,input\n,b\n", "task/items.csv:2: `id` is empty");
    check("", "task/items.csv:1: there is no column `id`");
}

#[test]
fn csv_and_json_lines_hold_the_same_items() {
    let csv = "\u{feff}id,input,target,choices,cluster\n1,\"a, b\",B,\"[\"\"p\"\",\"\"q\"\"]\",k\n2,c,,,\n";
    let lines = "\u{feff}{\"id\":\"1\",\"input\":\"a, b\",\"target\":\"B\",\"choices\":[\"p\",\"q\"],\"metadata\":{\"cluster\":\"k\"}}\n\n{\"id\":\"2\",\"input\":\"c\",\"metadata\":{\"cluster\":\"\"}}";
    assert_eq!(items("items.csv", csv, None).unwrap(), items("items.jsonl", lines, None).unwrap());
    let columns = "id,input,target,choice_a,choice_b\n1,x,A,p,q\n2,y,B,p,\n";
    assert_eq!(items("items.csv", columns, Some(1)).unwrap()[0].choices, ["p", "q"]);
}

#[test]
fn the_digest_covers_spec_and_items() {
    let options = SourceOptions { seed: 1, limit: None };
    let two = "{\"id\":\"a\",\"input\":\"x\"}\n{\"id\":\"b\",\"input\":\"y\"}\n";
    let digest = |text: &str, options| source("items.jsonl", text).digest(&options).unwrap();
    assert_eq!(digest(two, options), digest(&two.replace('\n', "\n\n"), options));
    assert_ne!(digest(two, options), digest(&two.replace('y', "z"), options));
    assert_ne!(digest(two, options), digest(two, SourceOptions { limit: Some(1), ..options }));
    assert_eq!(items("items.jsonl", two, Some(1)).unwrap().len(), 1);
}

#[test]
fn a_file_that_changes_under_the_run_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let toml = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"refusal\"]\n";
    std::fs::write(folder.path().join("task.toml"), toml).unwrap();
    std::fs::write(folder.path().join("items.jsonl"), "{\"id\":\"a\",\"input\":\"x\"}\n").unwrap();
    let task = load_task(&ph_eval::TaskPlace::Disk(folder.path().to_owned()), &NoGenerators).unwrap();
    let options = SourceOptions::default();
    task.digest(&options).unwrap();
    std::fs::write(folder.path().join("items.jsonl"), "{\"id\":\"a\",\"input\":\"y\"}\n").unwrap();
    let round = task.open(&options).unwrap().next_round().unwrap().unwrap();
    let error = round.last().unwrap().unwrap_err();
    assert!(error.problem.contains("changed"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_a_dataset_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in "[a-z,\"{}\\[\\]:\n]{0,80}") {
        for name in ["i.jsonl", "i.csv"] {
            let toml = format!("name=\"t\"\ndataset=\"{name}\"\nsolver=[\"generate\"]\nscorer=[\"refusal\"]");
            for text in [bytes.clone(), [b"id,input,choices\n".as_slice(), piece.as_bytes()].concat()] {
                let files = [("task.toml".to_owned(), toml.clone().into_bytes().into()), (name.to_owned(), text.into())];
                let task = load_task(&ph_eval::TaskPlace::embedded("task", files), &NoGenerators).unwrap();
                if let Err(error) = task.digest(&SourceOptions::default()) {
                    prop_assert!(error.place.starts_with("task/i."), "{}", error);
                }
            }
        }
    }
}

/// A file of a million items of which one is bad: its line is named, nothing is sent, or everything else goes on.
#[test]
fn one_bad_line_of_a_million_is_named() {
    use std::io::Write as _;

    const LINES: usize = 1_000_000;
    const BAD: usize = 777_777;
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.path().join("items.jsonl")).unwrap());
    for line in 1..=LINES {
        match line {
            BAD => writeln!(file, "{{\"id\": \"{line}\", \"input\"").unwrap(),
            _ => writeln!(file, "{{\"id\":\"{line}\",\"input\":\"x\",\"target\":\"y\"}}").unwrap(),
        }
    }
    file.into_inner().unwrap().sync_all().unwrap();
    let load = |dataset: &str| {
        let spec = format!("name = \"t\"\ndataset = {dataset}\nsolver = [\"generate\"]\nscorer = [\"exact\"]\n");
        std::fs::write(folder.path().join("task.toml"), spec).unwrap();
        load_task(&TaskPlace::Disk(folder.path().to_owned()), &NoGenerators)
    };
    let options = SourceOptions { seed: 1, limit: None };
    let said = match load("\"items.jsonl\"") {
        Ok(task) => task.digest(&options).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(said.contains(&format!("items.jsonl:{BAD}:")), "{said}");
    let task = load("{ file = \"items.jsonl\", skip_bad = true }").unwrap();
    let skipped = task.skipped(&options).unwrap().unwrap();
    assert_eq!(skipped.count, 1);
    assert!(skipped.first[0].contains(&format!("items.jsonl:{BAD}:")), "{:?}", skipped.first);
    let round = task.open(&options).unwrap().next_round().unwrap().unwrap();
    assert_eq!(round.filter(Result::is_ok).count(), LINES - 1);
}
