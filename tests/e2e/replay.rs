//! `eval replay`, `--cache` and `--treat`, on real weights.

use std::path::Path;

use serde_json::Value;

use crate::logs::python;
use crate::program::{json_in, proofhouse, run_in, talk};

/// Runs the program in `folder` with its data directory there.
fn json_with_data(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output =
        proofhouse(arguments).current_dir(folder).env("PROOFHOUSE_DATA_DIR", folder.join("data")).output().unwrap();
    let document = serde_json::from_slice(&output.stdout);
    (output.status.code(), document.unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", talk(&output))))
}

const ITEMS: &str = r#"{"id": "a", "input": "What is the capital of France?", "target": "Paris"}
{"id": "b", "input": "What is the capital of Italy?", "target": "Oslo"}
"#;

/// A small task in `folder/capitals`, whose prompt is `template`.
fn write_task(folder: &Path, template: &str) {
    let task = folder.join("capitals");
    std::fs::create_dir_all(&task).unwrap();
    std::fs::write(task.join("items.jsonl"), ITEMS).unwrap();
    let spec = format!(
        "name = \"capitals\"\ndataset = \"items.jsonl\"\n\
         solver = [{{ name = \"template\", text = \"{template}\" }}, \"generate\"]\nscorer = [\"exact\"]\n\
         [config]\nlogprobs = true\nmax_tokens = 8\n"
    );
    std::fs::write(task.join("task.toml"), spec).unwrap();
}

#[test]
fn every_suite_replays_to_the_byte_however_many_samples_were_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    for suite in ["skills", "refusal", "trigger-search", "planted-instructions"] {
        for connections in ["1", "16"] {
            let arguments = [
                "eval",
                "run",
                suite,
                "--target",
                "reference/sound",
                "--limit",
                "12",
                "--epochs",
                "2",
                "--max-connections",
                connections,
                "--json",
            ];
            let (code, run) = json_in(folder.path(), &arguments);
            assert_eq!(code, Some(0), "{run}");
            let id = run["run"].as_str().unwrap();
            let (code, replayed) = json_in(folder.path(), &["eval", "replay", id, "--json"]);
            assert_eq!((code, &replayed["equal"]), (Some(0), &true.into()), "{suite} {connections}: {replayed}");
            assert_eq!((&replayed["samples"], &replayed["compared"]), (&run["samples"], &"bytes".into()));
        }
    }
}

