use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::{Digest, Timestamp};
use ph_eval::cache::{CachedReply, cache_key};
use ph_eval::{
    Budget, CacheCounts, CacheMode, CachedModel, Prune, ResponseCache, RoleModel, Roles, RunRequest, Spending,
};
use ph_model::{ModelApi, ModelError, ModelErrorKind, ModelOutput, ModelRequest, StopReason};
use ph_record::event::{KnownEvent, ModelEvent};
use ph_record::{SampleRecord, TaskSource};
use ph_testkit::FixedClock;

use crate::fixture::{Fake, Kept, counting_task, last_word, output, request, run_kept, task};
use crate::replay::{assert_equal, recorded, replayed};
use crate::roles::mark;

const BIG: u64 = 1 << 30;

fn open(path: &Path, bytes_max: u64) -> Arc<ResponseCache> {
    let clock = Arc::new(FixedClock::at(Timestamp(1_795_333_411_250)));
    Arc::new(ResponseCache::open(path, bytes_max, clock).unwrap())
}

/// Runs the task on this model with the cache before it.
async fn run_cached(
    (cache, mode): (&Arc<ResponseCache>, CacheMode),
    model: &Arc<Fake>,
    with: impl FnOnce(RunRequest) -> RunRequest,
) -> Kept {
    let clock = Arc::new(FixedClock::at(Timestamp(5_000)));
    let cached = Arc::new(CachedModel::new(model.clone(), (cache.clone(), mode), clock));
    let (manifest, kept) = run_kept(with(request(counting_task(6), cached))).await;
    manifest.unwrap();
    kept
}

fn call(record: &SampleRecord) -> &ModelEvent {
    let mut calls = record.events.iter().filter_map(|event| match event.kind.known() {
        Some(KnownEvent::Model(call)) => Some(call.as_ref()),
        _ => None,
    });
    calls.next_back().unwrap()
}

fn files(path: &Path) -> Vec<PathBuf> {
    let shards = std::fs::read_dir(path).unwrap().map(|shard| shard.unwrap().path());
    let mut files: Vec<PathBuf> =
        shards.flat_map(|shard| std::fs::read_dir(shard).unwrap().map(|file| file.unwrap().path())).collect();
    files.sort();
    files
}

#[tokio::test]
async fn the_second_run_asks_nobody_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    let model = Fake::echo();
    let first = run_cached((&cache, CacheMode::ReadWrite), &model, |request| request).await;
    assert_eq!(model.calls(), 6);
    assert!(first.records().iter().all(|record| call(record).cache.is_none()));
    let second = run_cached((&cache, CacheMode::ReadWrite), &model, |request| request).await;
    assert_eq!(model.calls(), 6, "nothing more is sent");
    for (record, fresh) in second.records().iter().zip(first.records()) {
        let hit = call(record).cache.unwrap();
        assert!(hit.asked_at.unwrap().0 >= 5_000 && hit.took_ms.is_some(), "{hit:?}");
        assert_eq!((&record.scores, &record.output, record.usage), (&fresh.scores, &fresh.output, fresh.usage));
    }
    let counts = CacheCounts { hits: 6, misses: 6, stored: 6, ..CacheCounts::default() };
    assert_eq!(cache.counts(), counts);
}

#[tokio::test]
async fn modes_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    for (mode, asked, kept) in [
        (CacheMode::Read, 6, 0),
        (CacheMode::Off, 12, 0),
        (CacheMode::Write, 18, 6),
        (CacheMode::Write, 24, 6),
        (CacheMode::Read, 24, 6),
    ]
    .into_iter()
    .scan((Fake::echo(), 0), |(model, _), (mode, asked, kept)| Some((model.clone(), mode, asked, kept)))
    .map(|(model, mode, asked, kept)| ((model, mode), asked, kept))
    {
        run_cached((&cache, mode.1), &mode.0, |request| request).await;
        assert_eq!((mode.0.calls(), files(folder.path()).len()), (asked, kept), "{:?}", mode.1);
    }
}

#[tokio::test]
async fn another_seed_epoch_or_target_is_another_reply() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    let model = Fake::echo();
    let rw = (&cache, CacheMode::ReadWrite);
    run_cached(rw, &model, |request| RunRequest { epochs: Some(2), ..request }).await;
    assert_eq!(model.calls(), 12, "epochs stay independent draws");
    run_cached(rw, &model, |request| RunRequest { seed: 12, ..request }).await;
    assert_eq!(model.calls(), 18);
    // The same request at another epoch, so that only the epoch tells them apart.
    let ask = ModelRequest::default();
    let keys = [cache_key(model.as_ref(), &ask, 1), cache_key(model.as_ref(), &ask, 2)];
    assert_ne!(keys[0], keys[1]);
    let other = ph_testkit::ScriptedModel::saying("x");
    assert_ne!(cache_key(&other, &ask, 1), keys[0]);
}

