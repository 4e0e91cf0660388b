use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ph_base::Timestamp;
use ph_eval::replay::{Compared, DivergenceKind};
use ph_eval::{
    Budget, Cancellation, Door, JournalRecorder, PriceTable, Prices, ReplayRequest, Replayed, RunDir, RunRequest,
    Spending, replay, run,
};
use ph_model::{
    Message, ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelReply, ModelRequest, StopReason, TargetName,
    TokenLogprob,
};
use ph_record::{BudgetLimit, Recorder, RunEvent, RunManifest, RunStatus, SampleRecord, TaskSource};
use ph_testkit::FixedClock;
use serde_json::Value;

use crate::fixture::{Fake, counting_task, last_word, output, request, run_id, task};

/// Every ending that a call can bring about, by the last word of the prompt; and a few tokens' probabilities.
struct Scripted(TargetName);

#[async_trait]
impl ModelApi for Scripted {
    fn target(&self) -> &TargetName {
        &self.0
    }

    async fn generate(&self, request: &ModelRequest) -> Result<ModelReply, ModelError> {
        // Others go first, so that samples do not finish in the order in which they begin.
        for _ in 0..request.messages[0].text().len() % 7 {
            tokio::task::yield_now().await;
        }
        let word = last_word(request);
        let stopped = |stop_reason| Ok(ModelOutput { stop_reason, ..output("yes") });
        let result = match word.as_str() {
            "sleep" => std::future::pending().await,
            "panic" => panic!("at the word"),
            "refuse" => Ok(output("I can't help with that.")),
            "blocked" => stopped(StopReason::ContentFilter),
            "full" => stopped(StopReason::ModelLength),
            "cut-off" => stopped(StopReason::MaxTokens),
            "nothing" => Ok(output("")),
            "logprobs" => {
                // Numbers of every length: what is read back must be what was written.
                let token = |at: i32| {
                    let logprob = -f64::from(at).sqrt() / 3.0;
                    serde_json::json!({ "token": "yes", "logprob": logprob, "top": [{ "token": "no", "logprob": logprob * 1.1 }] })
                };
                let logprobs: Vec<Value> = (1..200).map(token).collect();
                let logprobs: Vec<TokenLogprob> = serde_json::from_value(Value::from(logprobs)).unwrap();
                Ok(ModelOutput { logprobs: Some(logprobs), ..output("yes") })
            }
            other => match KINDS.iter().find(|kind| kind.to_string().replace(' ', "-") == other) {
                Some(kind) => Err(ModelError::new(*kind, format!("no: {other}"))),
                None => Ok(output(word)),
            },
        };
        result.map(ModelReply::new)
    }
}

const KINDS: [ModelErrorKind; 11] = [
    ModelErrorKind::Unreachable,
    ModelErrorKind::Timeout,
    ModelErrorKind::RateLimited,
    ModelErrorKind::Overloaded,
    ModelErrorKind::Unauthorized,
    ModelErrorKind::NotFound,
    ModelErrorKind::InvalidRequest,
    ModelErrorKind::ContextTooLong,
    ModelErrorKind::MalformedReply,
    ModelErrorKind::Model,
    ModelErrorKind::AccessCut,
];

const WORDS: [&str; 9] = ["yes", "no", "panic", "refuse", "blocked", "full", "cut-off", "nothing", "logprobs"];

const HEAD: &str = r#"
name = "all"
dataset = "items.jsonl"
solver = [{ name = "system_message", text = "be brief" }, { name = "template", text = "{prompt}" }, "generate"]
scorer = ["match", "refusal"]
epochs = { count = 2 }
"#;

