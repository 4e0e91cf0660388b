//! Runs that are cut off at any instant and gone on with: nothing finished is lost or asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ph_base::FileLayer;
use ph_eval::solver::Solver;
use ph_eval::{
    Again, Budget, Disk, Earlier, Generate, JournalRecorder, Prices, Reporter, RunDir, RunError, RunRequest,
    SampleState, SolverChain, Spending, Stop, run,
};
use ph_model::{ModelError, ModelErrorKind};
use ph_record::{BudgetLimit, Ending, RecordError, Recorder, RunEvent, RunManifest, RunStatus, SampleRecord};
use ph_testkit::LosingFiles;

use crate::fixture::{Fake, counting_task, door, last_word, output, request, run_id, task};

const SAMPLES: usize = 40;
const CONNECTIONS: u32 = 4;

/// What the run told: the samples that were finished, each held by its recorders.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<BTreeSet<String>>>);

impl Reporter for Told {
    fn report(&mut self, event: &RunEvent) {
        if let RunEvent::SampleFinished(record) = event {
            self.0.lock().unwrap().insert(record.sample.clone());
        }
    }
}

/// One process on one machine.
struct Life {
    /// How often each item was asked.
    asked: Arc<Mutex<BTreeMap<String, u32>>>,
    told: BTreeSet<String>,
    result: Result<RunManifest, RunError>,
}

/// Counts what is asked; `at_call` sees the number of each call and how many are under way.
fn counted(asked: &Arc<Mutex<BTreeMap<String, u32>>>, at_call: impl Fn(u64) + Send + Sync + 'static) -> Arc<Fake> {
    let (asked, calls) = (asked.clone(), AtomicU64::new(0));
    Fake::new(move |request| {
        let item = last_word(request);
        *asked.lock().unwrap().entry(format!("item-{item}")).or_default() += 1;
        at_call(calls.fetch_add(1, Ordering::SeqCst) + 1);
        Ok(output(item))
    })
}

async fn first_life(parent: &Path, files: &LosingFiles, at_call: impl Fn(u64) + Send + Sync + 'static) -> Life {
    let asked = Arc::default();
    let model = counted(&asked, at_call);
    let told = Told::default();
    let dir = RunDir::create(parent, &run_id()).unwrap();
    let journal = JournalRecorder::with_files(dir, Arc::new(files.clone()), 4_000).unwrap();
    let request =
        RunRequest { door: door(model.clone(), CONNECTIONS), ..request(counting_task(SAMPLES), model.clone()) };
    let result = run(request, vec![Box::new(journal)], &mut [Box::new(told.clone())]).await;
    let told = told.0.lock().unwrap().clone();
    Life { asked, told, result }
}

/// Goes on until the end with files that lose nothing.
pub(crate) async fn next_life(dir: &RunDir, again: Again, model: Arc<Fake>) -> Result<RunManifest, RunError> {
    let (journal, _) = JournalRecorder::going_on(dir.clone(), Arc::new(Disk)).unwrap();
    // A run whose first file was not written yet begins anew.
    let earlier = dir.manifest().ok().map(|manifest| (manifest, Earlier { dir: dir.clone(), again, budget: None }));
    let request =
        RunRequest { door: door(model.clone(), CONNECTIONS), earlier, ..request(counting_task(SAMPLES), model) };
    run(request, vec![Box::new(journal)], &mut []).await
}

fn records(dir: &RunDir) -> Vec<SampleRecord> {
    let mut records: Vec<_> = dir.records().unwrap().map(Result::unwrap).collect();
    records.sort_by(|a, b| a.sample.cmp(&b.sample));
    records
}

async fn undisturbed() -> Vec<SampleRecord> {
    let parent = tempfile::tempdir().unwrap();
    let files = LosingFiles::new(None, 1);
    first_life(parent.path(), &files, |_| {}).await.result.unwrap();
    records(&RunDir::open(parent.path().join(run_id().to_string())).unwrap())
}

