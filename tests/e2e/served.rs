//! `model serve` and runs through it: for the same seed the same replies, endings and scores as in this process.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use ph_eval::RunDir;
use ph_model::Message;
use ph_record::SampleRecord;
use serde_json::{Value, json};

use crate::program::{json_in, proofhouse};

/// The program serving models on a free port, for as long as this lives.
pub(crate) struct Server {
    child: Child,
    /// Where it listens, without a path.
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(models: &[&str]) -> Self {
        let mut child = proofhouse(&[&["model", "serve", "--port", "0"][..], models].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").and_then(|rest| rest.split(' ').next());
        let url = url.unwrap_or_else(|| panic!("no address in `{line}`")).to_owned();
        Self { child, url }
    }

    /// Where the OpenAI SDK would be pointed to.
    fn openai_url(&self) -> String {
        format!("{}/v1", self.url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has then seen.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const HERE: &[&str] = &["--target", "reference/sound"];
const OVER_OPENAI: &str = "openai-api/served/reference/sound";
const OVER_ANTHROPIC: &str = "anthropic/reference/sound";

/// Runs a task with ten connections; a sample without a score is no failure here.
fn eval(folder: &Path, task: &str, more: &[&str]) -> Value {
    let arguments = [&["eval", "run", task, "--max-connections", "10", "--json"][..], more].concat();
    let (code, run) = json_in(folder, &arguments);
    assert!(matches!(code, Some(0 | 5)) && run["failures"] == json!([]), "{arguments:?}: {code:?} {run}");
    run
}

fn records(folder: &Path, run: &Value) -> Vec<SampleRecord> {
    let dir = RunDir::open(folder.join(run["dir"].as_str().unwrap())).unwrap();
    dir.records_without_events().unwrap().map(Result::unwrap).collect()
}

/// What came of each sample.
fn outcomes(folder: &Path, run: &Value) -> BTreeMap<String, Value> {
    let message = |message: &Message| json!([message.role, message.text(), message.tool_calls, message.tool_call_id]);
    let outcome = |record: &SampleRecord| {
        let output = record.output.as_ref().unwrap();
        json!({ "messages": record.messages.iter().map(message).collect::<Vec<_>>(), "stop": output.stop_reason,
            "ending": record.ending, "response": record.response, "scores": record.scores, "seed": record.seed,
            "tokens": [record.usage.input_tokens, record.usage.output_tokens] })
    };
    let key = |record: &SampleRecord| format!("{}/{}", record.sample, record.epoch);
    records(folder, run).iter().map(|record| (key(record), outcome(record))).collect()
}

/// Both runs came to the same, sample by sample, in their journals, logs and measures.
fn check_same(folder: &Path, here: &Value, there: &Value) {
    assert_ne!(here["target"], there["target"]);
    let (ours, theirs) = (outcomes(folder, here), outcomes(folder, there));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (sample, ours) in &ours {
        assert_eq!(ours, &theirs[sample], "{sample} of {}", here["task"]);
    }
    for field in ["samples", "metrics", "endings", "responses", "seed", "epochs", "task_digest"] {
        assert_eq!(here[field], there[field], "{field} of {}", here["task"]);
    }
    let logs = [here, there].map(|run| format!("{}/log-000.eval", run["dir"].as_str().unwrap()));
    let (code, diff) = json_in(folder, &["log", "diff", &logs[0], &logs[1], "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(diff["pairs"], here["samples"]);
    for list in ["only_a", "only_b", "changed"] {
        assert_eq!(diff[list], json!([]), "{list}: {diff}");
    }
}

#[test]
fn a_served_model_answers_as_in_this_process() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(&["reference/sound"]);
    let url = server.openai_url();
    for (suite, limit) in [("skills", "60"), ("refusal", "40"), ("planted-instructions", "40")] {
        let sized = ["--limit", limit, "--seed", "7"];
        let here = eval(folder, suite, &[HERE, &sized].concat());
        let over_openai = ["--target", OVER_OPENAI, "--base-url", &url];
        let there = eval(folder, suite, &[&over_openai[..], &sized].concat());
        check_same(folder, &here, &there);
        let over_anthropic = ["--target", OVER_ANTHROPIC, "--base-url", &server.url];
        let there = eval(folder, suite, &[&over_anthropic[..], &sized].concat());
        check_same(folder, &here, &there);
        if suite == "skills" {
            let calls = records(folder, &there).iter().filter(|r| has_call(r)).count();
            assert!(calls >= 10, "tools are called and answered over HTTP too: {calls}");
        }
    }
}

fn has_call(record: &SampleRecord) -> bool {
    record.messages.iter().any(|message| !message.tool_calls.is_empty())
}

const SAMPLED: &str = r#"name = "stories"
dataset = "items.jsonl"
solver = [{ name = "system_message", text = "Say it in a few words." }, "generate"]
scorer = ["includes"]
epochs = { count = 3, reducer = "mean" }

[config]
temperature = 0.8
top_p = 0.95
max_tokens = 24
"#;
const STORIES: [&str; 6] = [
    "Tell me a story about the sea.",
    "What did the fox say to the moon?",
    "Write down ten words that you like.",
    "Why is the old house so quiet tonight?",
    "Describe a journey that nobody has made.",
    "What will the town look like in a year?",
];

/// Sampling is seeded: over HTTP the same tokens are drawn.
#[test]
fn what_is_sampled_is_the_same_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("task.toml"), SAMPLED).unwrap();
    let item = |(n, text)| format!("{}\n", json!({ "id": format!("story-{n}"), "input": text, "target": "the" }));
    std::fs::write(folder.join("items.jsonl"), STORIES.iter().enumerate().map(item).collect::<String>()).unwrap();
    let server = Server::start(&["reference/sound"]);
    let over_http = ["--target", OVER_OPENAI, "--base-url", &server.openai_url(), "--seed", "7"];
    let here = eval(folder, "./task.toml", &[HERE, &["--seed", "7"]].concat());
    check_same(folder, &here, &eval(folder, "./task.toml", &over_http));
    let replies = |run: &Value| records(folder, run).iter().map(SampleRecord::reply).collect::<BTreeSet<String>>();
    assert!(replies(&here).len() > STORIES.len(), "epochs must differ, or nothing was sampled: {:?}", replies(&here));
    let other_seed = eval(folder, "./task.toml", &[HERE, &["--seed", "8"]].concat());
    assert_ne!(replies(&other_seed), replies(&here), "the seed must count");
}
