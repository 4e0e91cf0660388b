//! Replays of runs with outside parts: graders, files beside the task, doors that wait, clocks that jump.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ph_base::{Clock, Timestamp};
use ph_eval::{
    Again, Budget, Door, ImportRequest, Meter, NoGenerators, PriceTable, Prices, ReplayError, ReplayRequest,
    RescoreRequest, RetryPolicy, RoleModel, Roles, RunDir, RunRequest, Spending, TaskPlace, import_log, load_task,
    replay, rescore,
};
use ph_model::{ModelApi, ModelError, ModelErrorKind};
use ph_record::event::{KnownEvent, ModelEvent};
use ph_record::{Ending, LimitKind, RunLimits, RunManifest, RunStatus, SampleRecord, ScorerSpec, TaskSource};
use ph_testkit::FixedClock;
use serde_json::json;

use crate::fixture::{Fake, counting_task, last_word, output, place, request, run_id, task};
use crate::replay::{assert_equal, forged, recorded, recorded_count, replayed, scripted};
use crate::resume::{next_life, with_failures};
use crate::roles::mark;

const HEAD: &str = "name = \"t\"\ndataset = \"items.jsonl\"\n";

fn items(n: usize) -> String {
    (1..=n).map(|k| format!("{{\"id\":\"item-{k}\",\"input\":\"say {k}\",\"target\":\"{k}\"}}\n")).collect()
}

fn asking(steps: &str, n: usize) -> Arc<dyn TaskSource> {
    task(&format!("{HEAD}{steps}"), &items(n))
}

/// Records a run and replays it: equal to the byte. Returns its directory and manifest.
async fn check_equal(parent: &Path, request: RunRequest) -> (RunDir, RunManifest) {
    let (dir, manifest) = recorded(&parent.join("runs"), request).await;
    assert_equal(&replayed(&dir, &parent.join("again"), None).await, &manifest);
    (dir, manifest)
}

fn records(dir: &RunDir) -> Vec<SampleRecord> {
    dir.records().unwrap().map(Result::unwrap).collect()
}

fn calls(record: &SampleRecord) -> Vec<&ModelEvent> {
    let known = record.events.iter().filter_map(|event| event.kind.known());
    known
        .filter_map(|event| match event {
            KnownEvent::Model(call) => Some(call.as_ref()),
            _ => None,
        })
        .collect()
}

fn bound(role: &str, model: Arc<dyn ModelApi>, meter: Meter) -> Roles {
    let mut roles = Roles::default();
    roles.bind(role, RoleModel { model, meter });
    roles
}

fn ticking() -> Arc<dyn Clock> {
    Arc::new(FixedClock::at(Timestamp(1_795_333_411_250)))
}

