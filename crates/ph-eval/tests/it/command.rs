//! External graders: what a program in another language does well, and every way in which it can fail.

use std::path::Path;

use ph_eval::{NoGenerators, RunRequest, TaskPlace, load_task};
use ph_record::Ending;

use crate::fixture::{Fake, door, request, run_kept};

/// A grader in Python that does what an item's input says.
const GRADER: &str = r#"
import json, os, sys, time
for line in sys.stdin:
    question = json.loads(line)
    what = question["input"].split()[0]
    answer = {"id": question["id"], "value": question["reply"] in question["target"]}
    if what == "crash":
        sys.stderr.write("x" * 100000 + "the last words")
        sys.stderr.flush()
        os._exit(3)
    if what == "hang":
        time.sleep(600)
    if what == "nonsense":
        print("hello", flush=True)
        continue
    if what == "wrong":
        answer["id"] = "another"
    if what == "close":
        os.close(1)
        time.sleep(600)
    if what == "huge":
        answer["explanation"] = "x" * (2 << 20)
    if what == "twice":
        print(json.dumps(answer))
    if what == "neither":
        del answer["value"]
    if what == "null":
        answer["value"] = None
    if what == "nan":
        print('{"id": "%s", "value": NaN}' % question["id"], flush=True)
        continue
    if what == "sorry":
        answer = {"id": question["id"], "error": "cannot tell"}
    if what == "number":
        answer["value"] = 0.25
    if what == "env":
        answer["explanation"] = json.dumps([sorted(k for k in os.environ if k != "LC_CTYPE"), os.path.basename(os.getcwd()), os.getpid()])
    print(json.dumps(answer), flush=True)
    if what == "leave":
        sys.exit(0)
"#;

pub(crate) fn write(folder: &Path, words: &[&str], more: &str) {
    let item =
        |(k, word): (usize, &&str)| format!("{{\"id\":\"{k:02}\",\"input\":\"{word} {k}\",\"target\":\"{k}\"}}\n");
    std::fs::write(folder.join("items.jsonl"), words.iter().enumerate().map(item).collect::<String>()).unwrap();
    std::fs::write(folder.join("grader.py"), GRADER).unwrap();
    let toml = format!(
        "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [{{ name = \"command\", command = [\"python3\", \"grader.py\"]{more} }}]\n"
    );
    std::fs::write(folder.join("task.toml"), toml).unwrap();
}

/// What becomes of each item, one after another.
async fn outcomes(words: &[&str], more: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), words, more);
    let task =
        load_task(&TaskPlace::Disk(folder.path().to_owned()), &NoGenerators).unwrap_or_else(|error| panic!("{error}"));
    let (manifest, kept) = run_kept(RunRequest { door: door(Fake::echo(), 1), ..request(task, Fake::echo()) }).await;
    manifest.unwrap();
    let shown = |record: &ph_record::SampleRecord| match &record.ending {
        Ending::Completed => {
            let score = &record.scores["command"];
            let value = serde_json::to_string(&score.value).unwrap();
            score.explanation.as_ref().map_or(value.clone(), |words| format!("{value} {words}"))
        }
        Ending::GraderError(error) => format!("grader error: {}", error.message),
        other => format!("{other:?}"),
    };
    kept.records().iter().map(|record| shown(record)).collect()
}

#[tokio::test]
async fn a_program_grades_line_by_line() {
    let got = outcomes(&["good", "number", "env", "env"], ", env = { GREETING = \"hi\" }").await;
    assert_eq!(got[..2], ["true", "0.25"]);
    assert!(
        got[2].contains("[\\\"GREETING\\\"]") || got[2].contains("[\"GREETING\"]"),
        "only what is listed: {}",
        got[2]
    );
    assert_eq!(got[2], got[3], "one process, kept");
}

#[tokio::test]
async fn every_failure_is_that_sample_s_alone() {
    let failures = [
        ("crash", "ended, or closed its output"),
        ("hang", "no answer within 2 s"),
        ("nonsense", "its answer is not one"),
        ("wrong", "it answers for `another`"),
        ("close", "ended, or closed its output"),
        ("huge", "longer than"),
        ("twice", "more than one line"),
        ("neither", "not either a `value` or an `error`"),
        ("null", "not either a `value` or an `error`"),
        ("nan", "its answer is not one"),
        ("sorry", "it says: cannot tell"),
    ];
    let words: Vec<&str> = failures.iter().flat_map(|(word, _)| [*word, "good"]).collect();
    let got = outcomes(&words, ", time_limit_seconds = 2").await;
    for (place, (word, wanted)) in failures.iter().enumerate() {
        let failed = &got[2 * place];
        assert!(failed.starts_with("grader error: scorer `command`") && failed.contains(wanted), "{word}: {failed}");
        assert_eq!(got[2 * place + 1], "true", "after {word}");
    }
    assert!(
        got[0].contains("the last words") && got[0].len() < 2_000,
        "the end of stderr, in bounds: {}",
        got[0].len()
    );
}

#[tokio::test]
async fn a_program_that_leaves_between_samples_is_started_again() {
    assert_eq!(outcomes(&["leave", "good", "leave", "good"], "").await, ["true"; 4]);
}

#[tokio::test]
async fn a_program_that_is_not_there_fails_every_sample() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &["good", "good"], "");
    let toml = std::fs::read_to_string(folder.path().join("task.toml")).unwrap();
    std::fs::write(folder.path().join("task.toml"), toml.replace("\"python3\"", "\"/nonexistent/program\"")).unwrap();
    let task = load_task(&TaskPlace::Disk(folder.path().to_owned()), &NoGenerators).unwrap();
    let (manifest, _) = run_kept(request(task, Fake::echo())).await;
    assert_eq!(manifest.unwrap().endings["grader error"], 2);
}

#[tokio::test]
async fn what_a_program_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &["good"], "");
    let script = "#!/bin/sh\nsleep 600 & echo $! > child\nread line\necho nonsense\nwait\n";
    std::fs::write(folder.path().join("grader.sh"), script).unwrap();
    let toml = std::fs::read_to_string(folder.path().join("task.toml")).unwrap();
    let toml = toml.replace("[\"python3\", \"grader.py\"]", "[\"/bin/sh\", \"grader.sh\"]");
    std::fs::write(folder.path().join("task.toml"), toml).unwrap();
    let task = load_task(&TaskPlace::Disk(folder.path().to_owned()), &NoGenerators).unwrap();
    let (manifest, _) = run_kept(request(task, Fake::echo())).await;
    assert_eq!(manifest.unwrap().endings["grader error"], 1);
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let is_alive = || {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    };
    for _ in 0..100 {
        if !is_alive() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("process {child} goes on");
}
