//! Runs that are killed at any instant and gone on with, and limits that are changed while a run is under way.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ph_testkit::stub::{Latency, Stub, StubConfig};
use serde_json::Value;

use crate::program::{json_in, proofhouse, run_in, talk};

const SAMPLES: usize = 300;

/// A task of many small items in `folder`.
fn write_task(folder: &Path, samples: usize) {
    let task = "name = \"echo\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"includes\"]\n";
    std::fs::write(folder.join("task.toml"), task).unwrap();
    let mut items = String::new();
    for item in 0..samples {
        writeln!(items, "{{\"id\":\"item-{item:04}\",\"input\":\"Repeat {item:04}.\",\"target\":\"{item:04}\"}}")
            .unwrap();
    }
    std::fs::write(folder.join("items.jsonl"), items).unwrap();
}

/// A server that answers after a few milliseconds, so that work is under way whenever the program is killed.
fn stub() -> Stub {
    Stub::start(StubConfig { first_byte: Latency::Fixed { ms: 8.0 }, ..StubConfig::default() }).unwrap()
}

fn base_url(stub: &Stub) -> String {
    format!("http://{}/v1", stub.address())
}

/// The program under way on the task in `folder`.
fn start(folder: &Path, stub: &Stub, more: &[&str]) -> Child {
    proofhouse(&["eval", "run", "task.toml", "--target", "openai-api/stub/m", "--base-url", &base_url(stub)])
        .current_dir(folder)
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn run_dir(folder: &Path) -> Option<PathBuf> {
    let mut runs = folder.join("runs").read_dir().ok()?;
    Some(runs.next()?.unwrap().path())
}

/// The ids of the samples that the journal shows, with their replies.
fn samples(folder: &Path, run: &Path) -> Vec<(String, Value)> {
    let log = run.join("log-000.eval");
    let (code, shown) = json_in(folder, &["log", "show", log.to_str().unwrap(), "--json"]);
    assert_eq!(code, Some(0));
    let mut samples: Vec<(String, Value)> = (shown["samples"].as_array().unwrap().iter())
        .map(|sample| (sample["id"].as_str().unwrap().to_owned(), sample["scores"].clone()))
        .collect();
    samples.sort_by(|a, b| a.0.cmp(&b.0));
    samples
}

#[test]
fn a_run_that_is_killed_at_any_instant_comes_to_the_same_end() {
    let undisturbed = tempfile::tempdir().unwrap();
    write_task(undisturbed.path(), SAMPLES);
    let server = stub();
    assert!(start(undisturbed.path(), &server, &["--max-connections", "10"]).wait().unwrap().success());
    let wanted = samples(undisturbed.path(), &run_dir(undisturbed.path()).unwrap());
    assert_eq!(wanted.len(), SAMPLES);
    let mut under_way = 0;
    for kill in 0..6_u64 {
        let folder = tempfile::tempdir().unwrap();
        write_task(folder.path(), SAMPLES);
        let server = stub();
        let mut child = start(folder.path(), &server, &["--max-connections", "10"]);
        let begun = Instant::now();
        // Wait for the kill's own instant: so many calls.
        while server.stats().requests < 1 + kill * 47 && begun.elapsed() < Duration::from_secs(20) {
            pause(1);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let sent_before = server.stats().requests;
        under_way += u64::from(sent_before < SAMPLES as u64);
        let run = run_dir(folder.path()).unwrap();
        let (code, resumed) = json_in(folder.path(), &["eval", "resume", run.to_str().unwrap(), "--json"]);
        assert_eq!((code, &resumed["samples"]), (Some(0), &SAMPLES.into()), "{resumed}");
        // At most those under way and those that were not on the disk yet are asked a second time.
        let repeated = server.stats().requests - SAMPLES as u64;
        assert!(repeated <= 10 + 64 + 20, "{repeated} of {sent_before}");
        assert_eq!(samples(folder.path(), &run), wanted);
        let again = run_in(folder.path(), &["eval", "resume", run.to_str().unwrap()]);
        assert!(again.status.success() && talk(&again).contains("nothing was sent"), "{}", talk(&again));
        assert_eq!(server.stats().requests, SAMPLES as u64 + repeated);
    }
    assert!(under_way >= 5, "work was under way in {under_way} of 6");
}

#[test]
fn a_run_is_not_gone_on_with_when_something_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), 40);
    let server = stub();
    assert!(start(folder.path(), &server, &[]).wait().unwrap().success());
    let run = run_dir(folder.path()).unwrap();
    write_task(folder.path(), 41);
    let sent = server.stats().requests;
    let changed = run_in(folder.path(), &["eval", "resume", run.to_str().unwrap()]);
    assert_eq!(changed.status.code(), Some(3), "{}", talk(&changed));
    let said = talk(&changed);
    assert!(said.contains("task digest was") && said.contains("nothing was sent"), "{said}");
    assert_eq!(server.stats().requests, sent);
}

#[test]
fn limits_are_changed_while_a_run_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), 2_000);
    let server = stub();
    let mut child = start(folder.path(), &server, &["--max-connections", "2", "--fixed-connections"]);
    let begun = Instant::now();
    while server.stats().requests < 20 && begun.elapsed() < Duration::from_secs(20) {
        pause(5);
    }
    let run = run_dir(folder.path()).unwrap();
    let run = run.to_str().unwrap();
    let (code, tuned) = json_in(folder.path(), &["eval", "tune", run, "--max-connections", "30", "--json"]);
    assert_eq!(code, Some(0), "{tuned}");
    assert_eq!(tuned["limits"]["connections"], 30);
    assert!(child.wait().unwrap().success());
    let manifest: Value = serde_json::from_slice(&std::fs::read(Path::new(run).join("run.json")).unwrap()).unwrap();
    assert_eq!(manifest["limit_changes"][0]["limits"]["connections"], 30);
    let most = server.stats().in_flight_max;
    assert!(most > 2 && most <= 30, "{most}");
    let late = run_in(folder.path(), &["eval", "tune", run, "--max-connections", "3"]);
    assert_eq!(late.status.code(), Some(9), "{}", talk(&late));
}