/// Whether the machine went off while samples were asked or waited to be kept.
async fn check(cut_at: Option<u64>, seed: u64, wanted: &[SampleRecord], at_call: Option<u64>) -> bool {
    let parent = tempfile::tempdir().unwrap();
    let files = LosingFiles::new(cut_at, seed);
    let off = files.clone();
    let life = first_life(parent.path(), &files, move |call| {
        if Some(call) == at_call {
            off.cut_power();
        }
    })
    .await;
    let told = format!("cut at {cut_at:?} / call {at_call:?}, seed {seed}");
    assert_eq!(life.result.is_err(), files.is_off(), "{told}: {:?}", life.result);
    let asked_before = life.asked.lock().unwrap().clone();
    let was_under_way = asked_before.len() > life.told.len();
    let dir = RunDir::open(parent.path().join(run_id().to_string())).unwrap();
    let asked = Arc::default();
    let manifest = next_life(&dir, Again::AccessCut, counted(&asked, |_| {})).await.unwrap();
    assert_eq!((manifest.status, manifest.samples), (RunStatus::Success, SAMPLES as u64), "{told}");
    let asked = asked.lock().unwrap().clone();
    for sample in &life.told {
        assert!(!asked.contains_key(sample), "{told}: {sample} was finished and is asked again");
    }
    let repeated = asked.keys().filter(|sample| asked_before.contains_key(*sample)).count();
    let unfinished = asked_before.len() - life.told.len();
    assert!(repeated <= unfinished, "{told}: {repeated} repeated, {unfinished} were not finished");
    let found = records(&dir);
    assert_eq!(found.len(), SAMPLES, "{told}");
    assert!(found == wanted, "{told}: the records are not those of an undisturbed run");
    assert_eq!(manifest.endings.get("completed"), Some(&(SAMPLES as u64)));
    was_under_way
}

#[tokio::test]
async fn the_power_may_go_off_at_every_write() {
    let wanted = undisturbed().await;
    let parent = tempfile::tempdir().unwrap();
    let files = LosingFiles::new(None, 1);
    first_life(parent.path(), &files, |_| {}).await.result.unwrap();
    let operations = files.operations();
    assert!(operations >= 12, "{operations}");
    for cut_at in 1..=operations {
        for seed in 0..3 {
            check(Some(cut_at), seed * 977 + cut_at, &wanted, None).await;
        }
    }
}

#[tokio::test]
async fn the_power_may_go_off_at_any_instant() {
    let wanted = undisturbed().await;
    let mut under_way = 0;
    for seed in 0..200 {
        let call = 1 + seed * 7_919 % SAMPLES as u64;
        under_way += u32::from(check(None, seed, &wanted, Some(call)).await);
    }
    assert!(under_way >= 190, "work was under way in {under_way} of 200");
}

#[tokio::test]
async fn a_run_that_is_cut_off_again_and_again_comes_to_its_end() {
    let wanted = undisturbed().await;
    let parent = tempfile::tempdir().unwrap();
    let files = LosingFiles::new(Some(5), 3);
    first_life(parent.path(), &files, |_| {}).await.result.unwrap_err();
    let dir = RunDir::open(parent.path().join(run_id().to_string())).unwrap();
    for life in 0..12 {
        let files = LosingFiles::new(Some(3 + life % 3), life);
        let layer: Arc<dyn FileLayer> = Arc::new(files);
        let Ok((journal, _)) = JournalRecorder::going_on(dir.clone(), layer) else { continue };
        let model = counted(&Arc::default(), |_| {});
        let manifest = dir.manifest().unwrap();
        let earlier = Some((manifest, Earlier { dir: dir.clone(), again: Again::AccessCut, budget: None }));
        let request =
            RunRequest { door: door(model.clone(), CONNECTIONS), earlier, ..request(counting_task(SAMPLES), model) };
        let _ = run(request, vec![Box::new(journal)], &mut []).await;
    }
    let manifest = next_life(&dir, Again::AccessCut, counted(&Arc::default(), |_| {})).await.unwrap();
    assert!(manifest.resumed.len() >= 2, "{:?}", manifest.resumed);
    assert!(records(&dir) == wanted);
}