#[tokio::test]
async fn failures_and_replies_that_may_be_cut_off_are_never_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    let model = Fake::new(|request| match last_word(request).as_str() {
        "1" => Err(ModelError::new(ModelErrorKind::Overloaded, "no")),
        "2" => Ok(ModelOutput { stop_reason: StopReason::Unknown, ..output("2") }),
        word => Ok(output(word)),
    });
    let kept = run_cached((&cache, CacheMode::ReadWrite), &model, |request| request).await;
    assert_eq!(kept.record_of("item-1").ending.name(), "provider error");
    assert_eq!(files(folder.path()).len(), 4);
    run_cached((&cache, CacheMode::ReadWrite), &model, |request| request).await;
    assert_eq!(model.calls(), 8, "those two are asked again");
}

#[tokio::test]
async fn what_comes_from_the_cache_is_free_even_where_the_budget_is_spent() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    let model = Fake::echo();
    run_cached((&cache, CacheMode::ReadWrite), &model, |request| request).await;
    let budget = Arc::new(Budget::new("1token".parse().unwrap()));
    let spending = Spending { budget: Some(budget.clone()), ..Spending::default() };
    let meter = spending.meter("reference/fake");
    let kept = run_cached((&cache, CacheMode::ReadWrite), &model, |request| RunRequest { meter, ..request }).await;
    assert!(kept.records().iter().all(|record| record.ending.name() == "completed"));
    assert_eq!((kept.records().len(), budget.spent().amount(), budget.is_ended()), (6, 0, false));
}

#[tokio::test]
async fn graders_are_served_from_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    let grader = Fake::new(|request| Ok(output(format!("Right.\nGRADE {}: C", mark(request)))));
    let toml = "name = \"t\"\ndataset = \"items.jsonl\"\nsolver = [\"generate\"]\n\
                scorer = [{ name = \"model_graded\", votes = 2 }]\n";
    let items = "{\"id\":\"a\",\"input\":\"say 1\",\"target\":\"1\"}\n";
    let table =
        "as_of = 2026-01-01\ncurrency = \"USD\"\n[[price]]\nmodel = \"g\"\ninput = 1\noutput = 2\nsource = \"s\"\n";
    let prices = ph_eval::Prices::new(vec![ph_eval::PriceTable::read("p", table).unwrap()]);
    let spending = Spending { prices, ..Spending::default() };
    let mut costs = Vec::new();
    for _ in 0..2 {
        let clock = Arc::new(FixedClock::at(Timestamp(5_000)));
        let model = Arc::new(CachedModel::new(grader.clone(), (cache.clone(), CacheMode::ReadWrite), clock));
        let mut roles = Roles::default();
        roles.bind("grader", RoleModel { model, meter: spending.meter("g") });
        let request = RunRequest { roles, ..request(task(toml, items), Fake::echo()) };
        let parent = tempfile::tempdir().unwrap();
        let (dir, manifest) = recorded(&parent.path().join("runs"), request).await;
        let record = dir.records().unwrap().next().unwrap().unwrap();
        assert_eq!((record.ending.name(), record.roles["grader"].calls), ("completed", 2));
        assert_eq!(record.roles["grader"].usage.input_tokens, 6, "tokens count as they did");
        assert_eq!((grader.calls(), call(&record).cache.is_some()), (2, !costs.is_empty()));
        costs.push(record.roles["grader"].cost.unwrap().micros);
        assert_equal(&replayed(&dir, &parent.path().join("again"), None).await, &manifest);
    }
    assert_eq!(costs, [14, 0]);
}

#[tokio::test]
async fn a_damaged_entry_is_a_miss_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let model = Fake::echo();
    let first = open(folder.path(), BIG);
    run_cached((&first, CacheMode::ReadWrite), &model, |request| request).await;
    let entries = files(folder.path());
    let mut bytes = std::fs::read(&entries[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&entries[0], bytes).unwrap();
    // A whole entry in the place of another is no reply to that call.
    std::fs::copy(&entries[2], &entries[1]).unwrap();
    let cache = open(folder.path(), BIG);
    let kept = run_cached((&cache, CacheMode::ReadWrite), &model, |request| request).await;
    assert_eq!(model.calls(), 8);
    assert_eq!((cache.counts().damaged, cache.counts().hits, cache.counts().stored), (2, 4, 2));
    let notes = cache.notes().join("\n");
    assert!(notes.contains("its checksum is wrong") && notes.contains("is of another call"), "{notes}");
    assert!(kept.records().iter().all(|record| record.scores["match"].value.as_number() == Some(1.0)));
    let again = open(folder.path(), BIG);
    run_cached((&again, CacheMode::ReadWrite), &model, |request| request).await;
    assert_eq!((model.calls(), again.counts().damaged), (8, 0), "they were written anew");
}

fn reply(name: &str, text: &str, asked_at: i64) -> CachedReply {
    let key = Digest::of(name.as_bytes());
    let (target, asked_at) = ("openai/m".to_owned(), Timestamp(asked_at));
    CachedReply { key, target, epoch: 1, asked_at, took_ms: 1, output: output(text) }
}

