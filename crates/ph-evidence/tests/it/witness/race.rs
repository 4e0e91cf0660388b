//! Many at once: the race that the specification warns of, and two histories.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier, Mutex};

use ph_evidence::witness::{AcceptedLogs, StateError, Told, Witness, WitnessState};
use ph_proof::note::AddCheckpoint;

use super::{Log, NOW, ORIGIN, ask, clock, cosigned_at, files, log_key, witness_in, witness_signer};

/// Asks for all of `requests` at the same moment; the statuses.
fn at_once(witness: &Witness, requests: &[AddCheckpoint]) -> Vec<u16> {
    let barrier = Barrier::new(requests.len());
    let barrier = &barrier;
    std::thread::scope(|scope| {
        let threads = requests.iter().map(|request| {
            scope.spawn(move || {
                barrier.wait();
                ask(witness, request).status
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// c2sp.org/tlog-witness, the race at the end of "add-checkpoint".
#[test]
fn a_smaller_head_never_follows_a_larger_one() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness_in(folder.path(), files());
    let mut firsts = BTreeMap::new();
    for round in 0..100 {
        let log = Log::new(&format!("{ORIGIN}/{round}"));
        assert_eq!(ask(&witness, &log.request(0, 5)).status, 200);
        let statuses = at_once(&witness, &[log.request(5, 7), log.request(5, 12)]);
        let cosigned = if statuses == [200, 409] { 7 } else { 12 };
        assert!(matches!(statuses[..], [200, 409] | [409, 200]), "{statuses:?}");
        *firsts.entry(cosigned).or_insert(0) += 1;
        let answer = ask(&witness, &log.request(0, 20));
        assert_eq!((answer.status, answer.body), (409, format!("{cosigned}\n")));
        assert_eq!(ask(&witness, &log.request(cosigned, 13)).status, 200);
    }
    println!("who came first: {firsts:?}");
}

#[test]
fn of_two_histories_at_once_one_is_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness_in(folder.path(), files());
    for round in 0..100 {
        let log = Log::new(&format!("{ORIGIN}/{round}"));
        let other = log.clone().forked(2);
        let mut statuses = at_once(&witness, &[log.request(0, 8), other.request(0, 8)]);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[test]
fn a_restart_keeps_what_was_cosigned_and_a_rollback_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(ORIGIN);
    for (old, new) in [(0, 5), (5, 9), (9, 9), (9, 30)] {
        let witness = witness_in(folder.path(), files());
        assert_eq!(ask(&witness, &log.request(old, new)).status, 200);
    }
    let witness = witness_in(folder.path(), files());
    for size in [1, 9, 29] {
        assert_eq!(ask(&witness, &log.request(0, size)).body, "30\n");
        assert_eq!(ask(&witness, &AddCheckpoint { old_size: 30, ..log.request(0, size) }).status, 400);
    }
}

#[test]
fn a_directory_serves_one_witness_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = witness_in(folder.path(), files());
    assert!(matches!(WitnessState::open(folder.path(), files()), Err(StateError::InUse { .. })));
    drop(first);
    assert!(WitnessState::open(folder.path(), files()).is_ok());
}

/// A cosignature says that nothing larger was seen before its time.
#[test]
fn times_never_run_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let (log, clock) = (Log::new(ORIGIN), clock());
    let state = WitnessState::open(folder.path(), files()).unwrap();
    let witness = Witness::new(witness_signer(), AcceptedLogs::new([log_key()]).unwrap(), state, clock.clone());
    let mut seen = Vec::new();
    for (old, new, seconds) in [(0, 5, 50), (5, 6, -20), (6, 7, 49), (7, 8, 51)] {
        clock.0.store((i64::try_from(NOW).unwrap() + seconds) * 1000, Ordering::SeqCst);
        let request = log.request(old, new);
        seen.push(cosigned_at(&request.note, &ask(&witness, &request).body) - NOW);
    }
    assert_eq!(seen, [50, 50, 50, 51]);
    clock.0.store(-1000, Ordering::SeqCst);
    assert_eq!(ask(&witness, &log.request(8, 9)).status, 500, "a clock before 1970 cosigns nothing");
}

#[test]
fn what_happens_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let witness = witness_in(folder.path(), files()).telling(move |what| {
        let line = match what {
            Told::Cosigned { size, .. } => format!("cosigned {size}"),
            Told::Refused { size, refusal, .. } => format!("refused {size}: {}", refusal.status()),
            Told::Conflict { size, kept, .. } => format!("conflict {size}: {kept:?}"),
        };
        listener.lock().unwrap().push(line);
    });
    let log = Log::new(ORIGIN);
    ask(&witness, &log.request(0, 5));
    ask(&witness, &log.clone().forked(1).request(5, 5));
    ask(&witness, &log.clone().by(7).request(5, 9));
    let told = told.lock().unwrap().clone();
    assert_eq!(told, ["cosigned 5", "conflict 5: Ok(true)", "refused 5: 422"], "strangers are not told of");
}
