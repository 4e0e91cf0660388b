use std::fs;
use std::path::Path;

use ph_eval::{JournalRecorder, RunDir, RunDirError, RunRequest, run};
use ph_record::{Recorder, RunStatus};

use crate::fixture::{Fake, counting_task, request, run_id, run_kept};

const SAMPLES: usize = 6;

/// A finished run in `parent`.
async fn recorded(parent: &Path, segment_bytes_max: u64) -> RunDir {
    let dir = RunDir::create(parent, &run_id()).unwrap();
    let journal = JournalRecorder::with_segment_bytes_max(dir.clone(), segment_bytes_max).unwrap();
    let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(journal)];
    let request = RunRequest { max_connections: 1, ..request(counting_task(SAMPLES), Fake::echo()) };
    run(request, &mut recorders, &mut []).await.unwrap();
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
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file is left");
    }
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_left_out_and_reported() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(parent.path(), u64::MAX).await;
    let segment = segments(&dir).remove(0);
    let whole = fs::read(&segment).unwrap();
    let last_line = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in (last_line..whole.len()).step_by(37).chain([last_line + 1, whole.len() - 1]) {
        fs::write(&segment, &whole[..end]).unwrap();
        let mut records = dir.records().unwrap();
        assert_eq!(records.by_ref().map(Result::unwrap).count(), SAMPLES - 1, "{end}");
        let torn = records.torn_tail().map(|tail| (tail.line, tail.bytes));
        let wanted = (end > last_line).then_some((SAMPLES as u64, (end - last_line) as u64));
        assert_eq!(torn, wanted);
    }
}

#[tokio::test]
async fn other_damage_is_an_error_with_its_place() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(parent.path(), 1).await;
    let third = segments(&dir).remove(2);
    let whole = fs::read_to_string(&third).unwrap();
    for damaged in
        ["{\"id\":3}\n".to_owned(), "\n".to_owned(), whole.trim_end().to_owned() + "x\n", whole[..40].to_owned()]
    {
        fs::write(&third, &damaged).unwrap();
        let read: Vec<_> = dir.records().unwrap().collect();
        assert_eq!(read.len(), 3, "it ends at the error");
        match &read[2] {
            Err(error @ RunDirError::Malformed { line: 1, .. }) => {
                assert!(error.to_string().contains("000003.seg` line 1"), "{error}");
            }
            other => panic!("{damaged}: {other:?}"),
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
    let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(journal)];
    let error = run(request(counting_task(3), model.clone()), &mut recorders, &mut []).await.unwrap_err();
    assert_eq!(model.calls(), 0, "nothing is sent that cannot be recorded");
    let text = error.manifest().unwrap().error.as_ref().unwrap().message.clone();
    assert!(text.contains("No space left"), "{text}");
}

#[tokio::test]
async fn a_journal_that_goes_away_ends_the_run() {
    let parent = tempfile::tempdir().unwrap();
    let dir = RunDir::create(parent.path(), &run_id()).unwrap();
    let journal = JournalRecorder::with_segment_bytes_max(dir.clone(), 1).unwrap();
    let path = dir.path().to_owned();
    let model = Fake::new(move |request| {
        let word = crate::fixture::last_word(request);
        if word == "3" {
            fs::remove_dir_all(path.join("journal")).unwrap();
        }
        Ok(crate::fixture::output(word))
    });
    let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(journal)];
    let request = RunRequest { max_connections: 1, ..request(counting_task(9), model.clone()) };
    let error = run(request, &mut recorders, &mut []).await.unwrap_err();
    assert_eq!((error.manifest().unwrap().samples, model.calls()), (2, 3));
    assert_eq!(dir.manifest().unwrap().status, RunStatus::Error);
}

#[tokio::test]
async fn no_damaged_byte_makes_the_reader_panic() {
    let parent = tempfile::tempdir().unwrap();
    let dir = recorded(parent.path(), u64::MAX).await;
    let segment = segments(&dir).remove(0);
    let whole = fs::read(&segment).unwrap();
    for (at, byte) in (0..whole.len()).step_by(101).zip([0, b'\n', b'"', 0xff, b'{', b'9'].into_iter().cycle()) {
        let mut damaged = whole.clone();
        damaged[at] = byte;
        fs::write(&segment, &damaged).unwrap();
        assert!(dir.records().unwrap().count() <= SAMPLES + 1);
    }
}