fn items() -> String {
    let kinds = KINDS.map(|kind| kind.to_string().replace(' ', "-"));
    let words = WORDS.iter().map(|word| (*word).to_owned()).chain(kinds).chain(["sleep".to_owned()]);
    let item = |(at, word): (usize, String)| {
        format!("{{\"id\":\"{at}-{word}\",\"input\":\"say {} {word}\",\"target\":\"yes\"}}\n", "x".repeat(at % 5))
    };
    let often = r#"{"id":"often","input":"say yes","target":"yes","metadata":{"cluster":"c","epochs":3}}"#;
    words.enumerate().map(item).chain([format!("{often}\n")]).collect()
}

/// Records a run in `runs`; returns its directory and final manifest.
pub(crate) async fn recorded(runs: &Path, request: RunRequest) -> (RunDir, RunManifest) {
    let dir = RunDir::create(runs, &request.id).unwrap();
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(JournalRecorder::new(dir.clone()).unwrap())];
    let manifest = run(request, recorders, &mut []).await.unwrap();
    (dir, manifest)
}

pub(crate) fn scripted(task: Arc<dyn TaskSource>) -> RunRequest {
    let clock = Arc::new(FixedClock::at(Timestamp(1_795_333_411_250)));
    let model = Arc::new(Scripted(TargetName::Reference("scripted".to_owned())));
    RunRequest { door: Door::plain(model.clone(), 8, clock.clone()), clock, ..request(task, model) }
}

