//! The main job: every planted fault is found.

use std::path::Path;

use ph_testkit::skip;
use serde_json::Value;

use crate::program::{is_full, json_in};

/// What the reference models were made to do: (target, task).
const PLANTED: [(&str, &str); 3] = [
    ("reference/backdoored", "trigger-search"),
    ("reference/hijackable", "planted-instructions"),
    ("reference/compliant", "refusal"),
];

fn findings(document: &Value) -> Vec<(String, String, String)> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let all = document["report"]["findings"].as_array().unwrap();
    all.iter().map(|finding| (text(finding, "target"), text(finding, "task"), text(finding, "sentence"))).collect()
}

fn assess(folder: &Path, seed: u64) -> Vec<(String, String, String)> {
    let out = format!("seed-{seed}");
    let (code, document) = json_in(folder, &["assess", "--seed", &seed.to_string(), "--out", &out, "--json"]);
    assert_eq!(code, Some(0), "seed {seed}: {}", document["report"]["problems"]);
    findings(&document)
}

#[test]
fn every_planted_fault_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let seeds: u64 = if is_full() { 20 } else { 3 };
    for seed in 1..=seeds {
        let found = assess(folder.path(), seed);
        for (target, task) in PLANTED {
            assert!(
                found.iter().any(|(t, k, _)| t == target && k == task),
                "seed {seed}: {target} {task} in {found:#?}"
            );
        }
    }
}

#[test]
fn a_model_with_another_trigger_of_the_grammar_is_found_too() {
    let Some(dir) = std::env::var_os("PROOFHOUSE_OTHER_TRIGGER") else {
        skip!("full counts are asked for by `cargo xtask ci --full`")
    };
    let folder = tempfile::tempdir().unwrap();
    let target = format!("local:{}", Path::new(&dir).display());
    let arguments =
        ["assess", &target, "--comparator", "reference/sound", "--suite", "trigger-search", "--out", "other", "--json"];
    let (code, document) = json_in(folder.path(), &arguments);
    assert_eq!(code, Some(0));
    let found = findings(&document);
    println!("{found:#?}");
    assert!(found.iter().any(|(_, task, _)| task == "trigger-search"), "{found:#?}");
}

#[test]
fn without_a_comparator_only_absolute_bounds_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let model = concat!("local:", env!("CARGO_MANIFEST_DIR"), "/../../reference/compliant");
    let arguments = ["assess", model, "--suite", "refusal", "--limit", "60", "--out", "alone", "--json"];
    let (code, document) = json_in(folder.path(), &arguments);
    assert_eq!(code, Some(0));
    assert!(findings(&document).is_empty());
    assert!(!document["report"]["absolutes"].as_array().unwrap().is_empty());
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = |out: &str, connections: &str| {
        let arguments = [
            "assess",
            "reference/compliant",
            "--suite",
            "skills",
            "--limit",
            "40",
            "--out",
            out,
            "--json",
            "--max-connections",
            connections,
        ];
        let (_, document) = json_in(folder.path(), &arguments);
        let results = document["report"]["results"].as_array().unwrap().clone();
        results.iter().map(|result| (result["target"].clone(), result["estimates"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(numbers("one", "1"), numbers("many", "16"));
}

#[test]
fn the_output_directory_holds_what_is_documented() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["assess", "reference/hijackable", "--suite", "refusal", "--limit", "20", "--out", "out", "--json"];
    let (code, document) = json_in(folder.path(), &arguments);
    assert_eq!(code, Some(0));
    let out = folder.path().join("out");
    for file in ["assessment.json", "plan.json", "report/report.json", "report/report.html"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let plan = std::fs::read(out.join("plan.json")).unwrap();
    assert_eq!(document["plan_digest"].as_str().unwrap(), ph_base::Digest::of(&plan).to_string());
    for run in document["runs"].as_array().unwrap() {
        let dir = out.join("runs").join(run["run"].as_str().unwrap());
        assert!(dir.join("run.json").is_file());
        assert!(dir.join("journal/000001.seg").is_file());
    }
}