/// Tells the time of the runtime, which a test may pause.
struct RuntimeClock(tokio::time::Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_333_411_250 + i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

fn through_door(task: Arc<dyn TaskSource>, model: Arc<Fake>, clock: Arc<dyn Clock>) -> RunRequest {
    let retry = RetryPolicy { retries_max: 2, ..RetryPolicy::default() };
    let door = Door::new(model.clone(), RunLimits::connections(4), retry, clock.clone());
    RunRequest { door, clock, ..request(task, model) }
}

/// Fails so often on every item, then answers.
fn flaky(times: u32, kind: ModelErrorKind) -> Arc<Fake> {
    let tried: Mutex<BTreeMap<String, u32>> = Mutex::default();
    Fake::new(move |request| {
        let word = last_word(request);
        let mut tried = tried.lock().unwrap();
        let tried = tried.entry(word.clone()).or_default();
        *tried += 1;
        if *tried > times {
            return Ok(output(word));
        }
        Err(ModelError { retry_after_ms: Some(2_500), ..ModelError::new(kind, "not now") })
    })
}

#[tokio::test(start_paused = true)]
async fn attempts_and_waits_of_a_door_come_back_to_the_byte() {
    let parent = tempfile::tempdir().unwrap();
    let clock = Arc::new(RuntimeClock(tokio::time::Instant::now()));
    let model = flaky(2, ModelErrorKind::RateLimited);
    let (dir, manifest) = check_equal(parent.path(), through_door(counting_task(6), model, clock)).await;
    assert_eq!(manifest.endings.get("completed"), Some(&6));
    for record in records(&dir) {
        assert_eq!(calls(&record).iter().filter(|call| call.error.is_some()).count(), 2);
        let elapsed_ms = record.completed_at.ms_since(record.started_at);
        let worked_ms = record.events.last().unwrap().working_start_ms;
        assert!(elapsed_ms >= 5_000 && worked_ms < 100, "{elapsed_ms} ms, of work {worked_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn exhausted_retries_come_back_too() {
    let parent = tempfile::tempdir().unwrap();
    let clock = Arc::new(RuntimeClock(tokio::time::Instant::now()));
    let model = flaky(u32::MAX, ModelErrorKind::Unreachable);
    let (dir, manifest) = check_equal(parent.path(), through_door(counting_task(3), model, clock)).await;
    assert_eq!(manifest.endings.get("provider error"), Some(&3));
    assert!(records(&dir).iter().all(|record| calls(record).len() == 3));
}

/// Goes back an hour and forward an hour again and again.
struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let looks = self.0.fetch_add(1, Ordering::Relaxed);
        let jump = match looks % 16 {
            5..9 => -3_600_000,
            11..13 => 3_600_000,
            _ => 0,
        };
        Timestamp(1_795_333_411_250 + looks + jump)
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_leaves_times_that_are_sane_and_replay() {
    let parent = tempfile::tempdir().unwrap();
    let clock = Arc::new(Jumping(AtomicI64::new(4)));
    let model = flaky(2, ModelErrorKind::Overloaded);
    let (dir, manifest) = check_equal(parent.path(), through_door(counting_task(20), model, clock)).await;
    assert_eq!((manifest.status, manifest.endings.get("completed")), (RunStatus::Success, Some(&20)));
    assert!(manifest.completed_at.unwrap() >= manifest.started_at);
    for record in records(&dir) {
        assert!(record.completed_at >= record.started_at, "{record:?}");
        let mut latest = record.started_at;
        for event in &record.events {
            assert!(event.timestamp >= latest, "{event:?}");
            assert!(event.working_start_ms <= event.timestamp.ms_since(record.started_at), "{event:?}");
            latest = event.timestamp;
            if let Some(KnownEvent::Model(call)) = event.kind.known() {
                assert!(call.completed >= event.timestamp, "{event:?}");
                latest = call.completed;
            }
        }
        assert!(record.completed_at >= latest);
    }
}

const GRADED: &str = "solver = [\"generate\"]\nscorer = [\"model_graded\"]\n";

fn spending(budget: Option<&str>) -> Spending {
    let table =
        "as_of = 2026-01-01\ncurrency = \"USD\"\n[[price]]\nmodel = \"g\"\ninput = 1\noutput = 2\nsource = \"s\"\n";
    let prices = Prices::new(vec![PriceTable::read("p", table).unwrap()]);
    Spending { prices, budget: budget.map(|limit| Arc::new(Budget::new(limit.parse().unwrap()))) }
}

/// Grades everything as correct; every third call fails.
fn grader() -> Arc<Fake> {
    let asked = AtomicU32::new(0);
    Fake::new(move |request| match asked.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Err(ModelError::new(ModelErrorKind::Overloaded, "busy")),
        _ => Ok(output(format!("GRADE {}: C", mark(request)))),
    })
}

#[tokio::test(start_paused = true)]
async fn a_priced_grader_with_retries_replays_with_its_cost() {
    let parent = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock(tokio::time::Instant::now()));
    let door = Door::new(grader(), RunLimits::connections(2), RetryPolicy::default(), clock.clone());
    let roles = bound("grader", door.enter(run_id()), spending(None).meter("g"));
    let steps = GRADED.replace("\"model_graded\"", "{ name = \"model_graded\", votes = 3 }");
    let request = RunRequest { roles, ..through_door(asking(&steps, 5), Fake::echo(), clock) };
    let (dir, manifest) = check_equal(parent.path(), request).await;
    assert_eq!(manifest.endings.get("completed"), Some(&5));
    assert_eq!(manifest.roles["grader"].cost, Some("0.000105USD".parse().unwrap()), "15 calls of 3 + 2 tokens");
    assert_eq!(manifest.role_prices["grader"].output, 2_000_000);
    assert!(records(&dir).iter().flat_map(calls).any(|call| call.role.is_some() && call.error.is_some()));
}

#[tokio::test]
async fn a_grader_that_the_budget_refused_is_refused_again() {
    for connections in [1, 4] {
        let parent = tempfile::tempdir().unwrap();
        let spending = spending(Some("700 tokens"));
        let grader = Fake::new(|request| Ok(output(format!("GRADE {}: C", mark(request)))));
        let roles = bound("grader", grader, spending.meter("g"));
        let meter = spending.meter("reference/fake");
        let both =
            GRADED.replace("[\"model_graded\"]", "[\"model_graded\", { name = \"model_graded\", label = \"b\" }]");
        let clock = ticking();
        let door = Door::plain(Fake::echo(), connections, clock.clone());
        let request = RunRequest { roles, meter, door, clock, ..request(asking(&both, 60), Fake::echo()) };
        let (dir, manifest) = check_equal(parent.path(), request).await;
        assert_eq!(manifest.status, RunStatus::Cancelled);
        let is_refused = |record: &SampleRecord| matches!(&record.ending, Ending::GraderError(error) if error.message.contains("exceed the budget"));
        assert!(records(&dir).iter().any(is_refused), "{:?}", manifest.endings);
    }
}

#[tokio::test]
async fn a_failed_grader_s_call_is_not_taken_for_the_next_one_s_first_attempt() {
    let both = "solver = [\"generate\"]\nscorer = [\"model_graded\", { name = \"model_graded\", label = \"b\" }]\n";
    for settings in ["", "[roles.grader.config]\nseed = 5\n"] {
        let parent = tempfile::tempdir().unwrap();
        let asked = AtomicU32::new(0);
        let grader = Fake::new(move |request| match asked.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Err(ModelError::new(ModelErrorKind::Unauthorized, "who are you")),
            _ => Ok(output(format!("GRADE {}: C", mark(request)))),
        });
        let clock = ticking();
        let door = Door::plain(Fake::echo(), 1, clock.clone());
        let roles = bound("grader", grader, Meter::default());
        let task = asking(&format!("{both}{settings}"), 3);
        let (dir, _) =
            check_equal(parent.path(), RunRequest { roles, door, clock, ..request(task, Fake::echo()) }).await;
        for record in records(&dir) {
            assert!(matches!(record.ending, Ending::GraderError(_)) && record.scores.contains_key("b"));
            let sent: Vec<_> = calls(&record).into_iter().filter(|call| call.role.is_some()).collect();
            assert_eq!(sent[0].input, sent[1].input, "the same words to both");
        }
    }
}

