use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ph_base::{Digest, Timestamp};
use ph_eval::{Cancellation, Reporter, RunError, RunRequest, run};
use ph_model::{ModelError, ModelErrorKind, ModelOutput, ModelReply, ModelRequest, StopReason};
use ph_record::{
    Ending, Expected, LimitKind, Recorder, Response, RunEvent, RunStatus, Sample, SampleInput, SampleRecord,
    SampleRound, SampleStream, SourceOptions, TaskSource, TaskSourceError, TaskSpec,
};
use ph_testkit::{FixedClock, ScriptedModel};

use crate::fixture::{FailsAt, Fake, Kept, counting_task, door, last_word, output, request, run_id, run_kept, task};

const HEAD: &str = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\n";

async fn one(toml: &str, item: &str, model: Arc<Fake>) -> Arc<SampleRecord> {
    let (manifest, kept) = run_kept(request(task(toml, item), model)).await;
    assert_eq!(manifest.unwrap().status, RunStatus::Success);
    kept.records()[0].clone()
}

const ITEM: &str = r#"{"id":"a","input":"say yes","target":"yes"}"#;

#[tokio::test]
async fn every_failed_call_has_its_ending() {
    for (kind, name, code) in [
        (ModelErrorKind::Unreachable, "provider error", "unreachable"),
        (ModelErrorKind::Timeout, "provider error", "timeout"),
        (ModelErrorKind::RateLimited, "provider error", "rate_limited"),
        (ModelErrorKind::Overloaded, "provider error", "overloaded"),
        (ModelErrorKind::Unauthorized, "provider error", "unauthorized"),
        (ModelErrorKind::NotFound, "provider error", "not_found"),
        (ModelErrorKind::InvalidRequest, "provider error", "invalid_request"),
        (ModelErrorKind::MalformedReply, "provider error", "malformed_reply"),
        (ModelErrorKind::Model, "model error", "model_failure"),
        (ModelErrorKind::AccessCut, "access cut", "access_cut"),
        (ModelErrorKind::ContextTooLong, "limit", ""),
    ] {
        let record = one(HEAD, ITEM, Fake::new(move |_| Err(ModelError::new(kind, "no")))).await;
        assert_eq!(record.ending.name(), name, "{kind}");
        assert_eq!(record.ending.error().map(|error| error.code.as_str()).unwrap_or_default(), code);
        assert!(record.scores.is_empty() && record.response.is_none() && record.output.is_none(), "{kind}");
        if kind == ModelErrorKind::ContextTooLong {
            assert_eq!(record.ending, Ending::Limit { limit: LimitKind::Context, value: None });
        }
    }
}

fn stopped(reason: StopReason, text: &str) -> Arc<Fake> {
    let text = text.to_owned();
    Fake::new(move |_| Ok(ModelOutput { stop_reason: reason, ..output(text.as_str()) }))
}

