use std::fs;
use std::path::Path;
use std::sync::Arc;

use ph_eval::{Disk, JournalRecorder, RunDir, RunDirError, RunRequest, run};
use ph_record::{Recorder, RunStatus};

use crate::fixture::{Fake, counting_task, door, request, run_id, run_kept};

const SAMPLES: usize = 6;

/// A finished run in `parent`.
async fn recorded(parent: &Path, segment_bytes_max: u64) -> RunDir {
    let dir = RunDir::create(parent, &run_id()).unwrap();
    let journal = JournalRecorder::with_files(dir.clone(), Arc::new(Disk), segment_bytes_max).unwrap();
    let request = RunRequest { door: door(Fake::echo(), 1), ..request(counting_task(SAMPLES), Fake::echo()) };
    run(request, vec![Box::new(journal)], &mut []).await.unwrap();
    dir
}

fn segments(dir: &RunDir) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> = dir.path().join("journal").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_was_recorded_reads_back() {
    let (_, kept) = run_kept(request(counting_task(SAMPLES), Fake::echo())).await;
    for (segment_bytes_max, count) in [(u64::MAX, 1), (1, SAMPLES)] {
        let parent = tempfile::tempdir().unwrap();
        let dir = recorded(&parent.path().join("runs"), segment_bytes_max).await;
        assert_eq!(segments(&dir).len(), count);
        assert!(segments(&dir)[0].ends_with("000001.seg"));
        let opened = RunDir::open(dir.path()).unwrap();
        let manifest = opened.manifest().unwrap();
        assert_eq!((manifest.status, manifest.samples), (RunStatus::Success, SAMPLES as u64));
        let mut records = opened.records().unwrap();
        let read: Vec<_> = records.by_ref().map(Result::unwrap).collect();
        assert!(records.torn_tail().is_none());
        let wanted: Vec<_> = kept.records().iter().map(|record| record.as_ref().clone()).collect();
        assert_eq!(read, wanted);
        let light: Vec<_> = opened.records_without_events().unwrap().map(Result::unwrap).collect();
        assert!(
            light.iter().zip(&wanted).all(|(light, whole)| light.events.is_empty() && light.scores == whole.scores)
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "manifest, journal, log, and no temporary file");
    }
}

/// Where the entries of a segment begin, and its end.
fn entries(segment: &[u8]) -> Vec<usize> {
    let mut at = 8;
    let mut starts = vec![at];
    while at < segment.len() {
        let number = |from: usize, bytes: usize| {
            segment[at + from..at + from + bytes].iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte))
        };
        at += 52 + number(6, 2) + number(8, 4) + number(24, 8);
        starts.push(at);
    }
    starts
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_left_out_and_reported() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(parent.path(), u64::MAX).await;
    let segment = segments(&dir).remove(0);
    let whole = fs::read(&segment).unwrap();
    let last = entries(&whole)[SAMPLES - 1];
    for end in (last..whole.len()).step_by(37).chain([last + 1, whole.len() - 1]) {
        fs::write(&segment, &whole[..end]).unwrap();
        let mut records = dir.records().unwrap();
        assert_eq!(records.by_ref().map(Result::unwrap).count(), SAMPLES - 1, "{end}");
        let torn = records.torn_tail().map(|tail| (tail.entry, tail.bytes));
        let wanted = (end > last).then_some((SAMPLES as u64, (end - last) as u64));
        assert_eq!(torn, wanted);
    }
}