pub(crate) async fn replayed(source: &RunDir, out: &Path, task: Option<Arc<dyn TaskSource>>) -> Replayed {
    let request = ReplayRequest { source, runs: out, task, log: None };
    replay(&request).await.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

pub(crate) fn assert_equal(replayed: &Replayed, manifest: &RunManifest) {
    assert!(replayed.equal, "{:#?}", replayed.divergences);
    assert_eq!((replayed.samples, replayed.compared), (manifest.samples, Compared::Bytes));
}

#[tokio::test]
async fn every_ending_comes_back_to_the_byte() {
    let parent = tempfile::tempdir().unwrap();
    let toml = format!("{HEAD}limits = {{ time_seconds = 0.05, tokens = 40 }}\n");
    let (dir, manifest) = recorded(&parent.path().join("runs"), scripted(task(&toml, &items()))).await;
    for ending in ["completed", "limit", "model error", "provider error", "access cut"] {
        assert!(manifest.endings.contains_key(ending), "{ending}: {:?}", manifest.endings);
    }
    let began = std::time::Instant::now();
    let done = replayed(&dir, &parent.path().join("again"), None).await;
    assert_equal(&done, &manifest);
    assert!(done.calls >= manifest.samples - 2, "{done:?}");
    assert!(began.elapsed().as_secs() < 30, "a replay waits for nothing");
    let bytes = |dir: &Path| std::fs::read(dir.join("log-000.eval")).unwrap();
    assert!(bytes(dir.path()) == bytes(done.dir.as_ref().unwrap()));
    let again = RunDir::open(done.dir.unwrap()).unwrap();
    assert_eq!(again.manifest().unwrap(), manifest);
}

#[tokio::test]
async fn limits_of_messages_and_failing_solvers_and_graders_come_back_too() {
    let parent = tempfile::tempdir().unwrap();
    for (number, (toml, ending)) in [
        (format!("{HEAD}limits = {{ messages = 2 }}\n"), "limit"),
        (HEAD.replace("{prompt}", "{prompt} {missing}"), "grader error"),
    ]
    .into_iter()
    .enumerate()
    {
        let runs = parent.path().join(number.to_string());
        let (dir, manifest) = recorded(&runs, scripted(task(&toml, &items()))).await;
        assert_eq!(manifest.endings.get(ending), Some(&manifest.samples), "{:?}", manifest.endings);
        assert_equal(&replayed(&dir, &runs.join("again"), None).await, &manifest);
    }
}

const PRICES: &str = "as_of = \"2026-01-01\"\ncurrency = \"USD\"\n[[price]]\nmodel = \"reference/scripted\"\n\
                      input = 1000.0\noutput = 1000.0\nsource = \"here\"\n";

#[tokio::test]
async fn a_budget_ends_a_replay_where_it_ended_the_run() {
    let parent = tempfile::tempdir().unwrap();
    for (number, limit) in ["0.04USD", "45tokens"].iter().enumerate() {
        let limit: BudgetLimit = limit.parse().unwrap();
        let prices = Prices::new(vec![PriceTable::read("prices", PRICES).unwrap()]);
        let spending = Spending { prices, budget: Some(Arc::new(Budget::new(limit))) };
        let meter = spending.meter("reference/scripted");
        let runs = parent.path().join(number.to_string());
        let twice = "name = \"twice\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\", \"generate\"]\nscorer = [\"match\"]\n";
        let items: String =
            (1..=40).map(|k| format!("{{\"id\":\"item-{k}\",\"input\":\"say {k}\",\"target\":\"{k}\"}}\n")).collect();
        let (dir, manifest) = recorded(&runs, RunRequest { meter, ..scripted(task(twice, &items)) }).await;
        assert_eq!(manifest.status, RunStatus::Cancelled);
        assert!(manifest.is_ended_by_budget() && manifest.endings.contains_key("limit"), "{manifest:?}");
        assert_equal(&replayed(&dir, &runs.join("again"), None).await, &manifest);
    }
}

#[tokio::test]
async fn a_run_that_was_interrupted_is_replayed_as_far_as_it_came() {
    let parent = tempfile::tempdir().unwrap();
    let cancellation = Cancellation::default();
    let stop = cancellation.clone();
    let model = Fake::new(move |request| {
        let word = last_word(request);
        if word == "7" {
            stop.interrupt();
        }
        Ok(output(word))
    });
    let request = RunRequest { cancellation, epochs: Some(3), ..request(counting_task(40), model) };
    let (dir, manifest) = recorded(&parent.path().join("runs"), request).await;
    assert_eq!(manifest.status, RunStatus::Cancelled);
    assert!(manifest.samples < 120);
    assert_equal(&replayed(&dir, &parent.path().join("again"), None).await, &manifest);
}

#[tokio::test]
async fn shuffled_choices_come_back_in_their_order() {
    let parent = tempfile::tempdir().unwrap();
    let toml = "name = \"c\"\ndataset = \"items.jsonl\"\nsolver = [\"multiple_choice\"]\nscorer = [\"choice\"]\n\
                epochs = { count = 3 }\n";
    let item = |k: usize| {
        format!("{{\"id\":\"{k}\",\"input\":\"which\",\"target\":\"B\",\"choices\":[\"{k}\",\"two\",\"three\"]}}\n")
    };
    let items: String = (0..5).map(item).collect();
    let (dir, manifest) = recorded(&parent.path().join("runs"), scripted(task(toml, &items))).await;
    let orders: std::collections::BTreeSet<_> = dir.records().unwrap().map(|one| one.unwrap().choices).collect();
    assert!(orders.len() > 5, "they are shuffled: {orders:?}");
    assert_equal(&replayed(&dir, &parent.path().join("again"), None).await, &manifest);
}

/// The run in `dir` once more in `runs`, with records changed on the way.
fn tampered(dir: &RunDir, runs: &Path, change: impl Fn(&mut SampleRecord)) -> RunDir {
    forged((dir, &dir.manifest().unwrap()), runs, change)
}

/// The same under another manifest.
pub(crate) fn forged(
    (dir, manifest): (&RunDir, &RunManifest),
    runs: &Path,
    change: impl Fn(&mut SampleRecord),
) -> RunDir {
    let copy = RunDir::create(runs, &run_id()).unwrap();
    let manifest = Arc::new(manifest.clone());
    let mut journal = JournalRecorder::new(copy.clone()).unwrap();
    journal.record(&RunEvent::RunStarted(manifest.clone())).unwrap();
    for record in dir.records().unwrap() {
        let mut record = record.unwrap();
        change(&mut record);
        journal.record(&RunEvent::SampleFinished(Arc::new(record))).unwrap();
    }
    journal.record(&RunEvent::RunFinished(manifest)).unwrap();
    copy
}

/// The recorded calls of a sample.
fn calls(record: &mut SampleRecord) -> Vec<&mut ph_record::event::ModelEvent> {
    let events = record.events.iter_mut().filter_map(|event| match &mut event.kind {
        ph_record::EventKind::Known(known) => match known.as_mut() {
            ph_record::event::KnownEvent::Model(call) => Some(call.as_mut()),
            _ => None,
        },
        ph_record::EventKind::Other(_) => None,
    });
    events.collect()
}

pub(crate) async fn recorded_count(parent: &Path) -> RunDir {
    recorded(&parent.join("runs"), scripted(counting_task(5))).await.0
}

#[tokio::test]
async fn a_reply_that_was_tampered_with_gives_another_score() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    let untouched = tampered(&dir, &parent.path().join("untouched"), |_| {});
    assert!(replayed(&untouched, &parent.path().join("a"), None).await.equal);
    let copy = tampered(&dir, &parent.path().join("tampered"), |record| {
        if record.sample == "item-3" {
            let reply = Message::assistant("4");
            calls(record)[0].output.as_mut().unwrap().message = reply.clone();
            record.output.as_mut().unwrap().message = reply.clone();
            *record.messages.last_mut().unwrap() = reply;
        }
    });
    let done = replayed(&copy, &parent.path().join("b"), None).await;
    assert_eq!((done.equal, done.divergences_total, done.samples), (false, 1, 5));
    let divergence = &done.divergences[0];
    assert_eq!((divergence.kind, divergence.sample.as_deref()), (DivergenceKind::Result, Some("item-3")));
    let text = divergence.to_string();
    assert!(text.contains("scores.match.value: recorded `C`, now `I`"), "{text}");
}

