//! Every fault in every dialect, streaming and not, has its effect on the socket.

use std::time::{Duration, Instant};

use ph_testkit::stub::{Dialect, Fault, Latency, Stub, StubConfig};
use serde_json::Value;

use crate::raw::{End, PATIENCE, Received, ask, call, exchange, post, streamed_text, text_of};

const HUGE: u64 = 1 << 20;
const SHORT: Duration = Duration::from_millis(300);

fn stub() -> Stub {
    let config = StubConfig {
        huge_bytes: HUGE,
        huge_header_bytes: 200_000,
        drip: Latency::Fixed { ms: 5.0 },
        drip_bytes: 40,
        retry_after_s: 7,
        ..StubConfig::default()
    };
    Stub::start(config).unwrap()
}

/// The reply that one fault spoils.
struct Case {
    fault: Fault,
    dialect: Dialect,
    stream: bool,
    received: Received,
    took: Duration,
}

fn is_silent(fault: Fault) -> bool {
    matches!(fault, Fault::Hang | Fault::HangMidBody)
}

fn run(stub: &Stub, fault: Fault, dialect: Dialect, stream: bool) -> Case {
    let (path, body) = call(dialect, &format!("stub~{fault}"), "hello there", stream);
    let patience = if is_silent(fault) { SHORT } else { PATIENCE };
    let begun = Instant::now();
    let received = exchange(stub, &post(&path, &body, "connection: close\r\n"), patience);
    Case { fault, dialect, stream, received, took: begun.elapsed() }
}

#[test]
fn every_fault_is_seen_in_every_dialect() {
    let stub = stub();
    for fault in Fault::ALL {
        for dialect in Dialect::ALL {
            for stream in [false, true] {
                let case = run(&stub, fault, dialect, stream);
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| effect(&case)));
                let shown = String::from_utf8_lossy(&case.received.bytes[..case.received.bytes.len().min(2000)]);
                assert!(outcome.is_ok(), "{fault} in {dialect:?}, stream {stream}: {:?}\n{shown}", case.received.end);
            }
        }
        assert_eq!(stub.stats().faults[&fault], 8, "{fault}");
    }
    let answered = ask(&stub, Dialect::OpenAiChat, "stub", "still there?", false);
    assert_eq!(text_of(Dialect::OpenAiChat, &answered.json()), "echo: still there?");
}

fn effect(case: &Case) {
    let received = &case.received;
    match case.fault.status() {
        Some(status) => assert_eq!(received.status(), status),
        None => assert!(received.bytes.is_empty()),
    }
    let end = match case.fault {
        Fault::ResetBeforeHeaders | Fault::ResetMidBody => End::Reset,
        fault if is_silent(fault) => End::Silent,
        _ => End::Closed,
    };
    assert_eq!(received.end, end);
    match case.fault {
        Fault::BadGateway => assert!(received.text().starts_with("<html>")),
        fault if fault.is_error_reply() => error_reply(case),
        Fault::ResetBeforeHeaders | Fault::Hang => {}
        Fault::ResetMidBody | Fault::HangMidBody => half(case),
        Fault::LengthTooLong | Fault::LengthTooShort => lie(case),
        Fault::SlowDrip => assert!(case.took > Duration::from_millis(30) && is_right(case)),
        Fault::WrongContentType => {
            assert!(received.header("content-type").unwrap().starts_with("text/html") && is_right(case));
        }
        Fault::HugeHeader => assert!(received.header("x-stub-huge").unwrap().len() == 200_000 && is_right(case)),
        Fault::HugeReply => assert!(received.body().len() as u64 > HUGE && parses(case)),
        Fault::EmptyBody => assert!(received.body().is_empty()),
        Fault::Garbage | Fault::InvalidUtf8 => assert!(String::from_utf8(received.body()).is_err()),
        Fault::ErrorInBody => error_in_body(case),
        Fault::DuplicateKeys => duplicate_keys(case),
        Fault::TruncatedStream | Fault::TruncatedJson => truncated(case),
        fault => panic!("{fault} is not looked at"),
    }
}

fn documents(case: &Case) -> Vec<Value> {
    if case.stream { case.received.documents() } else { vec![case.received.json()] }
}

fn parses(case: &Case) -> bool {
    !documents(case).is_empty()
}

fn is_right(case: &Case) -> bool {
    let text = match case.stream {
        true => streamed_text(case.dialect, &documents(case)),
        false => text_of(case.dialect, &case.received.json()),
    };
    text == "echo: hello there"
}

