//! A process that is killed while it appends: what it acknowledged is there. The process is this test binary again.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use ph_record::EntryStore;
use ph_store::Store;
use ph_testkit::entry_store_suite::numbered_entry;

use crate::{count_notes, with_notes};

const DATABASE: &str = "PH_STORE_TEST_DATABASE";
const THREADS: usize = 4;

/// Appends until it is killed, each entry with a note, from several threads; tells every index once it is acknowledged.
#[test]
fn child() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let store = Store::open(Path::new(&path)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let index = store.write(|writing| {
                        let index = writing.append_entries("log", &[numbered_entry(7)])?;
                        writing.sql().execute("INSERT INTO note (text) VALUES (?1)", [index.to_string()])?;
                        Ok(index)
                    });
                    println!("kept {}", index.unwrap());
                }
            });
        }
    });
}

/// Starts the child, kills it after so many acknowledgements, and returns the last that it told.
fn killed_after(acknowledgements: usize, path: &Path) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", "kill::child", "--nocapture"]).env(DATABASE, path).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..acknowledgements {
        told.read_line(&mut text).unwrap();
    }
    child.kill().unwrap();
    told.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    // The last line may have been cut off, and so may have been a digit of it.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.split("kept ").filter_map(|index| index.trim().parse().ok()).collect()
}

#[test]
fn every_acknowledged_entry_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    drop(with_notes(&path));
    let mut before = 0;
    for round in 0..24_usize {
        // From the first lines, which the test harness writes, to some hundreds of acknowledgements.
        let told = killed_after(3 + round * round * 37 % 331, &path);
        let store = Store::open(&path).unwrap();
        let entries = store.entries("log");
        let size = entries.size().unwrap();
        for index in &told {
            assert!((before..size).contains(index), "entry {index} of round {round} is lost; there are {size}");
        }
        assert_eq!(entries.read(0, usize::MAX).unwrap().len() as u64, size, "without gaps");
        assert_eq!(count_notes(&store), size, "each entry with its projection");
        store.check().unwrap();
        before = size;
    }
    assert!(before > 1000, "{before} entries");
}