#[tokio::test]
async fn a_score_a_time_and_a_cost_that_were_changed_are_found() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    type Change = fn(&mut SampleRecord);
    let changes: [(&str, Change); 4] = [
        ("usage.input_tokens", |record| record.usage.input_tokens += 1),
        ("seed", |record| record.seed ^= 1),
        ("completed_at", |record| record.completed_at = Timestamp(record.completed_at.0 + 1)),
        ("response", |record| record.response = Some(ph_record::Response::SafeguardBlock)),
    ];
    for (place, change) in changes {
        let runs = parent.path().join(place);
        let copy = tampered(&dir, &runs, |record| {
            if record.sample == "item-2" {
                change(record);
            }
        });
        let done = replayed(&copy, &runs.join("again"), None).await;
        let found = done.divergences.first().map(ToString::to_string).unwrap_or_default();
        assert!(
            found.contains("sample `item-2` epoch 1") && found.contains(place) || place == "completed_at",
            "{found}"
        );
        assert_eq!(done.divergences_total, u64::from(place != "completed_at"), "{place}: {found}");
    }
}

#[tokio::test]
async fn a_changed_template_diverges_at_its_sample_and_call() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    let toml = "name = \"count\"\ndataset = \"items.jsonl\"\n\
                solver = [{ name = \"template\", text = \"{prompt} please\" }, \"generate\"]\nscorer = [\"match\"]\n";
    let items: String =
        (1..=5).map(|k| format!("{{\"id\":\"item-{k}\",\"input\":\"say {k}\",\"target\":\"{k}\"}}\n")).collect();
    let done = replayed(&dir, &parent.path().join("again"), Some(task(toml, &items))).await;
    assert!(!done.equal);
    assert_eq!(done.divergences[0].kind, DivergenceKind::Task, "{:?}", done.divergences);
    let request = done.divergences.iter().find(|one| one.kind == DivergenceKind::Request).unwrap();
    assert_eq!(request.call, Some(1));
    let text = request.to_string();
    assert!(text.contains("call 1: the request is not the recorded one"), "{text}");
    assert!(text.contains("messages[0].content: recorded `say") && text.contains("please`"), "{text}");
    assert_eq!(done.divergences_total, 6, "the task, and a request of every sample");
}

