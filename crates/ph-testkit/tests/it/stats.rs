//! The counts.

use std::time::Duration;

use ph_testkit::stub::{Dialect, Fault, Latency, Stub, StubConfig};

use crate::raw::{PATIENCE, ask, exchange};

#[test]
fn everything_is_counted() {
    let stub = Stub::start(StubConfig::default()).unwrap();
    ask(&stub, Dialect::OpenAiChat, "m", "a", false);
    ask(&stub, Dialect::OpenAiChat, "m", "a", true);
    ask(&stub, Dialect::OpenAiChat, "m", "a", true);
    ask(&stub, Dialect::OpenAiChat, "other", "a", false);
    ask(&stub, Dialect::Google, "m~server_error", "a", false);
    let stats = stub.stats();
    assert_eq!((stats.requests, stats.streams, stats.connections), (5, 2, 5));
    assert_eq!((stats.duplicates, stats.duplicate_bodies), (2, 1));
    assert_eq!((stats.statuses[&200], stats.statuses[&500], stats.faults[&Fault::ServerError]), (4, 1, 1));
    let get = exchange(&stub, b"GET /stats HTTP/1.1\r\nconnection: close\r\n\r\n", PATIENCE).json();
    assert_eq!(get["dialects"]["openai_chat"], 4);
    assert_eq!((&get["statuses"]["500"], &get["faults"]["server_error"]), (&1.into(), &1.into()));
    let reset = exchange(&stub, b"POST /reset HTTP/1.1\r\nconnection: close\r\n\r\n", PATIENCE);
    assert_eq!(reset.status(), 200);
    assert_eq!(stub.stats().duplicates, 0);
    ask(&stub, Dialect::OpenAiChat, "m", "a", false);
    assert_eq!(stub.stats().duplicates, 0, "prompts are forgotten too");
}

#[test]
fn the_most_calls_at_once_are_counted() {
    let wait = Latency::Fixed { ms: 1500.0 };
    let stub = Stub::start(StubConfig { first_byte: wait, ..StubConfig::default() }).unwrap();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let stub = &stub;
            scope.spawn(move || ask(stub, Dialect::Anthropic, "m", &n.to_string(), false));
        }
    });
    let stats = stub.stats();
    assert_eq!((stats.in_flight, stats.in_flight_max), (0, 6));
}

#[test]
fn a_stub_that_is_dropped_leaves_nothing_behind() {
    let stub = Stub::start(StubConfig::default()).unwrap();
    let address = stub.address();
    drop(stub);
    assert!(std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err());
}
