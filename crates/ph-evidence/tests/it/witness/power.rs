//! The power goes off at every write, and writes fail: nothing that was cosigned is ever contradicted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ph_base::{AppendFile, FileLayer};
use ph_testkit::LosingFiles;

use super::{Log, ORIGIN, ask, files, witness_in};

const SIZES: [usize; 5] = [3, 4, 9, 17, 40];

/// After a power cut at any write, whatever the disk kept: only continuations of what was cosigned are.
#[test]
fn a_power_cut_at_any_write_makes_no_second_history() {
    // The other history parts from the log's within the first head, so that no head of it continues any of ours.
    let (log, other) = (Log::new(ORIGIN), Log::new(ORIGIN).forked(0));
    let writes = {
        let folder = tempfile::tempdir().unwrap();
        let files = LosingFiles::new(None, 0);
        ask(&witness_in(folder.path(), Arc::new(files.clone())), &log.request(0, 3));
        let log_first = cosign_rest(folder.path(), &files, (&log, &other));
        assert_eq!(log_first, SIZES[1..]);
        files.operations()
    };
    for cut_at in 1..=writes {
        for seed in 0..8 {
            let folder = tempfile::tempdir().unwrap();
            let files = LosingFiles::new(Some(cut_at), seed);
            let first = ask(&witness_in(folder.path(), Arc::new(files.clone())), &log.request(0, 3)).status == 200;
            let cosigned = cosign_rest(folder.path(), &files, (&log, &other));
            let largest = cosigned.last().copied().unwrap_or(if first { 3 } else { 0 });
            assert!(files.is_off());
            after_restart(folder.path(), largest, (&log, &other));
        }
    }
}

fn cosign_rest(folder: &Path, files: &LosingFiles, (log, other): (&Log, &Log)) -> Vec<usize> {
    let witness = witness_in(folder, Arc::new(files.clone()));
    let mut cosigned = Vec::new();
    for pair in SIZES.windows(2) {
        // A conflict is written too, so that power cuts come there as well.
        assert_ne!(ask(&witness, &other.request(pair[0], pair[0])).status, 200);
        let answer = ask(&witness, &log.request(pair[0], pair[1]));
        assert!(answer.status == 200 || files.is_off(), "{answer:?}");
        cosigned.extend((answer.status == 200).then_some(pair[1]));
    }
    cosigned
}

/// `largest`: what was cosigned before.
fn after_restart(folder: &Path, largest: usize, (log, other): (&Log, &Log)) {
    let witness = witness_in(folder, files());
    let said = ask(&witness, &log.request(0, 200));
    if said.status == 200 {
        assert_eq!(largest, 0, "what was cosigned is forgotten");
        return;
    }
    let latest: usize = said.body.trim().parse().unwrap();
    assert!(latest >= largest, "{latest} is kept, {largest} was cosigned");
    for size in (1..=60).filter(|size| *size >= latest) {
        let answer = ask(&witness, &other.request(latest, size));
        assert_ne!(answer.status, 200, "another history at {size}");
    }
    for size in 1..latest {
        assert_ne!(ask(&witness, &log.request(size, size)).status, 200, "a rollback to {size}");
    }
    assert_eq!(ask(&witness, &log.request(latest, 200)).status, 200, "a restart goes on");
}

/// Files of which every write fails while the switch is on: before anything is done, or after all of it.
struct Failing {
    below: Arc<dyn FileLayer>,
    is_failing: Arc<AtomicBool>,
    writes_first: bool,
}

impl FileLayer for Failing {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        self.below.create(path)
    }

    fn cut(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.below.cut(path, bytes)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let fails = self.is_failing.load(Ordering::SeqCst);
        if !fails || self.writes_first {
            self.below.replace(path, content)?;
        }
        if fails { Err(io::Error::other("the disk is full")) } else { Ok(()) }
    }
}

#[test]
fn a_write_that_fails_gives_no_cosignature() {
    let log = Log::new(ORIGIN);
    for (writes_first, kept) in [(false, 5), (true, 9)] {
        let folder = tempfile::tempdir().unwrap();
        let is_failing = Arc::new(AtomicBool::new(false));
        let failing = Failing { below: files(), is_failing: is_failing.clone(), writes_first };
        let witness = witness_in(folder.path(), Arc::new(failing));
        assert_eq!(ask(&witness, &log.request(0, 5)).status, 200);
        is_failing.store(true, Ordering::SeqCst);
        let answer = ask(&witness, &log.request(5, 9));
        assert_eq!((answer.status, answer.body.as_str()), (500, "the witness cannot read or keep its state\n"));
        let new = Log::new(&format!("{ORIGIN}/new"));
        assert_eq!(ask(&witness, &new.request(0, 9)).status, 500);
        is_failing.store(false, Ordering::SeqCst);
        assert_eq!(ask(&witness, &log.request(0, 12)).body, format!("{kept}\n"));
        assert_eq!(ask(&witness, &log.request(kept, 12)).status, 200, "it goes on from what is on the disk");
    }
}

fn head_file(folder: &Path) -> PathBuf {
    std::fs::read_dir(folder.join("heads")).unwrap().next().unwrap().unwrap().path()
}

/// A file that is not what was written is never taken for no file.
#[test]
fn a_damaged_file_refuses_its_log_and_no_other() {
    let log = Log::new(ORIGIN);
    let whole = {
        let folder = tempfile::tempdir().unwrap();
        ask(&witness_in(folder.path(), files()), &log.request(0, 5));
        std::fs::read(head_file(folder.path())).unwrap()
    };
    let text = String::from_utf8(whole.clone()).unwrap();
    let mut damaged = vec![vec![], b"null".to_vec(), whole[..whole.len() - 1].to_vec(), vec![0; 2 << 20]];
    damaged.push(text.replace("\"size\":\"5\"", "\"size\":\"4\"").into_bytes());
    damaged.push(text.replace("\"version\":1", "\"version\":2").into_bytes());
    damaged.push(text.replace("asm_1", "asm_2").into_bytes());
    damaged.push(format!("{text} ").into_bytes());
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        damaged.push(changed);
    }
    let folder = tempfile::tempdir().unwrap();
    let witness = witness_in(folder.path(), files());
    assert_eq!(ask(&witness, &log.request(0, 5)).status, 200);
    let path = head_file(folder.path());
    let seconds = text.find("\"seconds\":").unwrap() + 10;
    for (n, bytes) in damaged.into_iter().enumerate() {
        std::fs::write(&path, &bytes).unwrap();
        for request in [log.request(0, 5), log.request(5, 9)] {
            let answer = ask(&witness, &request);
            // A digit of the time may be any other.
            let is_time = n >= 8 && (seconds..seconds + 10).contains(&(n - 8)) && bytes[n - 8].is_ascii_digit();
            assert!(answer.status == 500 || is_time, "{n}: {answer:?}");
        }
        assert_eq!(ask(&witness, &Log::new("lab.example/p/other").request(0, 0)).status, 200);
        std::fs::write(&path, &whole).unwrap();
    }
}