#[tokio::test]
async fn endings_scores_and_responses_are_independent() {
    let check = async |toml: &str, model: Arc<Fake>, wanted: (&str, Option<f64>, Option<Response>)| {
        let record = one(toml, ITEM, model).await;
        let score = record.scores.get("match").and_then(|score| score.value.as_number());
        assert_eq!((record.ending.name(), score, record.response), wanted, "{toml}");
        record
    };
    let answered = Some(Response::Answered);
    check(HEAD, stopped(StopReason::Stop, "yes"), ("completed", Some(1.0), answered)).await;
    check(HEAD, stopped(StopReason::MaxTokens, "yes"), ("completed", Some(1.0), answered)).await;
    check(HEAD, stopped(StopReason::Stop, ""), ("completed", Some(0.0), answered)).await;
    let block = Some(Response::SafeguardBlock);
    check(HEAD, stopped(StopReason::ContentFilter, ""), ("completed", Some(0.0), block)).await;
    let refusal = Some(Response::ModelRefusal);
    check(HEAD, stopped(StopReason::Stop, "I can\u{2019}t help with that."), ("completed", Some(0.0), refusal)).await;
    let full = check(HEAD, stopped(StopReason::ModelLength, "yes"), ("limit", Some(1.0), answered)).await;
    assert_eq!(full.ending, Ending::Limit { limit: LimitKind::Context, value: None });
    let tokens = format!("{HEAD}limits = {{ tokens = 4 }}\n");
    let record = check(&tokens, stopped(StopReason::Stop, "yes"), ("limit", Some(1.0), answered)).await;
    assert_eq!(record.ending, Ending::Limit { limit: LimitKind::Token, value: Some(4.0) });
    let messages = format!("{HEAD}limits = {{ messages = 1 }}\n");
    let record = check(&messages, stopped(StopReason::Stop, "yes"), ("limit", None, None)).await;
    assert_eq!(record.ending, Ending::Limit { limit: LimitKind::Message, value: Some(1.0) });
    let bad_solver = HEAD.replace("\"generate\"", "{ name = \"template\", text = \"{prompt} {none}\" }, \"generate\"");
    let record = check(&bad_solver, stopped(StopReason::Stop, "yes"), ("grader error", None, None)).await;
    assert!(record.ending.error().unwrap().message.contains("`none`"));
}

/// A task whose items come as they are: a generator's, which no file check has seen.
struct Unchecked(Arc<dyn TaskSource>, Sample);

impl TaskSource for Unchecked {
    fn spec(&self) -> &TaskSpec {
        self.0.spec()
    }

    fn digest(&self, options: &SourceOptions) -> Result<Digest, TaskSourceError> {
        self.0.digest(options)
    }

    fn open(&self, _: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        Ok(Box::new(Once(Some(self.1.clone()))))
    }
}

struct Once(Option<Sample>);

impl SampleStream for Once {
    fn next_round(&mut self) -> Result<Option<SampleRound>, TaskSourceError> {
        Ok(self.0.take().map(|sample| Box::new(std::iter::once(Ok(sample))) as SampleRound))
    }

    fn observe(&mut self, _: &SampleRecord) {}
}

#[tokio::test]
async fn a_grader_that_fails_is_not_the_model_s_failure() {
    let numeric = HEAD.replace("\"match\"", "\"numeric\", \"match\"");
    let source = task(&numeric, &ITEM.replace("\"target\":\"yes\"", "\"target\":\"1\""));
    let sample = Sample {
        id: "a".to_owned(),
        input: SampleInput::Text("say yes".to_owned()),
        expected: Expected::One("yes".to_owned()),
        choices: Vec::new(),
        metadata: serde_json::Map::new(),
    };
    let model = stopped(StopReason::Stop, "yes");
    let (manifest, kept) = run_kept(request(Arc::new(Unchecked(source, sample)), model)).await;
    assert_eq!(manifest.unwrap().status, RunStatus::Success);
    let record = kept.records()[0].clone();
    let score = record.scores.get("match").and_then(|score| score.value.as_number());
    assert_eq!((record.ending.name(), score, record.response), ("grader error", Some(1.0), Some(Response::Answered)));
    assert!(!record.scores.contains_key("numeric"));
}

#[tokio::test]
async fn time_ends_a_sample() {
    struct Sleeper(ph_model::TargetName);
    #[async_trait::async_trait]
    impl ph_model::ModelApi for Sleeper {
        fn target(&self) -> &ph_model::TargetName {
            &self.0
        }
        async fn generate(&self, _: &ModelRequest) -> Result<ModelReply, ModelError> {
            std::future::pending().await
        }
    }
    let toml = format!("{HEAD}limits = {{ time_seconds = 0.02 }}\n");
    let model = Arc::new(Sleeper(ph_model::TargetName::Reference("sleeper".to_owned())));
    let (_, kept) = run_kept(request(task(&toml, ITEM), model)).await;
    let record = kept.records()[0].clone();
    assert_eq!(record.ending, Ending::Limit { limit: LimitKind::Time, value: Some(0.02) });
    let begun = record.events.iter().filter(|event| format!("{:?}", event.kind).contains("SpanBegin(")).count();
    let ended = record.events.iter().filter(|event| format!("{:?}", event.kind).contains("SpanEnd")).count();
    assert_eq!(begun, ended, "every span is closed");
}

