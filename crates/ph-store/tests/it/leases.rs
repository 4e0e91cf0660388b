//! One holder at a time.

use ph_base::Timestamp;
use ph_store::{Lease, Store, StoreError};

fn lease(holder: &str, until: i64) -> Lease {
    Lease { name: "sequencer of a".to_owned(), holder: holder.to_owned(), until: Timestamp(until) }
}

fn acquire(store: &Store, holder: &str, until: i64, now: i64) -> bool {
    let lease = lease(holder, until);
    store.write(move |writing| writing.acquire_lease(&lease, Timestamp(now))).unwrap()
}

fn renew(store: &Store, held: Lease, until: i64, now: i64) -> Result<Lease, StoreError> {
    store.write(move |writing| writing.renew_lease(&held, Timestamp(until), Timestamp(now)))
}

#[test]
fn a_lease_is_one_holders_until_it_lapses_or_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db")).unwrap();
    assert!(acquire(&store, "one", 100, 0));
    assert!(!acquire(&store, "two", 150, 99));
    assert!(!acquire(&store, "one", 150, 99), "not even its holder takes it twice");
    let held = renew(&store, lease("one", 100), 200, 99).unwrap();
    assert_eq!(held, lease("one", 200));
    assert!(matches!(renew(&store, lease("one", 100), 300, 150), Err(StoreError::LeaseLost { .. })), "an old one");
    assert!(matches!(renew(&store, held.clone(), 300, 200), Err(StoreError::LeaseLost { .. })), "lapsed");
    assert!(acquire(&store, "two", 300, 200));
    assert!(renew(&store, held.clone(), 400, 199).is_err(), "another's");
    store.write(move |writing| writing.release_lease(&held)).unwrap();
    assert!(!acquire(&store, "three", 400, 250), "who lost it cannot give it back");
    store.write(|writing| writing.release_lease(&lease("two", 300))).unwrap();
    assert!(acquire(&store, "three", 400, 250));
}

#[test]
fn only_the_holder_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db")).unwrap();
    assert!(acquire(&store, "one", 100, 0));
    let write = |lease: Lease, now: i64| store.write(move |writing| writing.require_lease(&lease, Timestamp(now)));
    write(lease("one", 100), 99).unwrap();
    for (lease, now) in [(lease("one", 100), 100), (lease("two", 100), 50), (lease("one", 101), 50)] {
        assert!(matches!(write(lease.clone(), now), Err(StoreError::LeaseLost { .. })), "{lease:?} at {now}");
    }
}

#[test]
fn of_many_who_ask_at_once_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let stores: Vec<Store> = (0..3).map(|_| Store::open(&path).unwrap()).collect();
    let won = std::thread::scope(|scope| {
        let asks = (0..12).map(|n| {
            let store = &stores[n % 3];
            scope.spawn(move || acquire(store, &format!("holder {n}"), 100, 0))
        });
        asks.collect::<Vec<_>>().into_iter().map(|ask| ask.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
}