#[test]
fn a_replay_needs_no_model_and_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), "{prompt}");
    let (_, run) =
        json_in(folder.path(), &["eval", "run", "capitals/task.toml", "--target", "reference/sound", "--json"]);
    let dir = run["dir"].as_str().unwrap();
    let log = format!("{dir}/log-000.eval");
    let said = run_in(folder.path(), &["eval", "replay", dir, "--out", "kept"]);
    assert_eq!(said.status.code(), Some(0), "{}", talk(&said));
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(text.starts_with("replay equal: 2 samples, 2 calls\n"), "{text}");
    let bytes = |path: &str| std::fs::read(folder.path().join(path)).unwrap();
    let kept = format!("kept/runs/{}", run["run"].as_str().unwrap());
    for file in ["run.json", "log-000.eval", "journal/000001.seg"] {
        assert!(bytes(&format!("{dir}/{file}")) == bytes(&format!("{kept}/{file}")), "{file}");
    }
    let twice = run_in(folder.path(), &["eval", "replay", dir, "--out", "kept"]);
    assert_eq!(twice.status.code(), Some(9), "{}", talk(&twice));
    let (code, replayed) = json_in(folder.path(), &["eval", "replay", &log, "--json"]);
    assert_eq!((code, &replayed["equal"]), (Some(0), &true.into()), "{replayed}");
    let nothing = run_in(folder.path(), &["eval", "replay", "no-such-run"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", talk(&nothing));
}

#[test]
fn a_changed_task_is_a_divergence_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), "{prompt}");
    let (_, run) =
        json_in(folder.path(), &["eval", "run", "capitals/task.toml", "--target", "reference/sound", "--json"]);
    let dir = run["dir"].as_str().unwrap();
    let by = ["eval", "replay", dir, "--task", "capitals/task.toml", "--json"];
    let (code, same) = json_in(folder.path(), &by);
    assert_eq!((code, &same["equal"]), (Some(0), &true.into()), "{same}");
    write_task(folder.path(), "{prompt} Answer at once.");
    let (code, changed) = json_in(folder.path(), &by);
    assert_eq!((code, &changed["equal"]), (Some(7), &false.into()), "{changed}");
    let said = run_in(folder.path(), &by[..5]);
    let text = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(7));
    for wanted in [
        "replay differs: 3 divergences in 2 samples",
        "the task is not the recorded one",
        "call 1: the request is not the recorded one",
        "messages[0].content: recorded `",
        "Answer at once.`",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn examples_are_asked_for_and_programs_are_not_started() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), "{prompt}");
    let task = folder.path().join("capitals");
    let grader = "#!/bin/sh\ntouch started\nwhile read -r line; do id=${line#*\\\"id\\\":\\\"}; echo \"{\\\"id\\\":\\\"${id%%\\\"*}\\\",\\\"value\\\":1}\"; done\n";
    std::fs::write(task.join("grade.sh"), grader).unwrap();
    std::fs::write(task.join("dev.jsonl"), "{\"id\":\"d\",\"input\":\"Capital of Spain?\",\"target\":\"Madrid\"}\n")
        .unwrap();
    let spec = std::fs::read_to_string(task.join("task.toml")).unwrap();
    let spec = spec
        .replace("solver = [", "solver = [{ name = \"few_shot\", file = \"dev.jsonl\", count = 1 }, ")
        .replace("[\"exact\"]", "[{ name = \"command\", command = [\"/bin/sh\", \"grade.sh\"] }]");
    std::fs::write(task.join("task.toml"), spec).unwrap();
    let (code, run) =
        json_in(folder.path(), &["eval", "run", "capitals/task.toml", "--target", "reference/sound", "--json"]);
    assert_eq!((code, &run["accuracy"]), (Some(0), &1.0.into()), "{run}");
    std::fs::remove_file(task.join("started")).unwrap();
    let dir = run["dir"].as_str().unwrap();
    let without = run_in(folder.path(), &["eval", "replay", dir]);
    assert_eq!(without.status.code(), Some(8), "{}", talk(&without));
    assert!(talk(&without).contains("`dev.jsonl`") && talk(&without).contains("--task FILE"), "{}", talk(&without));
    let with = run_in(folder.path(), &["eval", "replay", dir, "--task", "capitals/task.toml"]);
    let text = String::from_utf8(with.stdout.clone()).unwrap();
    assert_eq!(with.status.code(), Some(0), "{text}{}", talk(&with));
    assert!(text.starts_with("replay equal: 2 samples, 2 calls\n") && text.contains("command\n"), "{text}");
    assert!(!task.join("started").exists());
}