fn names(cache: &ResponseCache) -> Vec<String> {
    let known = |key: &Digest| {
        (b'a'..=b'z').map(|name| char::from(name).to_string()).find(|name| Digest::of(name.as_bytes()) == *key)
    };
    let mut names: Vec<String> = cache.entries().unwrap().filter_map(|one| known(&one.reply.unwrap().key)).collect();
    names.sort();
    names
}

#[test]
fn it_stays_within_its_bound_and_keeps_what_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let text = "x".repeat(1_000);
    let measured = tempfile::tempdir().unwrap();
    let one = reply("a", &text, 0);
    open(measured.path(), BIG).put(&one.key, &one);
    let size = std::fs::metadata(&files(measured.path())[0]).unwrap().len();
    let cache = open(folder.path(), 10 * size + size / 2);
    for name in 'a'..='j' {
        let reply = reply(&name.to_string(), &text, 0);
        cache.put(&reply.key, &reply);
    }
    assert_eq!(names(&cache).len(), 10);
    for name in ["a", "b"] {
        assert!(cache.get(&Digest::of(name.as_bytes())).is_some());
    }
    let more = reply("k", &text, 0);
    cache.put(&more.key, &more);
    let left = names(&cache);
    assert!(
        left.contains(&"a".to_owned()) && left.contains(&"b".to_owned()) && left.contains(&"k".to_owned()),
        "{left:?}"
    );
    assert!(!left.contains(&"c".to_owned()), "the one not used for longest is gone: {left:?}");
    assert!(cache.counts().evicted >= 1);
    let huge = reply("z", &"x".repeat(20_000), 0);
    cache.put(&huge.key, &huge);
    assert_eq!((cache.counts().failed, names(&cache)), (1, left), "what can never fit evicts nothing");
}

#[test]
fn it_is_pruned_by_age_size_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    let now = 1_795_333_411_250;
    for (name, age) in [("a", 10_000), ("b", 5_000), ("c", 0)] {
        let reply = reply(name, "text", now - age);
        cache.put(&reply.key, &reply);
    }
    std::fs::write(files(folder.path())[0].with_file_name("broken.reply"), "x").unwrap();
    let pruned = cache.prune(&Prune { older_than_ms: Some(7_000), ..Prune::default() }).unwrap();
    assert_eq!((pruned.removed, pruned.left), (2, 2), "the old one and the broken one");
    assert_eq!(names(&cache), ["b", "c"]);
    let pruned = cache.prune(&Prune { bytes_max: Some(pruned.left_bytes - 1), ..Prune::default() }).unwrap();
    assert_eq!((pruned.removed, names(&cache)), (1, vec!["c".to_owned()]));
    let pruned = cache.prune(&Prune { all: true, ..Prune::default() }).unwrap();
    assert_eq!((pruned.removed, pruned.left, pruned.left_bytes), (1, 0, 0));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/cache");
    let cache = open(&path, BIG);
    let reply = reply("a", "text", 0);
    cache.put(&reply.key, &reply);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = files(&path).remove(0);
    assert_eq!((mode(&path), mode(file.parent().unwrap()), mode(&file)), (0o700, 0o700, 0o600));
}

#[test]
fn many_writers_and_readers_never_see_half_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..4).map(|n| n.to_string().repeat(20_000)).collect();
    std::thread::scope(|scope| {
        for text in &texts {
            let cache = open(folder.path(), 200_000);
            scope.spawn(move || {
                for round in 0..50 {
                    let one = reply(&format!("{}", round % 5), text, 0);
                    cache.put(&one.key, &one);
                    if let Some(found) = cache.get(&one.key) {
                        let text = found.output.message.text();
                        assert!(text.len() == 20_000 && text.trim_start_matches(&text[..1]).is_empty());
                    }
                }
                assert_eq!((cache.counts().damaged, cache.counts().failed), (0, 0), "{:?}", cache.notes());
            });
        }
    });
    assert!(files(folder.path()).iter().all(|file| file.extension().is_some_and(|of| of == "reply")));
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_costs_the_run_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    // Files stand where its folders would be made.
    for byte in 0..=255_u8 {
        std::fs::write(folder.path().join(format!("{byte:02x}")), "").unwrap();
    }
    let model = Fake::echo();
    let kept = run_cached((&cache, CacheMode::ReadWrite), &model, |request| request).await;
    assert!(kept.records().iter().all(|record| record.ending.name() == "completed"));
    assert_eq!((cache.counts().failed, cache.counts().stored), (6, 0));
    assert!(cache.notes().iter().any(|note| note.contains("could not be kept")), "{:?}", cache.notes());
}

#[tokio::test]
async fn outside_of_a_sample_nothing_is_served_or_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), BIG);
    let clock = Arc::new(FixedClock::at(Timestamp(0)));
    let model = CachedModel::new(Fake::echo(), (cache.clone(), CacheMode::ReadWrite), clock);
    let task: Arc<dyn TaskSource> = counting_task(1);
    assert!(task.spec().solver.len() == 1);
    let ask = ModelRequest { messages: vec![ph_model::Message::user("hello")], ..ModelRequest::default() };
    model.generate(&ask).await.unwrap();
    assert!(model.recall(&ask).await.is_none());
    assert!(files(folder.path()).is_empty());
}