/// A run on disk with external graders, its scorers as given; where it stands is gone afterwards.
async fn graded_by_commands(parent: &Path, words: &[&str], scorers: &str) -> (RunDir, RunManifest) {
    let folder = tempfile::tempdir().unwrap();
    crate::command::write(folder.path(), words, "");
    let command = "name = \"command\", command = [\"python3\", \"grader.py\"]";
    let scorers = scorers.replace("COMMAND", command);
    std::fs::write(folder.path().join("task.toml"), format!("{HEAD}solver = [\"generate\"]\nscorer = [{scorers}]\n"))
        .unwrap();
    let task =
        load_task(&TaskPlace::Disk(folder.path().to_owned()), &NoGenerators).unwrap_or_else(|error| panic!("{error}"));
    let clock = ticking();
    let door = Door::plain(Fake::echo(), 2, clock.clone());
    recorded(parent, RunRequest { door, clock, ..request(task, Fake::echo()) }).await
}

#[tokio::test]
async fn what_external_graders_said_is_taken_from_the_record() {
    let broken = "{ name = \"command\", command = [\"/nonexistent/program\"], label = \"fails\" }";
    let cases = [
        ("{ COMMAND }", "command"),
        ("{ COMMAND, label = \"not\", invert = true }", "not"),
        ("{ name = \"multi\", scorers = [\"exact\", { COMMAND, invert = true }] }", "multi"),
        ("{ name = \"multi\", scorers = [{ COMMAND }, BROKEN] }", "multi"),
        ("\"exact\", { name = \"switch\", on = \"kind\", cases = { x = \"exact\" }, default = { COMMAND } }", "switch"),
    ];
    for (scorers, label) in cases {
        let parent = tempfile::tempdir().unwrap();
        let words = ["good", "number", "sorry", "crash", "good"];
        let scorers = scorers.replace("BROKEN", broken);
        let (dir, manifest) = graded_by_commands(&parent.path().join("runs"), &words, &scorers).await;
        assert!(manifest.endings["grader error"] >= 2, "{scorers}: {:?}", manifest.endings);
        let done = replayed(&dir, &parent.path().join("again"), None).await;
        assert_equal(&done, &manifest);
        assert_eq!(done.graders_recorded, [label], "{scorers}");
    }
}

