//! Datasets with options: fields, splits, shuffles, bad items left out, Parquet.

use std::sync::Arc;

use ph_eval::{NoGenerators, TaskPlace, load_task};
use ph_record::{Sample, SourceOptions, TaskSource, TaskSourceError};

use crate::fixture::{Fake, place, request, run_kept};

fn source((name, text): (&str, &str), options: &str) -> Arc<dyn TaskSource> {
    let toml = format!(
        "name = \"t\"\ndataset = {{ file = \"{name}\"{options} }}\nsolver = [\"generate\"]\nscorer = [\"match\"]\n"
    );
    load_task(&place(&[("task.toml", &toml), (name, text)]), &NoGenerators).unwrap_or_else(|error| panic!("{error}"))
}

fn read(task: &dyn TaskSource, options: &SourceOptions) -> Result<Vec<Sample>, TaskSourceError> {
    task.open(options)?.next_round()?.unwrap().collect()
}

fn ids(task: &dyn TaskSource, seed: u64, limit: Option<u64>) -> Vec<String> {
    read(task, &SourceOptions { seed, limit }).unwrap().into_iter().map(|item| item.id).collect()
}

fn counted(n: usize) -> String {
    (1..=n).map(|k| format!("{{\"id\":\"{k}\",\"input\":\"say {k}\",\"target\":\"{k}\"}}\n")).collect()
}

#[test]
fn fields_are_mapped_in_every_format() {
    let lines = "{\"question\":\"2+2?\",\"answer\":4,\"level\":\"x\"}\n";
    let csv = "question,answer,level\n2+2?,4,x\n";
    let options = ", fields = { input = \"question\", target = \"answer\" }";
    for (name, text) in [("i.jsonl", lines), ("i.csv", csv)] {
        let task = source((name, text), options);
        let [item] = &read(task.as_ref(), &SourceOptions::default()).unwrap()[..] else { panic!("one") };
        assert_eq!(item.expected.all(), ["4"], "{name}");
        assert_eq!(item.metadata["level"], "x");
        assert_eq!(item.id, if name == "i.jsonl" { "1" } else { "2" }, "the line on which it begins");
    }
    let error = read(source(("i.jsonl", "{\"q\":1}\n"), options).as_ref(), &SourceOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "task/i.jsonl:1: there is no field `question`; there are `q`");
}

#[test]
fn a_split_is_asked_alone() {
    let text: String = (0..6)
        .map(|k| {
            let split = if k % 3 == 0 { "dev" } else { "test" };
            format!("{{\"id\":\"{k}\",\"input\":\"?\",\"target\":\"x\",\"metadata\":{{\"split\":\"{split}\"}}}}\n")
        })
        .collect();
    let task = source(("i.jsonl", &text), ", only = { split = \"test\" }");
    assert_eq!(ids(task.as_ref(), 1, None), ["1", "2", "4", "5"]);
    assert_eq!(ids(task.as_ref(), 1, Some(3)), ["1", "2", "4"]);
}

#[test]
fn a_shuffle_follows_its_seed_and_loses_nothing() {
    let csv = format!("id,input,target\n{}", (1..=40).map(|k| format!("{k},\"say\n{k}\",{k}\n")).collect::<String>());
    let blanks = format!("\u{feff}{}", counted(40).replace('\n', "\n\n"));
    for (name, text) in [("i.jsonl", &blanks), ("i.csv", &csv)] {
        let task = source((name, text), ", shuffle = true");
        let (one, two) = (ids(task.as_ref(), 1, None), ids(task.as_ref(), 2, None));
        assert_ne!(one, two, "{name}");
        assert_eq!(one, ids(task.as_ref(), 1, None));
        let sorted = |mut ids: Vec<String>| {
            ids.sort_by_key(|id| id.parse::<u32>().unwrap());
            ids
        };
        let all: Vec<String> = (1..=40).map(|k| k.to_string()).collect();
        assert_eq!(sorted(one.clone()), all, "{name}");
        assert_eq!(ids(task.as_ref(), 1, Some(5)), one[..5], "a limit takes the first of the order");
        let fixed = source((name, text), ", shuffle = 9");
        assert_eq!(ids(fixed.as_ref(), 1, None), ids(fixed.as_ref(), 2, None));
        let digest = |seed| task.digest(&SourceOptions { seed, limit: Some(5) }).unwrap();
        assert_ne!(digest(1), digest(2), "other items are another task");
    }
}

const BAD: &str = "{\"id\":\"1\",\"input\":\"say 1\",\"target\":\"1\"}\nnot json\n{\"id\":\"1\",\"input\":\"twice\",\"target\":\"1\"}\n{\"id\":\"3\",\"input\":\"no gold\"}\n{\"id\":\"4\",\"input\":\"say 4\",\"target\":\"4\"}\n";