/// A run of which some samples failed, in each of the ways that a call can.
pub(crate) async fn with_failures(parent: &Path) -> RunDir {
    let model = Fake::new(|request| match last_word(request).as_str() {
        "3" => Err(ModelError::new(ModelErrorKind::AccessCut, "cut")),
        "5" => Err(ModelError::new(ModelErrorKind::Overloaded, "busy")),
        "7" => Err(ModelError::new(ModelErrorKind::Model, "broken")),
        item => Ok(output(item)),
    });
    let dir = RunDir::create(parent, &run_id()).unwrap();
    let journal = JournalRecorder::new(dir.clone()).unwrap();
    run(request(counting_task(SAMPLES), model), vec![Box::new(journal)], &mut []).await.unwrap();
    dir
}

#[tokio::test]
async fn what_was_cut_is_asked_again_and_errors_where_that_is_wanted() {
    for (again, wanted) in [(Again::AccessCut, vec!["item-3"]), (Again::Errors, vec!["item-3", "item-5"])] {
        let parent = tempfile::tempdir().unwrap();
        let dir = with_failures(parent.path()).await;
        let asked = Arc::default();
        let manifest = next_life(&dir, again, counted(&asked, |_| {})).await.unwrap();
        let asked: Vec<String> = asked.lock().unwrap().keys().cloned().collect();
        assert_eq!(asked, wanted);
        let records = records(&dir);
        assert_eq!((records.len(), manifest.samples), (SAMPLES, SAMPLES as u64), "the last record alone counts");
        for record in records.iter().filter(|record| wanted.contains(&record.sample.as_str())) {
            assert_eq!((record.attempt, &record.ending), (2, &Ending::Completed));
            let earlier = &record.earlier_attempts[0];
            assert_eq!((earlier.attempt, earlier.ending.error().is_some()), (1, true));
            assert!(!earlier.events.is_empty(), "the transcript of the attempt before is kept");
        }
        let failed = manifest.endings.iter().filter(|(name, _)| *name != "completed").map(|(_, count)| count);
        assert_eq!(failed.sum::<u64>(), 3 - wanted.len() as u64);
    }
}

#[tokio::test]
async fn what_a_budget_kept_from_being_asked_is_asked_once_there_is_more() {
    let toml =
        "name = \"twice\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\", \"generate\"]\nscorer = [\"match\"]\n";
    let items: String =
        (1..=9).map(|k| format!("{{\"id\":\"item-{k}\",\"input\":\"say {k}\",\"target\":\"1\"}}\n")).collect();
    let twice = || task(toml, &items);
    let model = || Fake::new(|_| Ok(output("1")));
    let budget = |tokens: u64| Spending {
        prices: Prices::default(),
        budget: Some(Arc::new(Budget::new(BudgetLimit::Tokens(tokens)))),
    };
    let parent = tempfile::tempdir().unwrap();
    let dir = RunDir::create(parent.path(), &run_id()).unwrap();
    let journal = JournalRecorder::new(dir.clone()).unwrap();
    let meter = budget(44).meter("reference/fake");
    let first = RunRequest { meter, ..request(twice(), model()) };
    let first = run(first, vec![Box::new(journal)], &mut []).await.unwrap();
    assert!(first.is_ended_by_budget() && first.samples < 9, "{first:?}");
    let (journal, _) = JournalRecorder::going_on(dir.clone(), Arc::new(Disk)).unwrap();
    let limit = first.budget.map(|used| used.limit);
    let earlier = Earlier { dir: dir.clone(), again: Again::AccessCut, budget: limit };
    let (more, asked) = (budget(10_000), model());
    let meter = more.meter("reference/fake");
    let request = RunRequest { meter, earlier: Some((first.clone(), earlier)), ..request(twice(), asked.clone()) };
    let done = run(request, vec![Box::new(journal)], &mut []).await.unwrap();
    assert_eq!((done.status, done.samples, done.endings["completed"]), (RunStatus::Success, 9, 9));
    let records = records(&dir);
    let again: Vec<_> = records.iter().filter(|record| !record.earlier_attempts.is_empty()).collect();
    assert_eq!(again.len() as u64, first.endings.get("limit").copied().unwrap_or(0), "those that were under way");
    assert!(!again.is_empty(), "{:?}", first.endings);
    // Whatever was paid for counts: two calls of five tokens a sample, and those of the attempts before.
    let paid: u64 = records.iter().map(|record| record.usage_of_all_attempts().total_tokens()).sum();
    assert!(paid > 90, "{paid}");
    assert_eq!((done.usage.total_tokens(), more.budget.unwrap().spent().amount()), (paid, paid));
}

