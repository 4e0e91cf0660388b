//! Who failed: every fault that an endpoint can have, beside what a grader, a limit, a refusal and a safeguard do, in one
//! run each. The tables tell them apart, and nothing of it is booked on the model.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use ph_testkit::stub::{Fault, Stub, StubConfig};
use serde_json::{Value, json};

use crate::program::{json_in, run_in, talk};

/// The ending and, of an error, its code that a fault of the endpoint has; none where the reply can still be read.
fn wanted(fault: Fault) -> Option<(&'static str, &'static str)> {
    Some(match fault {
        Fault::ContextTooLong => ("limit", "context"),
        Fault::Unauthorized | Fault::Forbidden => ("provider error", "unauthorized"),
        Fault::NotFound => ("provider error", "not_found"),
        Fault::RateLimited | Fault::RateLimitedDate => ("provider error", "rate_limited"),
        Fault::ServerError | Fault::BadGateway | Fault::Unavailable | Fault::Overloaded | Fault::ErrorInBody => {
            ("provider error", "overloaded")
        }
        Fault::ResetBeforeHeaders | Fault::ResetMidBody | Fault::LengthTooLong => ("provider error", "unreachable"),
        Fault::SlowDrip | Fault::Hang | Fault::HangMidBody => ("provider error", "timeout"),
        Fault::DuplicateKeys => return None,
        _ => ("provider error", "malformed_reply"),
    })
}

/// What happens without a fault of the endpoint: the prompt, the ending, the response.
const OTHERWISE: [(&str, &str, &str, Option<&str>); 4] = [
    ("answer", "[[stub:say=yes]]", "completed", Some("answered")),
    ("refusal", "[[stub:refuse]]", "completed", Some("model_refusal")),
    ("safeguard", "[[stub:filter]]", "completed", Some("safeguard_block")),
    ("long", "[[stub:words=40]]", "limit", Some("answered")),
];

fn write_task(folder: &Path, scorer: &str) {
    let task = format!(
        "name = \"endings\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [{scorer}]\n\
         [limits]\ntokens = 40\n"
    );
    std::fs::write(folder.join("task.toml"), task).unwrap();
    let mut items = String::new();
    let mut item = |id: &str, prompt: &str| {
        writeln!(items, "{}", json!({ "id": id, "input": prompt, "target": "yes" })).unwrap();
    };
    Fault::ALL.iter().for_each(|fault| item(fault.name(), &format!("[[stub:fault={}]]", fault.name())));
    OTHERWISE.iter().for_each(|(id, prompt, ..)| item(id, prompt));
    std::fs::write(folder.join("items.jsonl"), items).unwrap();
}

/// Runs it without retries; returns the program's document and the records by item.
fn run(folder: &Path, scorer: &str) -> (Value, BTreeMap<String, Value>) {
    write_task(folder, scorer);
    let config = StubConfig { huge_bytes: 200 << 20, ..StubConfig::default() };
    let server = Stub::start(config).unwrap();
    let url = format!("http://{}/v1", server.address());
    let arguments = ["eval", "run", "task.toml", "--target", "openai-api/stub/m", "--base-url", &url, "--retries", "0"];
    let limits = ["--first-byte-timeout", "1", "--call-timeout", "2", "--json"];
    let (code, document) = json_in(folder, &[&arguments[..], &limits[..]].concat());
    assert_eq!(code, Some(5), "{document}");
    let dir = ph_eval::RunDir::open(folder.join(document["dir"].as_str().unwrap())).unwrap();
    let records = dir.records_without_events().unwrap().map(|record| {
        let record = record.unwrap();
        (record.sample.clone(), serde_json::to_value(record).unwrap())
    });
    (document, records.collect())
}

#[test]
fn the_tables_tell_every_fault_apart_and_none_is_the_model_s() {
    let folder = tempfile::tempdir().unwrap();
    let (document, records) = run(folder.path(), "\"includes\"");
    assert_eq!(records.len(), Fault::ALL.len() + OTHERWISE.len());
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for fault in Fault::ALL {
        let ending = &records[fault.name()]["ending"];
        let kind = ending["kind"].as_str().unwrap().replace('_', " ");
        let code = ending.get("code").or_else(|| ending.get("limit")).and_then(Value::as_str).unwrap_or_default();
        match wanted(fault) {
            Some((name, what)) => {
                assert_eq!((kind.as_str(), code), (name, what), "{}: {ending}", fault.name());
                *counts.entry((name, what)).or_default() += 1;
                assert_eq!(records[fault.name()]["scores"], json!({}), "{}", fault.name());
            }
            None => assert_eq!(kind, "completed", "{}: {ending}", fault.name()),
        }
    }
    for (id, _, ending, response) in OTHERWISE {
        let record = &records[id];
        assert_eq!((record["ending"]["kind"].as_str(), record["response"].as_str()), (Some(ending), response), "{id}");
        let score = record["scores"]["includes"]["value"].as_str();
        assert_eq!(score, Some(if id == "answer" { "C" } else { "I" }), "{id}: what has a reply is scored");
    }
    assert_eq!(document["endings"]["model error"], Value::Null, "{document}");
    assert_eq!(document["endings"]["limit"], 2, "{document}");
    let of_errors: BTreeMap<(&str, &str), u64> =
        counts.iter().filter(|((name, _), _)| *name != "limit").map(|(key, count)| (*key, *count)).collect();
    let told = document["failures"].as_array().unwrap().iter().map(|failure| {
        let text = |name: &str| failure[name].as_str().unwrap();
        ((text("ending"), text("code")), failure["count"].as_u64().unwrap())
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), of_errors);
    let shown = run_in(folder.path(), &["eval", "show", document["dir"].as_str().unwrap()]);
    let shown = format!("{}{}", String::from_utf8_lossy(&shown.stdout), talk(&shown));
    for ((ending, code), count) in &of_errors {
        assert!(shown.contains(&format!("{count} × {ending} ({code})")), "{count} {ending} {code}: {shown}");
    }
}

#[test]
fn a_grader_that_crashes_is_told_apart_from_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let crash = "{ name = \"command\", command = [\"/bin/sh\", \"-c\", \"exit 3\"] }";
    let (document, records) = run(folder.path(), crash);
    for fault in Fault::ALL.iter().filter(|fault| wanted(**fault).is_some_and(|(name, _)| name != "limit")) {
        assert_eq!(records[fault.name()]["ending"]["kind"], "provider_error", "{}", fault.name());
    }
    for (id, _, _, response) in OTHERWISE {
        let record = &records[id];
        assert_eq!((record["ending"]["kind"].as_str(), record["response"].as_str()), (Some("grader_error"), response));
        assert_eq!(record["scores"], json!({}), "{id}: no score is made up");
    }
    assert_eq!(document["endings"]["model error"], Value::Null, "{document}");
    let report = run_in(folder.path(), &["report", document["dir"].as_str().unwrap(), "--out", "report-of-it"]);
    assert!(report.status.success() || report.status.code() == Some(5), "{}", talk(&report));
    let page = std::fs::read_to_string(folder.path().join("report-of-it/report/report.html")).unwrap();
    for named in ["provider error", "grader error", "rate_limited", "unauthorized", "malformed_reply", "timeout"] {
        assert!(page.contains(named), "{named}");
    }
}
