//! Ctrl-C leaves a readable run and a report of what was recorded.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::program::{json_in, proofhouse};

#[test]
fn an_interrupted_assessment_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = proofhouse(&["assess", "--out", "out"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // The first run's line says that work is well under way.
    while !line.contains(" samples in ") {
        line.clear();
        assert!(talk.read_line(&mut line).unwrap() > 0, "the assessment ended by itself");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    while talk.read_line(&mut rest).unwrap() > 0 {}
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    let report = std::fs::read(folder.path().join("out/report/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["interrupted"], true);
    for run in std::fs::read_dir(folder.path().join("out/runs")).unwrap() {
        let path = run.unwrap().path();
        let (code, shown) = json_in(folder.path(), &["eval", "show", path.to_str().unwrap(), "--json"]);
        assert_eq!(code, Some(0), "{}", path.display());
        assert_ne!(shown["status"], "started", "{}", path.display());
    }
}

/// The interrupt is heard while a foreign template keeps its process busy.
#[test]
fn an_interrupt_is_heard_while_a_template_runs() {
    let folder = tempfile::tempdir().unwrap();
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reference/sound");
    let model = folder.path().join("slow");
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(reference).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, model.join(path.file_name().unwrap())).unwrap();
        }
    }
    let template = "{% set ns = namespace(n=0) %}{% for i in range(100000) %}{% set ns.n = ns.n + ('x' * 1000000) | length %}{% endfor %}";
    std::fs::write(model.join("chat_template.jinja"), template).unwrap();
    let mut child = proofhouse(&["eval", "run", "refusal", "--target", "local:slow", "--limit", "2"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let runs = folder.path().join("runs");
    while !runs.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        pause();
    }
    let id = child.id().to_string();
    let interrupt = || assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let began = std::time::Instant::now();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    for wanted in ["finished and recorded", "dropped"] {
        interrupt();
        while !line.contains(wanted) {
            line.clear();
            assert!(talk.read_line(&mut line).unwrap() > 0, "the run ended before it said `{wanted}`");
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed().as_secs() < 9, "the second interrupt waits for no template");
}

#[expect(clippy::disallowed_methods, reason = "a test that watches another process has nothing to wait on")]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}