#[tokio::test]
async fn a_journal_that_is_damaged_ends_the_run_though_its_end_cannot_be_kept() {
    struct FailsAtTheEnd;
    impl Recorder for FailsAtTheEnd {
        fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
            match event {
                RunEvent::RunFinished(_) => Err(RecordError { place: "logs".to_owned(), source: "damaged".into() }),
                _ => Ok(()),
            }
        }
    }
    let parent = tempfile::tempdir().unwrap();
    let dir = with_failures(parent.path()).await;
    std::fs::write(dir.path().join("journal/000000.seg"), b"not a segment").unwrap();
    let earlier = Earlier { dir: dir.clone(), again: Again::AccessCut, budget: None };
    let request = RunRequest {
        earlier: Some((dir.manifest().unwrap(), earlier)),
        ..request(counting_task(SAMPLES), Fake::echo())
    };
    let ended = run(request, vec![Box::new(FailsAtTheEnd)], &mut []);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("it ends");
    assert!(matches!(ended, Err(RunError::Earlier { .. })), "{ended:?}");
}

/// Its sandbox fails the first `times` times that an item is tried. A mock: the sandbox is made later.
struct Shaky {
    times: u32,
    tried: Mutex<BTreeMap<String, u32>>,
}

#[async_trait]
impl Solver for Shaky {
    async fn solve(&self, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop> {
        generate.call(state).await?;
        let mut tried = self.tried.lock().unwrap();
        let tried = tried.entry(state.sample.clone()).or_default();
        *tried += 1;
        if *tried <= self.times { Err(Stop::Sandbox("the container is gone".to_owned())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_sandbox_that_fails_is_tried_again_and_never_the_model_s_failure() {
    for (times, ending, attempts) in [(2, "completed", 3), (3, "sandbox error", 3)] {
        let shaky = Shaky { times, tried: Mutex::default() };
        let chain = SolverChain::of(vec![("shaky".to_owned(), Box::new(shaky))]);
        let request = RunRequest { chain: Some(chain), sandbox_retries: 2, ..request(counting_task(3), Fake::echo()) };
        let (manifest, kept) = crate::fixture::run_kept(request).await;
        assert_eq!(manifest.unwrap().endings, BTreeMap::from([(ending.to_owned(), 3)]));
        for record in kept.records() {
            assert_eq!((record.attempt, record.earlier_attempts.len()), (attempts, 2));
            assert!(record.earlier_attempts.iter().all(|earlier| earlier.ending.name() == "sandbox error"));
            assert!(
                record
                    .earlier_attempts
                    .iter()
                    .all(|earlier| !earlier.events.is_empty() && earlier.usage.total_tokens() > 0)
            );
            assert_eq!(record.scores.is_empty(), ending == "sandbox error");
        }
    }
}

#[tokio::test]
async fn a_run_is_written_by_one_process_at_a_time() {
    let parent = tempfile::tempdir().unwrap();
    let dir = RunDir::create(parent.path(), &run_id()).unwrap();
    let first = JournalRecorder::new(dir.clone()).unwrap();
    let error = JournalRecorder::going_on(dir.clone(), Arc::new(Disk)).err().unwrap();
    assert!(format!("{error}: {}", error.source).contains("under way in another process"), "{error:?}");
    drop(first);
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(JournalRecorder::new(dir).unwrap())];
    assert_eq!(recorders.len(), 1);
}