#[tokio::test]
async fn other_damage_is_an_error_with_its_place() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(parent.path(), 1).await;
    let third = segments(&dir).remove(2);
    let whole = fs::read(&third).unwrap();
    let flipped = |at: usize| {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        damaged
    };
    let old = b"{\"id\":3}\n{\"id\":4}\n".to_vec();
    for damaged in
        [old, flipped(9), flipped(40), flipped(65), flipped(100), flipped(whole.len() - 3), whole[..40].to_owned()]
    {
        fs::write(&third, &damaged).unwrap();
        let read: Vec<_> = dir.records().unwrap().collect();
        assert_eq!(read.len(), 3, "it ends at the error");
        match &read[2] {
            Err(error @ RunDirError::Damaged { entry: 1, .. }) => {
                assert!(error.to_string().contains("000003.seg` is damaged at entry 1"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    fs::write(dir.path().join("run.json"), "{\n}").unwrap();
    let error = dir.manifest().unwrap_err().to_string();
    assert!(error.contains("run.json` line 2"), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_a_clear_error() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RunDir::create(&file, &run_id()).unwrap_err().to_string();
    assert!(error.contains("cannot make the run directory"), "{error}");
    let dir = RunDir::create(parent.path(), &run_id()).unwrap();
    assert!(RunDir::create(parent.path(), &run_id()).is_err(), "a run's directory is made once");
    assert!(RunDir::open(parent.path()).is_err());
    let journal = JournalRecorder::new(dir.clone()).unwrap();
    // A device that is always full stands where the manifest is written.
    std::os::unix::fs::symlink("/dev/full", dir.path().join("run.json.tmp")).unwrap();
    let model = Fake::echo();
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(journal)];
    let error = run(request(counting_task(3), model.clone()), recorders, &mut []).await.unwrap_err();
    assert_eq!(model.calls(), 0, "nothing is sent that cannot be recorded");
    let text = error.manifest().unwrap().error.as_ref().unwrap().message.clone();
    assert!(text.contains("No space left"), "{text}");
}

#[tokio::test]
async fn a_journal_that_goes_away_ends_the_run() {
    let parent = tempfile::tempdir().unwrap();
    let dir = RunDir::create(parent.path(), &run_id()).unwrap();
    let journal = JournalRecorder::with_files(dir.clone(), Arc::new(Disk), 1).unwrap();
    let path = dir.path().to_owned();
    let model = Fake::new(move |request| {
        let word = crate::fixture::last_word(request);
        if word == "3" {
            fs::remove_dir_all(path.join("journal")).unwrap();
        }
        Ok(crate::fixture::output(word))
    });
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(journal)];
    let request = RunRequest { door: door(model.clone(), 1), ..request(counting_task(900), model.clone()) };
    let error = run(request, recorders, &mut []).await.unwrap_err();
    assert!(error.manifest().unwrap().samples <= 2 && model.calls() <= 3 + 64 + 3, "{}", model.calls());
    assert_eq!(dir.manifest().unwrap().status, RunStatus::Error);
}

#[tokio::test]
async fn no_damaged_byte_makes_the_reader_panic() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(parent.path(), u64::MAX).await;
    let segment = segments(&dir).remove(0);
    let whole = fs::read(&segment).unwrap();
    for (at, byte) in (0..whole.len()).step_by(61).zip([0, b'\n', b'"', 0xff, b'{', b'9'].into_iter().cycle()) {
        let mut damaged = whole.clone();
        damaged[at] = byte;
        fs::write(&segment, &damaged).unwrap();
        assert!(dir.records().unwrap().count() <= SAMPLES + 1);
    }
}

#[tokio::test]
async fn the_log_of_a_run_holds_its_records() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(&parent.path().join("runs"), 1).await;
    let records: Vec<_> = dir.records().unwrap().map(Result::unwrap).collect();
    let log = ph_evallog::EvalLog::open(&dir.path().join("log-000.eval")).unwrap();
    let context = ph_evallog::SampleContext { run: records[0].run, task: records[0].task.clone() };
    let places = log.samples().unwrap();
    let read: Vec<_> =
        places.iter().map(|place| ph_evallog::sample_in(log.sample_at(place).unwrap(), &context).unwrap()).collect();
    assert_eq!(read, records);
    let request =
        ph_eval::ImportRequest { log: log.path(), runs: &parent.path().join("again"), limits: Default::default() };
    let imported = ph_eval::import_log(&request).unwrap();
    let manifest = dir.manifest().unwrap();
    assert_eq!((imported.id, imported.samples, &imported.endings), (manifest.id, manifest.samples, &manifest.endings));
    assert!(ph_eval::import_log(&request).unwrap_err().to_string().contains("cannot make the run directory"));
    let again = RunDir::open(parent.path().join("again").join(imported.id.to_string())).unwrap();
    assert_eq!(again.records().unwrap().map(Result::unwrap).collect::<Vec<_>>(), records);
}

#[tokio::test]
async fn a_run_in_several_files_is_imported_file_by_file() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(&parent.path().join("runs"), u64::MAX).await;
    let manifest = dir.manifest().unwrap();
    let whole = ph_evallog::EvalLog::open(&dir.path().join("log-000.eval")).unwrap();
    let records: Vec<_> = dir.records().unwrap().map(Result::unwrap).collect();
    let target = manifest.target.to_string();
    let mut runs = Vec::new();
    for (number, half) in whole.samples().unwrap().chunks(SAMPLES / 2).enumerate() {
        let path = parent.path().join(format!("part-{number}.eval"));
        let mut log = ph_evallog::LogWriter::create(&path, ph_evallog::start_json(&manifest, "test 1")).unwrap();
        for place in half {
            let record = records.iter().find(|record| record.sample == place.id).unwrap();
            let name = ph_evallog::entry_name(&place.id, place.epoch);
            log.sample(&name, &whole.packed_at(place).unwrap().unwrap(), record, &target).unwrap();
        }
        log.finish(&manifest).unwrap();
        let import = |into: &str| {
            let runs = parent.path().join(into);
            ph_eval::import_log(&ph_eval::ImportRequest { log: &path, runs: &runs, limits: Default::default() })
        };
        let imported = import("again").unwrap();
        assert_eq!(imported.samples, half.len() as u64);
        let lacks = imported.origin.clone().unwrap().lacks;
        assert_eq!(lacks, ["the rest of its run: 3 of 6 samples are here, and the usage is that of all"]);
        assert_eq!(import("elsewhere").unwrap().id, imported.id, "the same log is the same run");
        assert!(import("again").is_err());
        runs.push(imported.id);
    }
    assert!(runs[0] != runs[1] && !runs.contains(&manifest.id));
    let again = RunDir::open(parent.path().join("again").join(runs[1].to_string())).unwrap();
    let read: Vec<_> = again.records().unwrap().map(Result::unwrap).collect();
    assert!(read.iter().all(|record| record.run == runs[1]) && read.len() == SAMPLES / 2);
    // What becomes of a part is a whole run, whose log keeps its id.
    let log = again.path().join("log-000.eval");
    let third = parent.path().join("third");
    let request = ph_eval::ImportRequest { log: &log, runs: &third, limits: Default::default() };
    assert_eq!(ph_eval::import_log(&request).unwrap().id, runs[1]);
}