#[tokio::test(start_paused = true)]
async fn a_sample_s_time_is_not_what_it_waits_for_its_turn() {
    let toml = "name = \"count\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\nscorer = [\"match\"]\n\
                limits = { time_seconds = 2 }\n";
    let items: String =
        (1..=40).map(|k| format!("{{\"id\":\"item-{k}\",\"input\":\"say {k}\",\"target\":\"{k}\"}}\n")).collect();
    let failed = AtomicUsize::new(0);
    let model = Fake::new(move |request| match failed.fetch_add(1, Ordering::SeqCst) {
        0 => Err(ModelError { retry_after_ms: Some(30_000), ..ModelError::new(ModelErrorKind::RateLimited, "later") }),
        _ => Ok(output(last_word(request))),
    });
    let limits = ph_record::RunLimits { requests_per_minute: Some(30), ..ph_record::RunLimits::connections(40) };
    let door =
        ph_eval::Door::new(model.clone(), limits, ph_eval::RetryPolicy::default(), Arc::new(crate::fixture::Frozen));
    let (manifest, _) = run_kept(RunRequest { door, ..request(task(toml, &items), model) }).await;
    assert_eq!(manifest.unwrap().endings.into_iter().collect::<Vec<_>>(), [("completed".to_owned(), 40)]);
}

#[tokio::test]
async fn a_panic_on_the_way_to_an_endpoint_is_not_the_model_s_failure() {
    let model = Fake::at("openai/m", |_| panic!("a codec"));
    let (_, kept) = run_kept(request(counting_task(1), model)).await;
    let record = kept.records()[0].clone();
    assert_eq!(record.ending.name(), "grader error", "{:?}", record.ending);
    assert!(record.ending.error().unwrap().message.contains("a codec"));
}

#[tokio::test]
async fn a_panic_ends_its_sample_and_no_other() {
    let model = Fake::new(|request| {
        let word = last_word(request);
        assert_ne!(word, "3", "the third item");
        Ok(output(word))
    });
    let (manifest, kept) = run_kept(request(counting_task(5), model)).await;
    let manifest = manifest.unwrap();
    assert_eq!((manifest.samples, manifest.errors(), manifest.endings["model error"]), (5, 1, 1));
    let error = kept.record_of("item-3").ending.error().unwrap().clone();
    assert!(error.message.contains("the third item"), "{error:?}");
}

