//! Scoring again: what it restores, what it keeps, and how it reaches graders.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ph_base::Timestamp;
use ph_eval::{
    Budget, Cancellation, Door, Meter, PriceTable, Prices, RescoreRequest, RetryPolicy, RoleModel, Roles, RunDir,
    RunRequest, Spending, rescore,
};
use ph_model::{ModelApi, ModelError, ModelErrorKind};
use ph_record::{Ending, LimitKind, RunLimits, RunManifest, RunStatus, SampleRecord, ScorerSpec};
use ph_testkit::FixedClock;

use crate::fixture::{Fake, Frozen, counting_task, last_word, output, request, run_id, task};
use crate::replay::recorded;
use crate::roles::mark;

fn grading(model: Arc<dyn ModelApi>, meter: Meter) -> Roles {
    let mut roles = Roles::default();
    roles.bind("grader", RoleModel { model, meter });
    roles
}

/// Scores the run in `dir` again, in a directory of its own.
async fn again(dir: &RunDir, runs: &Path, (scorer, roles): (&str, Roles)) -> (RunManifest, Vec<SampleRecord>) {
    let request = RescoreRequest {
        source: dir,
        roles,
        scorers: vec![ScorerSpec::Name(scorer.to_owned())],
        treatment: None,
        runs,
        id: run_id(),
        clock: Arc::new(FixedClock::at(Timestamp(9))),
        program: "test 1".to_owned(),
    };
    let manifest = rescore(&request).await.unwrap();
    let records = RunDir::open(runs.join(manifest.id.to_string())).unwrap().records().unwrap();
    (manifest, records.map(Result::unwrap).collect())
}

fn failing() -> Arc<Fake> {
    Fake::new(|_| Err(ModelError::new(ModelErrorKind::Unauthorized, "who are you")))
}

#[tokio::test]
async fn a_limit_that_a_failing_grader_hid_comes_back() {
    let parent = tempfile::tempdir().unwrap();
    let toml = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"model_graded\"]\n\
                limits = { tokens = 4 }\n";
    let items = "{\"id\":\"a\",\"input\":\"say 1\",\"target\":\"1\"}\n";
    let roles = grading(failing(), Meter::default());
    let request = RunRequest { roles, ..request(task(toml, items), Fake::echo()) };
    let (dir, manifest) = recorded(&parent.path().join("runs"), request).await;
    assert_eq!(manifest.endings.get("grader error"), Some(&1));
    let limit = Ending::Limit { limit: LimitKind::Token, value: Some(4.0) };
    let (manifest, records) = again(&dir, &parent.path().join("a"), ("exact", Roles::default())).await;
    assert_eq!((&records[0].ending, manifest.endings.get("limit")), (&limit, Some(&1)));
    assert_eq!(records[0].scores.len(), 1);
    let rescored = RunDir::open(parent.path().join("a").join(manifest.id.to_string())).unwrap();
    let log = ph_evallog::EvalLog::open(&rescored.path().join("log-000.eval")).unwrap();
    let sample = log.sample_at(&log.samples().unwrap()[0]).unwrap();
    assert_eq!((&sample["limit"]["type"], sample.get("error")), (&"token".into(), None), "{sample}");
    // A grader that fails hides it again, and again it comes back.
    let failed =
        again(&rescored, &parent.path().join("b"), ("model_graded", grading(failing(), Meter::default()))).await;
    assert_eq!(failed.1[0].ending.name(), "grader error");
    let failed = RunDir::open(parent.path().join("b").join(failed.0.id.to_string())).unwrap();
    let (_, records) = again(&failed, &parent.path().join("c"), ("exact", Roles::default())).await;
    assert_eq!(records[0].ending, limit);
}

#[test]
fn a_scorer_that_panicked_can_be_followed_by_another() {
    let parent = tempfile::tempdir().unwrap();
    let toml = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\n\
                scorer = [{ name = \"command\", command = [\"/bin/cat\"] }]\n";
    let items = "{\"id\":\"a\",\"input\":\"say 1\",\"target\":\"1\"}\n";
    // A runtime in which no process can be watched: starting one panics.
    let bare = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (dir, _) = bare.block_on(recorded(&parent.path().join("runs"), request(task(toml, items), Fake::echo())));
    let record = dir.records().unwrap().next().unwrap().unwrap();
    assert!(
        matches!(&record.ending, Ending::GraderError(error) if error.code == "scorer_panic"),
        "{:?}",
        record.ending
    );
    let (_, records) = bare.block_on(again(&dir, &parent.path().join("a"), ("exact", Roles::default())));
    assert_eq!((&records[0].ending, records[0].scores.len()), (&Ending::Completed, 1));
}

#[tokio::test]
async fn an_interrupted_run_stays_one() {
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
    let request = RunRequest { cancellation, ..request(counting_task(40), model) };
    let (dir, old) = recorded(&parent.path().join("runs"), request).await;
    assert_eq!(old.status, RunStatus::Cancelled);
    let (manifest, _) = again(&dir, &parent.path().join("a"), ("exact", Roles::default())).await;
    assert_eq!((manifest.status, manifest.samples), (RunStatus::Cancelled, old.samples));
    assert!(manifest.completed_at.is_some());
}

#[tokio::test]
async fn one_refusal_of_a_grader_behind_its_door_costs_no_score_and_its_calls_are_priced() {
    let parent = tempfile::tempdir().unwrap();
    let (dir, _) = recorded(&parent.path().join("runs"), request(counting_task(3), Fake::echo())).await;
    let asked = AtomicU32::new(0);
    let grader = Fake::new(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Err(ModelError { retry_after_ms: Some(1), ..ModelError::new(ModelErrorKind::RateLimited, "429") }),
        _ => Ok(output(format!("GRADE {}: C", mark(request)))),
    });
    let door = Door::new(grader, RunLimits::connections(1), RetryPolicy::default(), Arc::new(Frozen));
    let table =
        "as_of = 2026-01-01\ncurrency = \"USD\"\n[[price]]\nmodel = \"g\"\ninput = 1\noutput = 2\nsource = \"s\"\n";
    let prices = Prices::new(vec![PriceTable::read("p", table).unwrap()]);
    let spending = Spending { prices, budget: None };
    let roles = grading(door.enter(run_id()), spending.meter("g"));
    let (manifest, records) = again(&dir, &parent.path().join("a"), ("model_graded", roles)).await;
    assert!(records.iter().all(|record| record.ending == Ending::Completed && record.scores.len() == 1));
    assert_eq!(manifest.roles["grader"].cost, Some("0.000021USD".parse().unwrap()));
    assert_eq!(manifest.role_prices["grader"].input, 1_000_000);
    let spending = Spending { budget: Some(Arc::new(Budget::new("1 tokens".parse().unwrap()))), ..spending };
    let roles = grading(Fake::echo(), spending.meter("g"));
    let (manifest, records) = again(&dir, &parent.path().join("b"), ("model_graded", roles)).await;
    assert!(records.iter().all(|record| record.ending.name() == "grader error"));
    assert!(manifest.is_ended_by_budget(), "{:?}", manifest.budget);
}