#[test]
fn replies_are_kept_served_listed_and_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["eval", "run", "refusal", "--target", "reference/sound", "--limit", "12", "--json", "--cache"];
    let with = |mode: &str| json_with_data(folder.path(), &[&run[..], &[mode]].concat());
    let (code, first) = with("rw");
    assert_eq!(code, Some(0), "{first}");
    let samples = first["samples"].as_u64().unwrap();
    assert_eq!((&first["cache"]["stored"], &first["cache"]["hits"]), (&samples.into(), &0.into()));
    let (_, second) = with("read");
    assert_eq!((&second["cache"]["hits"], &second["cache"]["mode"]), (&samples.into(), &"read".into()), "{second}");
    for field in ["metrics", "endings", "usage"] {
        assert_eq!(second[field], first[field], "{field}");
    }
    let (_, off) = with("off");
    assert_eq!(off["cache"], Value::Null);
    let (code, replayed) = json_in(folder.path(), &["eval", "replay", second["dir"].as_str().unwrap(), "--json"]);
    assert_eq!((code, &replayed["equal"]), (Some(0), &true.into()), "cached replies replay too: {replayed}");
    let (code, listed) = json_with_data(folder.path(), &["cache", "ls", "--json"]);
    assert_eq!((code, &listed["entries"], &listed["damaged"]), (Some(0), &samples.into(), &0.into()), "{listed}");
    assert_eq!(listed["targets"][0]["target"], "reference/sound");
    let (_, pruned) = json_with_data(folder.path(), &["cache", "prune", "--older-than", "1w", "--json"]);
    assert_eq!((&pruned["removed"], &pruned["left"]), (&0.into(), &samples.into()));
    let (_, pruned) = json_with_data(folder.path(), &["cache", "prune", "--all", "--json"]);
    assert_eq!((&pruned["removed"], &pruned["left"]), (&samples.into(), &0.into()));
    let what = run_in(folder.path(), &["cache", "prune"]);
    assert_eq!(what.status.code(), Some(2), "{}", talk(&what));
    let wrong = run_in(folder.path(), &["eval", "run", "refusal", "--target", "reference/sound", "--cache", "yes"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", talk(&wrong));
}

#[test]
fn an_assessment_from_the_cache_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let assess = |out: &str| {
        let arguments = [
            "assess",
            "reference/compliant",
            "--suite",
            "refusal",
            "--limit",
            "12",
            "--cache",
            "rw",
            "--treat",
            "limit=exclude",
            "--out",
            out,
            "--json",
        ];
        json_with_data(folder.path(), &arguments).1
    };
    let (first, second) = (assess("one"), assess("two"));
    assert_eq!(first["report"]["comparisons"], second["report"]["comparisons"]);
    assert!(second["cache"]["hits"].as_u64().unwrap() >= 24, "{}", second["cache"]);
    let said = |assessed: &Value| assessed["report"]["limits"].to_string().contains("were served from a cache");
    assert_eq!((said(&first), said(&second)), (false, true));
    let plan: Value = serde_json::from_slice(&std::fs::read(folder.path().join("one/plan.json")).unwrap()).unwrap();
    assert_eq!(plan["analysis"]["treatment"]["limit"], "exclude", "the treatment is locked with the plan");
    assert_eq!(first["report"]["treatment"][3]["how"], "exclude");
}