#[test]
fn a_replay_of_external_graders_needs_no_runtime_for_programs() {
    let parent = tempfile::tempdir().unwrap();
    let whole = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (dir, manifest) = whole.block_on(graded_by_commands(&parent.path().join("runs"), &["good"], "{ COMMAND }"));
    let bare = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert_equal(&bare.block_on(replayed(&dir, &parent.path().join("again"), None)), &manifest);
}

#[tokio::test]
async fn no_command_of_a_foreign_log_is_ever_started() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    let marker = parent.path().join("started");
    let command = json!({ "name": "command", "command": ["/bin/sh", "-c", format!("touch {}", marker.display())] });
    let nested = json!({ "name": "multi", "label": "m", "scorers": [command] });
    let switched = json!({ "name": "switch", "label": "s", "on": "x", "cases": { "y": "exact" }, "default": command });
    let scorers = [command.clone(), nested, switched];
    let scorers: Vec<ScorerSpec> = scorers.into_iter().map(|one| serde_json::from_value(one).unwrap()).collect();
    let mut manifest = dir.manifest().unwrap();
    manifest.task.scorer.clone_from(&scorers);
    let evil = forged((&dir, &manifest), &parent.path().join("evil"), |_| {});
    let log = evil.path().join("log-000.eval");
    let runs = parent.path().join("imported");
    let imported = import_log(&ImportRequest { log: &log, runs: &runs, limits: Default::default() }).unwrap();
    let imported = RunDir::open(runs.join(imported.id.to_string())).unwrap();
    for (out, task, log) in [("a", None, Some(&log)), ("b", None, None), ("c", Some(counting_task(5)), Some(&log))] {
        let out = parent.path().join(out);
        let request = ReplayRequest { source: &imported, runs: &out, task, log: log.map(std::path::PathBuf::as_path) };
        let _ = replay(&request).await;
    }
    let again = async |out: &str, scorers: Vec<ScorerSpec>| {
        let request = RescoreRequest {
            source: &imported,
            roles: Roles::default(),
            scorers,
            treatment: None,
            runs: &parent.path().join(out),
            id: run_id(),
            clock: Arc::new(FixedClock::at(Timestamp(9))),
            program: "test 1".to_owned(),
        };
        rescore(&request).await.unwrap()
    };
    again("kept", Vec::new()).await;
    again("exact", vec![ScorerSpec::Name("exact".to_owned())]).await;
    assert!(!marker.exists(), "a program of the log was started");
    again("named", scorers).await;
    assert!(marker.exists(), "what the user names is");
}

