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
