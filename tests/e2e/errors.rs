//! Errors as a person meets them: what, where, what to do, and the exit code. Whole commands as snapshots.

use std::path::Path;
use std::process::Command;

use ph_testkit::skip;

use crate::program::{proofhouse, run_in, talk};

/// Runs a command and checks exit code, talk and data against the snapshot; nothing may have been left behind.
fn check(name: &str, folder: &Path, arguments: &[&str]) {
    let output = run_in(folder, arguments);
    let data = String::from_utf8_lossy(&output.stdout).into_owned();
    let shown = format!(
        "$ proofhouse {}\nexit {}\n--- stdout\n{data}--- stderr\n{}",
        arguments.join(" "),
        output.status.code().map_or_else(|| "by signal".to_owned(), |code| code.to_string()),
        talk(&output)
    );
    assert!(!shown.contains("panicked"), "{shown}");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"run_[0-9a-f]{32}", "run_ID");
    settings.add_filter(r"plan_[0-9a-f]{32}", "plan_ID");
    settings.add_filter(r"in \d+\.\d s \(\d+/s\)", "in TIME");
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[test]
fn the_command_line_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    check("no_command", here, &[]);
    check("unknown_command", here, &["asess"]);
    check("unknown_target", here, &["assess", "reference/nobody"]);
    check("no_target_name", here, &["assess", "nobody"]);
    check("target_behind_an_api", here, &["assess", "openai/some-model"]);
    check("unknown_suite", here, &["assess", "--suite", "nothing"]);
    check("zero_limit", here, &["assess", "--limit", "0"]);
    check("margin_out_of_range", here, &["assess", "--margin", "100"]);
    check("suite_twice", here, &["assess", "--suite", "refusal", "--suite", "refusal"]);
    check("own_comparator", here, &["assess", "reference/sound", "--comparator", "reference/sound"]);
    check("unknown_run", here, &["eval", "show", "run_00000000000000000000000000000000"]);
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 0, "a refused command leaves nothing behind");
}

#[test]
fn a_key_or_a_log_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    check("key_name", here, &["key", "new", "a name", "--out", "k"]);
    check("key_missing", here, &["key", "show", "absent.key"]);
    std::fs::write(here.join("made.key"), "mine").unwrap();
    check("key_exists", here, &["key", "new", "lab.example/p", "--out", "made.key"]);
    check("key_malformed", here, &["key", "show", "made.key"]);
    std::fs::write(here.join("w.key"), WITNESS_KEY).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(here.join("w.key"), mode).unwrap();
    std::fs::write(here.join("logs.txt"), "# logs\nlab.example/p\n").unwrap();
    let serve = |log| ["witness", "serve", "--key", "w.key", "--state", "state", "--port", "0", "--log", log];
    check("witness_log_is_no_key", here, &serve("lab.example/p"));
    check("witness_log_file", here, &serve("logs.txt"));
    check("witness_own_key", here, &serve("witness+f13a86db+AdYV1Ztajd9BvyjP2HgpwrqYL6TjOwIjGMOq8Bu42xbN"));
    assert!(!here.join("state").exists(), "a refused command leaves nothing behind");
}

/// A published key (github.com/transparency-dev/witness, `witness_test.go`).
const WITNESS_KEY: &str = "PRIVATE+KEY+witness+f13a86db+AaLa/dfyBhyo/m0Z7WCi98ENVZWtrP8pxgRNrx7tIWiA\n";

#[test]
fn the_output_directory_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("used")).unwrap();
    std::fs::write(here.join("used/mine.txt"), "mine").unwrap();
    let small = ["assess", "reference/sound", "--suite", "refusal", "--limit", "2", "--out"];
    check("out_in_use", here, &[&small[..], &["used"]].concat());
    check("out_through_a_file", here, &[&small[..], &["used/mine.txt/out"]].concat());
    assert_eq!(std::fs::read_to_string(here.join("used/mine.txt")).unwrap(), "mine");
}

#[test]
fn a_folder_without_write_permission_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    let mut permissions = std::fs::metadata(&locked).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o555);
    std::fs::set_permissions(&locked, permissions).unwrap();
    if std::fs::write(locked.join("probe"), "x").is_ok() {
        skip!("running as root, whom no file mode keeps out");
    }
    let arguments = ["assess", "reference/sound", "--suite", "refusal", "--limit", "2", "--out", "locked/out"];
    check("out_not_writable", folder.path(), &arguments);
}