#[tokio::test]
async fn a_run_is_counted_and_reported() {
    struct Seen(Arc<Mutex<Vec<&'static str>>>);
    impl Reporter for Seen {
        fn report(&mut self, event: &RunEvent) {
            self.0.lock().unwrap().push(match event {
                RunEvent::RunStarted(_) => "started",
                RunEvent::RoundStarted { .. } => "round",
                RunEvent::LimitsChanged(_) => "limits",
                RunEvent::SampleFinished(_) => "sample",
                RunEvent::RunFinished(_) => "finished",
            });
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(Seen(seen.clone()))];
    let model = Arc::new(ScriptedModel::new(|request| Ok(last_word(request))));
    let clock = Arc::new(FixedClock::at(Timestamp(100)));
    let request = RunRequest { epochs: Some(2), limit: Some(2), clock, ..request(counting_task(9), model) };
    let manifest = run(request, Vec::new(), &mut reporters).await.unwrap();
    assert_eq!((manifest.samples, manifest.epochs, manifest.endings["completed"]), (4, 2, 4));
    assert_eq!((manifest.usage.input_tokens, manifest.usage.output_tokens), (8, 4));
    assert!(manifest.completed_at.unwrap() > manifest.started_at);
    assert_eq!(*seen.lock().unwrap(), ["started", "round", "sample", "sample", "sample", "sample", "finished"]);
}

#[tokio::test]
async fn an_item_may_ask_for_its_own_epochs() {
    let items = "{\"id\":\"a\",\"input\":\"1\"}\n{\"id\":\"b\",\"input\":\"1\",\"metadata\":{\"epochs\":3}}\n";
    let head = HEAD.replace("\"match\"", "\"refusal\"");
    let (manifest, kept) =
        run_kept(request(task(&format!("{head}epochs = {{ count = 2 }}\n"), items), Fake::echo())).await;
    assert_eq!(manifest.unwrap().samples, 5);
    let records = kept.records();
    let epochs: Vec<_> = records.iter().map(|record| (record.sample.as_str(), record.epoch)).collect();
    assert_eq!(epochs, [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]);
    let seeds: std::collections::BTreeSet<_> = records.iter().map(|record| record.seed).collect();
    assert_eq!(seeds.len(), 5);
    let wrong = "{\"id\":\"a\",\"input\":\"1\",\"metadata\":{\"epochs\":0}}\n";
    let (result, _) = run_kept(request(task(&head, wrong), Fake::echo())).await;
    assert!(matches!(result, Err(RunError::Source { .. })));
}

/// A search in rounds: two candidates at first, then those whose reply was right, until round 3.
struct Search {
    spec: TaskSpec,
    observed: Arc<Mutex<Vec<(u32, String)>>>,
}

impl TaskSource for Search {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn digest(&self, _: &SourceOptions) -> Result<Digest, TaskSourceError> {
        Ok(Digest::of(b"search"))
    }

    fn open(&self, _: &SourceOptions) -> Result<Box<dyn SampleStream>, TaskSourceError> {
        Ok(Box::new(SearchStream {
            round: 0,
            right: vec!["1".to_owned(), "x".to_owned()],
            observed: self.observed.clone(),
        }))
    }
}

struct SearchStream {
    round: u32,
    right: Vec<String>,
    observed: Arc<Mutex<Vec<(u32, String)>>>,
}

impl SampleStream for SearchStream {
    fn next_round(&mut self) -> Result<Option<SampleRound>, TaskSourceError> {
        if self.round == 3 {
            return Ok(None);
        }
        self.round += 1;
        let round = self.round;
        let samples: Vec<_> = self
            .right
            .drain(..)
            .flat_map(|word| ["1", "2"].map(|digit| format!("{word}{digit}")))
            .map(move |id| {
                let json = serde_json::json!({ "id": format!("{round}-{id}"), "input": id, "target": "2" });
                Ok(serde_json::from_value::<Sample>(json).unwrap())
            })
            .collect();
        Ok(Some(Box::new(samples.into_iter())))
    }

    fn observe(&mut self, record: &SampleRecord) {
        self.observed.lock().unwrap().push((record.round, record.sample.clone()));
        if record.scores["match"].value.as_number() == Some(1.0) {
            self.right.push(record.reply());
        }
    }

    fn round_size_hint(&self) -> Option<u64> {
        Some(self.right.len() as u64 * 2)
    }
}

#[tokio::test]
async fn a_round_begins_when_the_one_before_is_finished() {
    let observed = Arc::new(Mutex::new(Vec::new()));
    let spec = counting_task(1).spec().clone();
    let search = Arc::new(Search { spec, observed: observed.clone() });
    let (manifest, kept) = run_kept(RunRequest { door: door(Fake::echo(), 16), ..request(search, Fake::echo()) }).await;
    assert_eq!(manifest.unwrap().samples, 12);
    let observed = observed.lock().unwrap();
    assert!(observed.is_sorted_by_key(|(round, _)| *round), "{observed:?}");
    let sizes: Vec<_> = kept
        .0
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            RunEvent::RoundStarted { round, samples, .. } => Some((*round, *samples)),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(0, Some(4)), (1, Some(4)), (2, Some(4))]);
}