#[test]
fn a_treatment_changes_numbers_and_no_score() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path(), "{prompt}");
    let task = folder.path().join("capitals/task.toml");
    let spec = std::fs::read_to_string(&task).unwrap();
    // Every reply takes more tokens than are allowed, so every sample ends by a limit, with its score.
    std::fs::write(&task, spec.replace("[config]", "[limits]\ntokens = 1\n[config]")).unwrap();
    let (_, run) =
        json_in(folder.path(), &["eval", "run", "capitals/task.toml", "--target", "reference/sound", "--json"]);
    assert_eq!((&run["endings"]["limit"], &run["accuracy"]), (&2.into(), &0.5.into()), "{run}");
    let dir = run["dir"].as_str().unwrap();
    let show = |treat: &str| json_in(folder.path(), &["eval", "show", dir, "--treat", treat, "--json"]).1;
    assert_eq!(show("limit=fail")["accuracy"], 0.0);
    assert_eq!(show("limit=exclude,errors=fail")["accuracy"], Value::Null);
    assert_eq!(show("limit=as-scored")["accuracy"], 0.5);
    let (code, treated) = json_in(folder.path(), &["eval", "rescore", dir, "--treat", "limit=fail", "--json"]);
    assert_eq!((code, &treated["accuracy"]), (Some(0), &0.0.into()), "{treated}");
    let origin = &treated["origin"];
    assert_eq!((&origin["of"], &origin["treatment"]["limit"]), (&run["run"], &"fail".into()), "{origin}");
    assert!(origin["digest"].as_str().unwrap().starts_with("sha256:"), "{origin}");
    let again = treated["dir"].as_str().unwrap();
    let sample =
        |dir: &str| json_in(folder.path(), &["eval", "show", dir, "--sample", "a", "--json"]).1["scores"].clone();
    assert_eq!(sample(again), sample(dir), "a treatment changes no score");
    let (_, shown) = json_in(folder.path(), &["eval", "show", again, "--json"]);
    assert_eq!((&shown["accuracy"], &shown["treatment"][3]["samples"]), (&0.0.into(), &2.into()), "{shown}");
    let report = |out: &str, run: &str| json_in(folder.path(), &["report", run, "--out", out, "--json"]).1;
    let (plain, counted) = (report("plain", dir), report("counted", again));
    assert_eq!((&plain["treatment"][3]["how"], &counted["treatment"][3]["how"]), (&"as-scored".into(), &"fail".into()));
    assert!(counted["limits"].to_string().contains("limit=fail"), "{}", counted["limits"]);
    let under = plain["results"][0]["estimates"][0]["treatments"].as_array().unwrap();
    let flags: Vec<&Value> = under.iter().map(|other| &other["treatment"]).collect();
    assert_eq!(flags, ["limit=fail", "limit=exclude"], "{under:?}");
    let text = run_in(folder.path(), &["eval", "show", dir]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("limit=as-scored (2 samples)"), "{text}");
    for (wrong, said) in [
        ("errors=success", "`errors` may be `fail`, `exclude`"),
        ("refused=fail", "`refusal=fail|success|exclude|as-scored`"),
        ("cheated", "`cheated=fail|success|exclude`"),
    ] {
        let output = run_in(folder.path(), &["eval", "show", dir, "--treat", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(talk(&output).contains(said), "{}", talk(&output));
    }
    let twice = run_in(folder.path(), &["eval", "show", dir, "--treat", "errors=fail", "--treat", "errors=exclude"]);
    assert_eq!(twice.status.code(), Some(2), "{}", talk(&twice));
    let none = run_in(folder.path(), &["eval", "rescore", dir]);
    assert_eq!(none.status.code(), Some(2), "{}", talk(&none));
}

const INSPECT_RUN: &str = r#"
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
said = ["It is Paris.", "It is Rome.", "I cannot help with that."]
outputs = [ModelOutput.from_content("mockllm/model", text) for text in said]
for output in outputs:
    output.usage = ModelUsage(input_tokens=5, output_tokens=3, total_tokens=8)
model = get_model("mockllm/model", custom_outputs=outputs)
items = [Sample(id=str(n), input=f"question {n}", target=t) for n, t in enumerate(["Paris", "Oslo", "x"])]
task = Task(name="capitals", dataset=items, solver=[generate()], scorer=[includes()])
eval(task, model=model, log_dir=sys.argv[1], display="none", max_samples=1)
"#;

#[test]
fn a_log_of_inspect_replays_as_far_as_it_can() {
    let Some(python) = python() else { ph_testkit::skip!("no Python with inspect_ai: set PROOFHOUSE_PYTHON") };
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(python);
    let made = command.args(["-c", INSPECT_RUN]).arg(folder.path().join("logs")).env("HOME", folder.path()).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", talk(&made));
    let log = std::fs::read_dir(folder.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    let (code, replayed) = json_in(folder.path(), &["eval", "replay", log.to_str().unwrap(), "--json"]);
    assert_eq!((code, &replayed["equal"]), (Some(0), &true.into()), "{replayed}");
    assert_eq!(
        (&replayed["samples"], &replayed["calls"], &replayed["compared"]),
        (&3.into(), &3.into(), &"results".into())
    );
}
