//! `--budget`, `--prices` and `model check`, as a person meets them.

use std::path::Path;

use serde_json::Value;

use crate::program::{json_in, run_in, talk};

const PRICES: &str = "as_of = 2026-01-01\ncurrency = \"USD\"\n\n[[price]]\nmodel = \"reference/*\"\ninput = 1.00\noutput = 2.00\nsource = \"made up for a test\"\n";

fn eval<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["eval", "run", "refusal", "--target", "reference/sound", "--max-connections", "2"];
    arguments.extend(more);
    arguments
}

fn prices(folder: &Path, text: &str) {
    std::fs::write(folder.join("prices.toml"), text).unwrap();
}

#[test]
fn a_budget_in_tokens_ends_a_run_with_5() {
    let folder = tempfile::tempdir().unwrap();
    let (code, run) = json_in(folder.path(), &eval(&["--budget", "600 tokens", "--json"]));
    assert_eq!(code, Some(5), "{run}");
    assert_eq!(run["endings"]["limit"], Value::Null, "what was never asked has no ending: {run}");
    assert!(run["endings"]["completed"].as_u64().unwrap() >= 1, "{run}");
    assert_eq!(run["budget"]["ended_run"], true);
    let spent = run["budget"]["spent"]["tokens"].as_u64().unwrap();
    assert!(spent <= 600 + 2 * 200, "{run}");
    assert_eq!(run["cost"]["total"], Value::Null, "unknown, never 0");
}

#[test]
fn a_budget_in_money_needs_a_price() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_in(folder.path(), &eval(&["--budget", "5USD"]));
    assert_eq!(output.status.code(), Some(2));
    let said = talk(&output);
    assert!(said.contains("reference/sound") && said.contains("--prices"), "{said}");
    assert!(!folder.path().join("runs").exists(), "nothing is begun");

    prices(folder.path(), PRICES);
    let arguments = eval(&["--budget", "0.0006USD", "--prices", "prices.toml", "--json"]);
    let (code, run) = json_in(folder.path(), &arguments);
    assert_eq!(code, Some(5), "{run}");
    let total = run["cost"]["total"]["micros"].as_u64().unwrap();
    assert!(total > 0 && total == run["budget"]["spent"]["money"]["micros"].as_u64().unwrap(), "{run}");
    let output = run_in(folder.path(), &eval(&["--limit", "4", "--prices", "prices.toml"]));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(shown.contains(" USD a sample"), "{shown}");
}

#[test]
fn what_is_wrong_with_budget_or_prices_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let check = |more: &[&str], code: i32, parts: &[&str]| {
        let output = run_in(folder.path(), &eval(more));
        let said = talk(&output);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{more:?}: {said}");
        }
    };
    check(&["--budget", "five"], 2, &["500k tokens"]);
    check(&["--prices", "none.toml"], 3, &["none.toml"]);
    prices(folder.path(), &PRICES.replace("1.00", "\"much\""));
    check(&["--prices", "prices.toml"], 3, &["prices.toml:6:9", "2.50"]);
}

#[test]
fn an_assessment_ended_by_its_budget_has_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["assess", "reference/sound", "--suite", "refusal", "--budget", "600 tokens", "--out", "out", "--json"];
    let (code, document) = json_in(folder.path(), &arguments);
    assert_eq!(code, Some(5), "{document}");
    assert_eq!(document["status"], "cancelled");
    let first = document["report"]["problems"][0]["text"].as_str().unwrap();
    assert!(first.contains("budget of 600 tokens"), "{first}");
    assert!(document["report"]["repeat"].as_str().unwrap().contains("--budget '600 tokens'"));
    assert!(folder.path().join("out/report/report.html").exists());
}

#[test]
fn the_reference_model_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (code, seen) = json_in(folder.path(), &["model", "check", "reference/sound", "--quick", "--json"]);
    let status = |id: &str| {
        let checks = seen["checks"].as_array().unwrap();
        checks.iter().find(|check| check["id"] == id).unwrap()["status"].as_str().unwrap().to_owned()
    };
    for id in
        ["reachability", "stop-text", "streaming", "seed-same", "context-limit", "context-too-long", "fingerprint"]
    {
        assert_eq!(status(id), "passed", "{id}: {seen:#}");
    }
    assert_eq!(status("auth"), "not_checked");
    let failed = seen["checks"].as_array().unwrap().iter().any(|check| check["status"] == "failed");
    assert_eq!(code, Some(if failed { 5 } else { 0 }));
    assert!(seen["calls"].as_array().unwrap().len() <= 40);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it writes nothing");
}