#[tokio::test]
async fn a_recorder_that_fails_ends_the_run_wherever_it_fails() {
    const SAMPLES: usize = 5;
    // Events: run started, round started, one per sample, run finished.
    for n in 1..=SAMPLES + 3 {
        let model = Fake::echo();
        let kept = Kept::default();
        let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(FailsAt { n, seen: 0 }), Box::new(kept.clone())];
        let request = RunRequest { door: door(model.clone(), 1), ..request(counting_task(SAMPLES), model.clone()) };
        let error = run(request, recorders, &mut []).await.unwrap_err();
        let RunError::Record { manifest, source } = error else { panic!("{error}") };
        assert_eq!(source.place, "nowhere");
        let counted = n.saturating_sub(3).min(SAMPLES);
        assert_eq!(manifest.samples, counted as u64, "n = {n}");
        assert_eq!(kept.records().len(), counted, "nothing beyond the failure is kept, n = {n}");
        assert_eq!(model.calls() == 0, n <= 2, "nothing is sent before the round is recorded, n = {n}");
        assert_eq!(manifest.status, RunStatus::Error);
        assert_eq!(kept.finished().unwrap().status, RunStatus::Error, "the others are told, n = {n}");
    }
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(FailsAt { n: SAMPLES + 4, seen: 0 })];
    let manifest = run(request(counting_task(SAMPLES), Fake::echo()), recorders, &mut []).await.unwrap();
    assert_eq!(manifest.samples, SAMPLES as u64);
}

#[tokio::test]
async fn after_a_failure_those_under_way_send_nothing_more() {
    for max_connections in [2, 8] {
        let model = Fake::echo();
        let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(FailsAt { n: 5, seen: 0 })];
        let request =
            RunRequest { door: door(model.clone(), max_connections), ..request(counting_task(2_000), model.clone()) };
        let error = run(request, recorders, &mut []).await.unwrap_err();
        assert_eq!(error.manifest().unwrap().samples, 2);
        let calls = model.calls();
        assert!(calls <= 3 + 64 + 3 * max_connections as usize, "{calls}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(model.calls(), calls);
    }
}

/// Interrupts the run at its `n`-th call.
fn interrupting(cancellation: &Cancellation, n: usize, times: usize) -> Arc<Fake> {
    let cancellation = cancellation.clone();
    let calls = AtomicUsize::new(0);
    Fake::new(move |request| {
        if calls.fetch_add(1, Ordering::SeqCst) + 1 == n {
            for _ in 0..times {
                cancellation.interrupt();
            }
        }
        Ok(output(last_word(request)))
    })
}

#[tokio::test]
async fn an_interrupt_finishes_what_is_under_way() {
    let cancellation = Cancellation::default();
    let model = interrupting(&cancellation, 4, 1);
    let request =
        RunRequest { cancellation, door: door(model.clone(), 3), ..request(counting_task(50), model.clone()) };
    let (manifest, kept) = run_kept(request).await;
    let manifest = manifest.unwrap();
    assert_eq!(manifest.status, RunStatus::Cancelled);
    assert_eq!(manifest.samples, model.calls() as u64, "what was sent is recorded");
    assert!((4..=7).contains(&manifest.samples), "{}", manifest.samples);
    assert_eq!(kept.finished().unwrap().status, RunStatus::Cancelled);
}

#[tokio::test]
async fn a_second_interrupt_drops_what_is_under_way() {
    let cancellation = Cancellation::default();
    let model = interrupting(&cancellation, 4, 2);
    let request =
        RunRequest { cancellation, door: door(model.clone(), 4), ..request(counting_task(50), model.clone()) };
    let (manifest, kept) = run_kept(request).await;
    let manifest = manifest.unwrap();
    assert_eq!(manifest.status, RunStatus::Cancelled);
    assert!(manifest.samples < model.calls() as u64, "{} {}", manifest.samples, model.calls());
    assert_eq!(manifest.samples, kept.records().len() as u64);
}

#[tokio::test]
async fn a_run_cancelled_beforehand_sends_nothing() {
    let cancellation = Cancellation::default();
    cancellation.interrupt();
    let model = Fake::echo();
    let (manifest, _) = run_kept(RunRequest { cancellation, ..request(counting_task(5), model.clone()) }).await;
    assert_eq!((manifest.unwrap().status, model.calls()), (RunStatus::Cancelled, 0));
}