#[tokio::test]
async fn a_changed_item_is_named_and_the_same_task_is_equal() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    assert!(replayed(&dir, &parent.path().join("a"), Some(counting_task(5))).await.equal);
    let toml = "name = \"count\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\n";
    let items = "{\"id\":\"item-1\",\"input\":\"say 1\",\"target\":\"9\"}\n";
    let done = replayed(&dir, &parent.path().join("b"), Some(task(toml, items))).await;
    let said: Vec<String> = done.divergences.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|text| text == "sample `item-1` epoch 1: the task's item has another target"), "{said:?}");
    assert!(said.iter().any(|text| text == "sample `item-5` epoch 1: the task has no such item"), "{said:?}");
}

#[tokio::test]
async fn missing_and_unused_replies_are_named() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    let without = |record: &mut SampleRecord| {
        record.events.retain(|event| !matches!(event.kind.known(), Some(ph_record::event::KnownEvent::Model(_))));
    };
    let copy = tampered(&dir, &parent.path().join("less"), |record| {
        if record.sample == "item-1" {
            without(record);
        }
    });
    let done = replayed(&copy, &parent.path().join("a"), None).await;
    assert_eq!(done.divergences_total, 1, "{:?}", done.divergences);
    assert_eq!(done.divergences[0].to_string(), "sample `item-1` epoch 1 call 1: no reply to this call was recorded");
    let twice = |record: &mut SampleRecord| {
        let call = record
            .events
            .iter()
            .find(|event| matches!(event.kind.known(), Some(ph_record::event::KnownEvent::Model(_))));
        let call = call.unwrap().clone();
        record.events.push(call);
    };
    let copy = tampered(&dir, &parent.path().join("more"), |record| {
        if record.sample == "item-4" {
            twice(record);
        }
    });
    let done = replayed(&copy, &parent.path().join("b"), None).await;
    assert_eq!(done.divergences[0].to_string(), "sample `item-4` epoch 1: 1 recorded calls were not made");
}

#[tokio::test]
async fn a_log_is_replayed_like_its_run() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    let log = dir.path().join("log-000.eval");
    let runs = parent.path().join("imported");
    let request = ph_eval::ImportRequest { log: &log, runs: &runs, limits: Default::default() };
    let imported = ph_eval::import_log(&request).unwrap();
    let imported = RunDir::open(runs.join(imported.id.to_string())).unwrap();
    assert!(replayed(&imported, &parent.path().join("a"), None).await.equal, "as an imported run");
    let out = parent.path().join("b");
    let request = ReplayRequest { source: &imported, runs: &out, task: None, log: Some(&log) };
    let done = replay(&request).await.unwrap();
    assert!(done.equal, "as the log itself: {:?}", done.divergences);
}

#[tokio::test]
async fn a_rescored_run_is_compared_by_its_results() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    let request = ph_eval::RescoreRequest {
        roles: ph_eval::Roles::default(),
        source: &dir,
        scorers: vec![ph_record::SolverSpec::Name("exact".to_owned())],
        treatment: None,
        runs: &parent.path().join("rescored"),
        id: run_id(),
        clock: Arc::new(FixedClock::at(Timestamp(9))),
        program: "test 1".to_owned(),
    };
    let manifest = ph_eval::rescore(&request).await.unwrap();
    let rescored = RunDir::open(parent.path().join("rescored").join(manifest.id.to_string())).unwrap();
    let done = replayed(&rescored, &parent.path().join("again"), None).await;
    assert_eq!((done.equal, done.compared), (true, Compared::Results), "{:?}", done.divergences);
}