#[test]
fn one_bad_line_refuses_the_file_unless_the_task_skips_such() {
    let refused = source(("i.jsonl", BAD), "").digest(&SourceOptions::default()).unwrap_err();
    assert!(refused.place.starts_with("task/i.jsonl:2:"), "{refused}");
    let task = source(("i.jsonl", BAD), ", skip_bad = true");
    assert_eq!(ids(task.as_ref(), 1, None), ["1", "4"]);
    let skipped = task.skipped(&SourceOptions { seed: 1, limit: None }).unwrap().unwrap();
    assert_eq!(skipped.count, 3);
    assert!(skipped.first[0].contains("i.jsonl:2") && skipped.first[1].contains("comes twice"), "{skipped:?}");
    assert!(skipped.first[2].contains("no gold answer"), "{skipped:?}");
    let shuffled = source(("i.jsonl", BAD), ", skip_bad = true, shuffle = 3");
    assert_eq!(ids(shuffled.as_ref(), 1, None).len(), 2);
    assert_eq!(source(("i.jsonl", BAD), "").skipped(&SourceOptions::default()).unwrap(), None);
}

#[test]
fn bad_rows_of_a_table_are_skipped_too() {
    let csv = "id,input,target\n1,a,x\n2,b\n3,c,x\n";
    let task = source(("i.csv", csv), ", skip_bad = true");
    assert_eq!(ids(task.as_ref(), 1, None), ["1", "3"]);
    let long =
        format!("{{\"id\":\"1\",\"input\":\"{}\"}}\n{}", "x".repeat(ph_eval::dataset::ITEM_BYTES_MAX), counted(2));
    let task = source(("i.jsonl", &long), ", skip_bad = true");
    assert_eq!(ids(task.as_ref(), 1, None), ["1", "2"], "what follows a line that is too long is read");
}

#[tokio::test]
async fn a_run_records_what_it_left_out() {
    let (manifest, kept) = run_kept(request(source(("i.jsonl", BAD), ", skip_bad = true"), Fake::echo())).await;
    let manifest = manifest.unwrap();
    assert_eq!((manifest.samples, manifest.errors()), (2, 0));
    assert_eq!(manifest.skipped.unwrap().count, 3);
    assert_eq!(kept.records().len(), 2);
}

#[test]
fn a_bad_line_among_many_is_named_and_the_rest_goes_on() {
    const ITEMS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let toml = |options: &str| {
        format!(
            "name = \"t\"\ndataset = {{ file = \"i.jsonl\"{options} }}\nsolver = [\"generate\"]\nscorer = [\"match\"]\n"
        )
    };
    let mut text = counted(ITEMS);
    text.insert_str(text.find("{\"id\":\"15000\"").unwrap(), "{\"id\":\n");
    std::fs::write(folder.path().join("i.jsonl"), text).unwrap();
    let load = |options: &str| {
        std::fs::write(folder.path().join("task.toml"), toml(options)).unwrap();
        load_task(&TaskPlace::Disk(folder.path().to_owned()), &NoGenerators).unwrap()
    };
    let error = load("").digest(&SourceOptions::default()).unwrap_err();
    assert!(error.place.contains("i.jsonl:15000:"), "{error}");
    let task = load(", skip_bad = true");
    assert_eq!(ids(task.as_ref(), 1, None).len(), ITEMS);
    let shuffled = load(", skip_bad = true, shuffle = true");
    assert_eq!(ids(shuffled.as_ref(), 1, None).len(), ITEMS);
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use super::*;
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;

    fn file(questions: &[&str], answers: &[i64]) -> Vec<u8> {
        let schema = "message schema { required binary question (UTF8); required int64 answer; }";
        let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::builder().build())).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let texts: Vec<ByteArray> = questions.iter().map(|text| ByteArray::from(text.as_bytes().to_vec())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(answers, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.into_inner().unwrap()
    }

    fn load(bytes: Vec<u8>) -> Result<Arc<dyn TaskSource>, ph_eval::TaskFileError> {
        let toml = "name = \"t\"\ndataset = { file = \"i.parquet\", fields = { input = \"question\", target = \"answer\" } }\nsolver = [\"generate\"]\nscorer = [\"match\"]\n";
        let files = [("task.toml".to_owned(), toml.as_bytes().into()), ("i.parquet".to_owned(), bytes.into())];
        load_task(&TaskPlace::embedded("task", files), &NoGenerators)
    }

    #[test]
    fn a_row_is_an_item() {
        let task = load(file(&["2+2?", "3+3?"], &[4, 6])).unwrap();
        let items = read(task.as_ref(), &SourceOptions::default()).unwrap();
        let shown: Vec<_> = items.iter().map(|item| (item.id.as_str(), item.expected.all()[0].as_str())).collect();
        assert_eq!(shown, [("1", "4"), ("2", "6")]);
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let good = file(&["2+2?", "3+3?"], &[4, 6]);
        assert!(load(b"PAR1 nothing PAR1".to_vec()).is_err());
        assert!(load(Vec::new()).is_err());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            if let Ok(task) = load(bad) {
                let _ = task.digest(&SourceOptions::default());
            }
        }
        assert!(load(good[..good.len() / 2].to_vec()).is_err());
    }
}