#[tokio::test]
async fn an_interrupt_after_the_last_sample_changes_nothing() {
    let cancellation = Cancellation::default();
    let model = interrupting(&cancellation, 5, 1);
    let (manifest, _) =
        run_kept(RunRequest { cancellation, door: door(model.clone(), 8), ..request(counting_task(5), model) }).await;
    let manifest = manifest.unwrap();
    assert_eq!((manifest.status, manifest.samples), (RunStatus::Cancelled, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_do_not_depend_on_how_many_are_under_way() {
    let mut all = Vec::new();
    for max_connections in [1, 16] {
        let model = Fake::echo();
        let (_, kept) = run_kept(RunRequest {
            door: door(model.clone(), max_connections),
            epochs: Some(2),
            ..request(counting_task(40), model.clone())
        })
        .await;
        let most = model.under_way_max.load(Ordering::SeqCst);
        assert!(most <= max_connections as usize, "{most}");
        assert_eq!(most == 1, max_connections == 1, "several are under way at once");
        all.push(kept.records());
    }
    assert_eq!(all[0].len(), 80);
    assert_eq!(all[0], all[1]);
}

#[tokio::test]
async fn broken_items_end_the_run_with_what_was_finished() {
    let items = format!("{ITEM}\n{{\"id\":\"b\"}}\n");
    let (result, _) = run_kept(request(task(HEAD, &items), Fake::echo())).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, RunError::Source { manifest: None, source } if source.place.contains("items.jsonl:2:")),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_sample_s_seed_reaches_the_model_unless_the_task_sets_one() {
    for (config, fixed) in [("", None), ("config = { seed = 9, temperature = 0.5 }\n", Some(9))] {
        let seeds = Arc::new(Mutex::new(Vec::new()));
        let taken = seeds.clone();
        let model = Fake::new(move |request: &ModelRequest| {
            taken.lock().unwrap().push(request.config.seed.unwrap());
            Ok(output("x"))
        });
        let record = one(&format!("{HEAD}{config}"), ITEM, model).await;
        assert_eq!(record.seed, ph_record::sample_seed(11, "t", "a", 1));
        assert_eq!(*seeds.lock().unwrap(), [fixed.unwrap_or(record.seed & (u64::MAX >> 1))]);
    }
}

#[tokio::test]
async fn the_transcript_is_the_tree_that_viewers_expect() {
    let toml = HEAD.replace("\"generate\"", "{ name = \"system_message\", text = \"Be brief.\" }, \"generate\"");
    let record = one(&toml, ITEM, Fake::echo()).await;
    let lines: Vec<String> = record
        .events
        .iter()
        .map(|event| {
            let json = serde_json::to_value(event).unwrap();
            let text = |key: &str| json.get(key).and_then(|value| value.as_str()).unwrap_or("-").to_owned();
            format!(
                "{} {} {} {} {} {}",
                event.sequence,
                text("event"),
                text("span_id"),
                text("parent_id"),
                text("type"),
                text("name")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(record.id, ph_record::SampleId::of(&run_id(), "t", "a", (1, 1)));
}

#[tokio::test]
async fn no_more_is_held_than_what_is_under_way() {
    struct Weakly(Vec<std::sync::Weak<SampleRecord>>, usize);
    impl Reporter for Weakly {
        fn report(&mut self, event: &RunEvent) {
            if let RunEvent::SampleFinished(record) = event {
                self.0.push(Arc::downgrade(record));
                self.1 += 1;
                let alive = self.0.iter().filter(|record| record.upgrade().is_some()).count();
                assert!(alive <= 1, "{alive} records are held after {}", self.1);
            }
        }
    }
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(Weakly(Vec::new(), 0))];
    let manifest = run(request(counting_task(200), Fake::echo()), Vec::new(), &mut reporters).await.unwrap();
    assert_eq!(manifest.samples, 200);
}