const TASK: &str = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"exact\"]\n";

fn task(folder: &Path, name: &str, (spec, items): (&str, &str)) -> String {
    let dir = folder.join(name);
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("task.toml"), spec).unwrap();
    std::fs::write(dir.join("items.jsonl"), items).unwrap();
    format!("{name}/task.toml")
}

#[test]
fn a_task_is_malformed() {
    let folder = tempfile::tempdir().unwrap();
    let good = "{\"id\": \"1\", \"input\": \"hello\", \"target\": \"x\"}\n";
    let cases = [
        ("toml_syntax", "name = \"t\"\ndataset = items.jsonl\n".to_owned(), good.to_owned()),
        ("unknown_key", format!("{TASK}epoch = 3\n"), good.to_owned()),
        ("unknown_solver", TASK.replace("generate", "generat"), good.to_owned()),
        ("unknown_scorer", TASK.replace("exact", "exactly"), good.to_owned()),
        ("missing_name", TASK.replace("name = \"t\"\n", ""), good.to_owned()),
        ("unknown_generator", TASK.replace("\"items.jsonl\"", "{ generator = \"nothing\" }"), good.to_owned()),
        ("dataset_missing", TASK.replace("items.jsonl", "absent.jsonl"), good.to_owned()),
        ("dataset_outside", TASK.replace("items.jsonl", "../items.jsonl"), good.to_owned()),
        ("bad_line", TASK.to_owned(), format!("{good}{{\"id\": \"2\", \"input\": }}\n")),
        ("line_without_input", TASK.to_owned(), format!("{good}{{\"id\": \"2\"}}\n")),
        ("duplicate_id", TASK.to_owned(), format!("{good}{good}")),
        ("empty_dataset", TASK.to_owned(), String::new()),
        ("no_gold_answer", TASK.to_owned(), format!("{good}{{\"id\": \"2\", \"input\": \"x\"}}\n")),
        ("negative_temperature", format!("{TASK}[config]\ntemperature = -1.0\n"), good.to_owned()),
    ];
    for (name, spec, items) in &cases {
        let path = task(folder.path(), name, (spec, items));
        check(&format!("task_{name}"), folder.path(), &["eval", "run", &path, "--target", "reference/sound"]);
    }
}

#[test]
fn escape_sequences_in_arguments_and_files_are_shown_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let spec = TASK.replace("\"generate\"", "\"gen\u{1b}]0;x\u{7}erate\"").replace("\"t\"", "\"\u{202e}t\"");
    let path = task(folder.path(), "red", (&spec, ""));
    let red = "x\u{1b}[31my";
    let commands: [&[&str]; 5] = [
        &["eval", "run", &path, "--target", "reference/sound"],
        &["eval", "show", red],
        &["eval", "run", red, "--target", "reference/sound"],
        &["assess", "--suite", red],
        &[red],
    ];
    for arguments in commands {
        let output = run_in(folder.path(), arguments);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{arguments:?}");
        let said = talk(&output);
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{arguments:?}: {said:?}");
    }
}

/// With nowhere to complain to, the exit code still tells.
#[test]
fn a_stderr_that_cannot_be_written_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = proofhouse(&["eval", "show", "nothing"]);
    let status = command.current_dir(folder.path()).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

/// A disk that is full is played by a limit on the size of files, the signal for it ignored: writes then fail.
#[test]
fn a_run_that_cannot_be_recorded_ends_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let program = proofhouse(&[]);
    let line = "trap '' XFSZ; ulimit -f 64; exec \"$0\" eval run skills --target reference/sound --limit 100";
    let output = Command::new("sh")
        .args(["-c", line])
        .arg(program.get_program())
        .env("NO_COLOR", "1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let talk = talk(&output);
    assert_eq!(output.status.code(), Some(9), "{talk}");
    let flat = talk.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("cannot record") && flat.contains("journal") && flat.contains("free some room"), "{talk}");
    let run = std::fs::read_dir(folder.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let shown = run_in(folder.path(), &["eval", "show", run.to_str().unwrap(), "--json"]);
    assert_eq!(shown.status.code(), Some(0), "what was recorded before can be read");
}