#[tokio::test]
async fn examples_from_a_file_need_the_task_and_then_replay() {
    let parent = tempfile::tempdir().unwrap();
    let toml = format!(
        "{HEAD}solver = [{{ name = \"few_shot\", file = \"dev.jsonl\", count = 2 }}, \"generate\"]\nscorer = [\"match\"]\n"
    );
    let dev =
        "{\"id\":\"d1\",\"input\":\"1?\",\"target\":\"one\"}\n{\"id\":\"d2\",\"input\":\"2?\",\"target\":\"two\"}\n";
    let files = [("task.toml", toml.as_str()), ("items.jsonl", &items(4)), ("dev.jsonl", dev)];
    let task = load_task(&place(&files), &NoGenerators).unwrap_or_else(|error| panic!("{error}"));
    let (dir, manifest) = recorded(&parent.path().join("runs"), scripted(task.clone())).await;
    assert_equal(&replayed(&dir, &parent.path().join("again"), Some(task)).await, &manifest);
    let request = ReplayRequest { source: &dir, runs: &parent.path().join("without"), task: None, log: None };
    let error = replay(&request).await.unwrap_err();
    assert!(matches!(error, ReplayError::Files(_)), "{error:?}");
}

#[tokio::test]
async fn critiques_replay_whoever_makes_them() {
    for role in ["", ", role = \"critic\""] {
        let parent = tempfile::tempdir().unwrap();
        let steps = format!("solver = [\"generate\", {{ name = \"self_critique\"{role} }}]\nscorer = [\"match\"]\n");
        let roles = bound("critic", Fake::new(|_| Ok(output("bad"))), Meter::default());
        let roles = if role.is_empty() { Roles::default() } else { roles };
        let request = RunRequest { roles, ..scripted(asking(&steps, 4)) };
        let (dir, manifest) = check_equal(parent.path(), request).await;
        assert_eq!(manifest.samples, 4);
        assert!(records(&dir).iter().all(|record| calls(record).len() == 3));
    }
}

#[tokio::test]
async fn a_critique_that_takes_too_long_leaves_the_conversation_as_it_was() {
    let parent = tempfile::tempdir().unwrap();
    let steps = "solver = [\"generate\", { name = \"self_critique\", critique = \"{question} {answer} sleep\" }]\n\
                 scorer = [\"match\"]\nlimits = { time_seconds = 0.05 }\n";
    let (dir, _) = check_equal(parent.path(), scripted(asking(steps, 1))).await;
    let record = records(&dir).remove(0);
    assert!(matches!(record.ending, Ending::Limit { limit: LimitKind::Time, .. }), "{:?}", record.ending);
    let said: Vec<String> = record.messages.iter().map(ph_model::Message::text).collect();
    assert_eq!(said, ["say 1", "1"]);
    assert_eq!((record.output.unwrap().message.text().as_str(), record.scores.len()), ("1", 1));
}

#[tokio::test]
async fn a_run_whose_errors_were_asked_again_replays_with_its_attempts() {
    let parent = tempfile::tempdir().unwrap();
    let dir = with_failures(&parent.path().join("runs")).await;
    let manifest = next_life(&dir, Again::Errors, Fake::echo()).await.unwrap();
    assert_eq!(records(&dir).iter().filter(|record| !record.earlier_attempts.is_empty()).count(), 2);
    assert_equal(&replayed(&dir, &parent.path().join("again"), None).await, &manifest);
}

#[tokio::test]
async fn graders_of_a_changed_task_are_named() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded_count(parent.path()).await;
    let changed = task(
        "name = \"count\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [{ name = \"command\", command = [\"/nonexistent\"] }]\n",
        &items(5),
    );
    let done = replayed(&dir, &parent.path().join("again"), Some(changed)).await;
    let said: Vec<String> = done.divergences.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|text| text.contains("the record has no score of this grader")), "{said:?}");
}