#[tokio::test]
async fn replies_are_scored_again_without_the_model() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(&parent.path().join("runs"), u64::MAX).await;
    let request = ph_eval::RescoreRequest {
        source: &dir,
        scorers: vec![ph_record::SolverSpec::Name("refusal".to_owned())],
        roles: ph_eval::Roles::default(),
        treatment: None,
        runs: &parent.path().join("again"),
        id: run_id(),
        clock: std::sync::Arc::new(ph_testkit::FixedClock::at(ph_base::Timestamp(9))),
        program: "test 1".to_owned(),
    };
    let manifest = ph_eval::rescore(&request).await.unwrap();
    assert_eq!(manifest.samples, SAMPLES as u64);
    assert_eq!(manifest.origin.as_ref().unwrap().kind, ph_record::OriginKind::Rescored);
    let again = RunDir::open(parent.path().join("again").join(manifest.id.to_string())).unwrap();
    let old: Vec<_> = dir.records().unwrap().map(Result::unwrap).collect();
    for (record, old) in again.records().unwrap().map(Result::unwrap).zip(&old) {
        assert_eq!(record.scores.keys().collect::<Vec<_>>(), ["refusal"]);
        assert_eq!((&record.output, &record.messages), (&old.output, &old.messages));
        assert!(record.events.len() > old.events.len(), "the new scores are in the transcript");
        assert_eq!(record.events[..old.events.len()], old.events);
    }
}