#[test]
fn an_endpoint_that_fails_now_and_then_fails_no_sample() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), 120);
    let config = StubConfig { seed: 5, retry_after_s: 0, ..StubConfig::default() };
    let config = config
        .with_fault("rate_limited".parse().unwrap(), 0.1)
        .with_fault("server_error".parse().unwrap(), 0.05)
        .with_fault("reset_mid_body".parse().unwrap(), 0.05);
    let server = Stub::start(config).unwrap();
    let url = base_url(&server);
    let arguments = ["eval", "run", "task.toml", "--target", "openai-api/stub/m", "--base-url", &url, "--json"];
    let (code, run) = json_in(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{run}");
    assert_eq!(run["endings"]["completed"], 120);
    assert!(server.stats().requests > 125, "some were tried again");
    let folder = folder.path();
    let mut attempts = BTreeSet::new();
    for item in 0..120 {
        let id = format!("item-{item:04}");
        let dir = folder.join(run["dir"].as_str().unwrap());
        let (_, shown) = json_in(folder, &["eval", "show", dir.to_str().unwrap(), "--sample", &id, "--json"]);
        let events = shown["events"].as_array().unwrap();
        attempts.insert(events.iter().filter(|event| event["event"] == "model").count());
    }
    assert!(attempts.len() > 1 && attempts.contains(&1), "every attempt is in the transcript: {attempts:?}");
    let never = run_in(folder, &[&arguments[..7], &["--retries", "0"]].concat());
    assert_eq!(never.status.code(), Some(5), "{}", talk(&never));
}

/// An assessment of the task in `folder` on the stub, into `out`.
fn assess(folder: &Path, server: &Stub, more: &[&str]) -> Command {
    let url = base_url(server);
    let target = ["assess", "openai-api/stub/m", "--base-url", &url, "--suite", "task.toml", "--no-check"];
    let mut command = proofhouse(&[&target[..], &["--out", "out", "--max-connections", "4"], more].concat());
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What the program said, without the lines into which it breaks it.
fn in_one_line(output: &std::process::Output) -> String {
    talk(output).replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a report says of its runs, without times and without tokens: the server tells which prompts it has seen before.
fn results(folder: &Path) -> Value {
    let report = std::fs::read(folder.join("out/report/report.json")).unwrap();
    let mut report: Value = serde_json::from_slice(&report).unwrap();
    for result in report["results"].as_array_mut().unwrap() {
        for changing in ["run", "started_at", "duration_ms", "transcripts", "usage"] {
            result.as_object_mut().unwrap().remove(changing);
        }
    }
    report["results"].clone()
}

#[test]
fn an_assessment_that_is_killed_or_interrupted_comes_to_the_same_end() {
    let undisturbed = tempfile::tempdir().unwrap();
    write_task(undisturbed.path(), SAMPLES);
    assert!(assess(undisturbed.path(), &stub(), &[]).status().unwrap().success());
    let wanted = results(undisturbed.path());
    for signal in ["-KILL", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write_task(folder, SAMPLES);
        let server = stub();
        let mut child = assess(folder, &server, &[]).spawn().unwrap();
        while server.stats().requests < 60 {
            pause(1);
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap();
        let sent_before = server.stats().requests;
        assert!(sent_before < SAMPLES as u64, "work was under way");
        let plan = std::fs::read(folder.join("out/plan.json")).unwrap();
        let other = assess(folder, &server, &["--resume", "--seed", "2"]).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(other.status.code(), Some(3), "{}", talk(&other));
        assert!(in_one_line(&other).contains("seed was `1`, is `2`"), "{}", talk(&other));
        assert_eq!(server.stats().requests, sent_before, "nothing was sent");
        let resumed = assess(folder, &server, &["--resume"]).stderr(Stdio::piped()).output().unwrap();
        assert!(resumed.status.success(), "{}", talk(&resumed));
        let repeated = server.stats().requests - SAMPLES as u64;
        assert!(repeated <= 4 + 64 + 8, "{repeated} of {sent_before}");
        assert_eq!(results(folder), wanted, "{signal}");
        assert_eq!(std::fs::read(folder.join("out/plan.json")).unwrap(), plan, "the plan stays as it was locked");
        let report = std::fs::read_to_string(folder.join("out/report/report.html")).unwrap();
        assert!(report.contains("was gone on with at"));
        let sent = server.stats().requests;
        assert!(assess(folder, &server, &["--resume"]).status().unwrap().success());
        assert_eq!(server.stats().requests, sent, "what is whole is not asked again");
        std::fs::write(folder.join("out/plan.json"), [&plan[..], b" "].concat()).unwrap();
        let touched = assess(folder, &server, &["--resume"]).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(touched.status.code(), Some(3), "{}", talk(&touched));
        assert!(in_one_line(&touched).contains("is not the plan that was locked"), "{}", talk(&touched));
        let run = folder.join("out/runs").read_dir().unwrap().next().unwrap().unwrap().path();
        let run = run_in(folder, &["eval", "resume", run.to_str().unwrap()]);
        assert_eq!(run.status.code(), Some(3), "a run of it is not gone on with either: {}", talk(&run));
    }
}