/// The stream's last event is there.
fn is_finished(case: &Case, text: &str) -> bool {
    text.contains(match case.dialect {
        Dialect::OpenAiChat => "[DONE]",
        Dialect::OpenAiResponses => "response.completed",
        Dialect::Anthropic => "message_stop",
        Dialect::Google => "\"finishReason\"",
    })
}

fn error_reply(case: &Case) {
    assert!(case.received.json()["error"]["message"].is_string());
    match case.fault {
        Fault::RateLimited => assert_eq!(case.received.header("retry-after"), Some("7")),
        Fault::RateLimitedDate => {
            let date = httpdate::parse_http_date(case.received.header("retry-after").unwrap()).unwrap();
            #[expect(clippy::disallowed_methods, reason = "the date is one of the machine's clock")]
            let wait = date.duration_since(std::time::SystemTime::now()).unwrap_or_default();
            assert!(wait <= Duration::from_secs(7));
        }
        _ => assert_eq!(case.received.header("retry-after"), None),
    }
}

fn half(case: &Case) {
    let (head, rest) = case.received.split();
    assert!(!rest.is_empty());
    if case.stream {
        assert!(head.contains("chunked") && !rest.ends_with(b"0\r\n\r\n"));
    } else {
        let promised: usize = case.received.header("content-length").unwrap().parse().unwrap();
        assert!(rest.len() * 2 <= promised && rest.len() * 2 + 1 >= promised);
    }
}

fn lie(case: &Case) {
    let promised: usize = case.received.header("content-length").unwrap().parse().unwrap();
    let sent = case.received.split().1.len();
    assert!(if case.fault == Fault::LengthTooLong { promised > sent } else { promised < sent });
    assert!(is_right(case));
}

fn error_in_body(case: &Case) {
    let documents = documents(case);
    let last = documents.last().unwrap();
    assert!(last["error"]["message"].is_string() || last["type"] == "error");
    assert!(!case.stream || !is_finished(case, &case.received.text()));
}

fn duplicate_keys(case: &Case) {
    let text = case.received.text();
    let key = if case.dialect == Dialect::Google { "\"candidates\":" } else { "\"model\":" };
    let documents = documents(case).len();
    assert!(text.matches(key).count() >= 2 && text.contains("other") && documents > 0);
    assert!(is_right(case), "the last of two keys is the true one");
}

fn truncated(case: &Case) {
    let text = case.received.text();
    assert!(!text.is_empty());
    assert!(!case.stream || !is_finished(case, &text));
    match (case.stream, case.fault) {
        (false, _) => assert!(serde_json::from_str::<Value>(&text).is_err()),
        (true, Fault::TruncatedStream) => assert!(text.ends_with("\n\n") || text.ends_with("\r\n\r\n")),
        (true, _) => {
            let last = text.lines().last().unwrap();
            let data = last.strip_prefix("data: ").unwrap_or("{");
            assert!(serde_json::from_str::<Value>(data).is_err(), "{last}");
        }
    }
}

#[test]
fn a_fault_can_be_ordered_by_header_model_and_marker_for_some_times() {
    let stub = stub();
    let statuses = |model: &str, prompt: &str, headers: &str| {
        let (path, body) = call(Dialect::OpenAiChat, model, prompt, false);
        let request = post(&path, &body, &format!("connection: close\r\n{headers}"));
        [0; 3].map(|_| exchange(&stub, &request, PATIENCE).status())
    };
    assert_eq!(statuses("a", "p", "x-stub-fault: overloaded~2\r\n"), [529, 529, 200]);
    assert_eq!(statuses("b~server_error~1", "p", ""), [500, 200, 200]);
    assert_eq!(statuses("c", "p [[stub:fault=unavailable~1]]", ""), [503, 200, 200]);
    assert_eq!(statuses("d~sever_error", "p", ""), [400, 400, 400]);
}

#[test]
fn rates_give_the_same_faults_for_the_same_seed() {
    let statuses = |seed| {
        let config = StubConfig { seed, ..StubConfig::default() }
            .with_fault(Fault::RateLimited, 0.3)
            .with_fault(Fault::ServerError, 0.2);
        let stub = Stub::start(config).unwrap();
        let status = |n| ask(&stub, Dialect::Anthropic, "m", &format!("prompt {}", n % 60), false).status();
        (0..120).map(status).collect::<Vec<_>>()
    };
    let first = statuses(1);
    assert_eq!(first, statuses(1));
    assert_ne!(first, statuses(2));
    assert_ne!(first[..60], first[60..], "the times seen enter");
    let limited = first.iter().filter(|status| **status == 429).count();
    assert!((18..=54).contains(&limited), "{limited} of 120");
}
