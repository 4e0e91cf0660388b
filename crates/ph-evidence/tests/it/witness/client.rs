//! The client against the witness, and against servers that are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use ph_base::Digest;
use ph_evidence::witness::{
    ClientLimits, ConsistencyError, ConsistencySource, ExchangeError, RemoteWitness, WitnessClient, WitnessFault,
};
use ph_proof::note::{AddCheckpoint, NoteSigner, WitnessPolicy, cosignature};

use super::{Log, NOW, ORIGIN, Served, ask, files, serve, serve_router, signer, witness_in, witness_signer};

fn client() -> WitnessClient {
    let limits = ClientLimits { connect: Duration::from_secs(2), answer: Duration::from_millis(1500) };
    WitnessClient::new(limits).unwrap()
}

fn remote(url: &str) -> RemoteWitness {
    RemoteWitness { name: "w".to_owned(), verifier: witness_signer().cosignature_verifier(), url: url.to_owned() }
}

/// A log that remembers what the witness has, and refuses proofs if told so.
struct Remembering {
    log: Log,
    size: u64,
    proves: bool,
}

impl ConsistencySource for Remembering {
    fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>, ConsistencyError> {
        if self.proves { self.log.consistency(old, new) } else { Err("the tiles are gone".into()) }
    }

    fn cosigned_size(&self, witness: &str) -> u64 {
        if witness == "w" { self.size } else { 0 }
    }
}

async fn fault(url: &str) -> WitnessFault {
    let log = Log::new(ORIGIN);
    let error = client().cosign(&remote(url), &log.note(9), &log).await.unwrap_err();
    assert!(error.to_string().contains("`w`"), "{error}");
    error.cause
}

#[tokio::test]
async fn a_witness_that_has_another_size_is_asked_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness_in(folder.path(), files());
    let log = Log::new(ORIGIN);
    assert_eq!(ask(&witness, &log.request(0, 5)).status, 200);
    let served = serve(witness).await;
    for (remembered, size) in [(0, 7), (7, 9), (3, 20), (20, 20), (500, 30)] {
        let source = Remembering { log: log.clone(), size: remembered, proves: true };
        let note = log.note(size);
        let signature = client().cosign(&remote(&served.url), &note, &source).await.unwrap();
        let key = witness_signer().cosignature_verifier();
        assert_eq!(cosignature::verify(note.unverified_text(), &key, &signature), Ok(NOW), "{remembered} to {size}");
    }
    let fault = client().cosign(&remote(&served.url), &log.note(10), &log).await.unwrap_err().cause;
    assert!(matches!(fault, WitnessFault::Ahead { theirs: 30, ours: 10 }), "{fault}");
    let source = Remembering { log: log.clone(), size: 0, proves: false };
    let fault = client().cosign(&remote(&served.url), &log.note(40), &source).await.unwrap_err().cause;
    assert!(matches!(fault, WitnessFault::Consistency { old: 30, .. }), "{fault}");
    let fault = client().cosign(&remote(&served.url), &log.clone().forked(2).note(40), &log).await.unwrap_err().cause;
    assert!(matches!(fault, WitnessFault::Refused { status: 422, .. }), "{fault}");
}

/// A server that answers everything by `answer`.
async fn answering(
    status: u16,
    kind: &'static str,
    answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> Served {
    let answer = Arc::new(answer);
    let handler = move |body: Bytes| {
        let answer = Arc::clone(&answer);
        async move { (axum::http::StatusCode::from_u16(status).unwrap(), [(CONTENT_TYPE, kind)], answer(&body)) }
    };
    serve_router(Router::new().route("/add-checkpoint", post(handler))).await
}

/// The cosignature of what was asked, by `signer`, over `text` of it.
fn by(signer: &NoteSigner, body: &[u8], text: impl Fn(&str) -> String) -> String {
    let note = AddCheckpoint::parse(body).unwrap().note;
    format!("{}\n", cosignature::sign(&text(note.unverified_text()), signer, 7).unwrap())
}

#[tokio::test]
async fn what_is_no_cosignature_by_the_key_is_refused() {
    let same = str::to_owned;
    let served =
        answering(200, "text/plain", move |body| by(&signer("stranger.example", 3), body, same).into_bytes()).await;
    assert!(matches!(fault(&served.url).await, WitnessFault::NotCosigned), "unknown key alone");
    let other = |text: &str| text.replace("asm_1", "asm_2");
    let served = answering(200, "text/plain", move |body| by(&witness_signer(), body, other).into_bytes()).await;
    assert!(matches!(fault(&served.url).await, WitnessFault::Wrong(_)), "another head");
    for garbage in ["", "ok", "\u{2014} w.example AAAA\n", "<html>\n"] {
        let served = answering(200, "text/html", move |_| garbage.into()).await;
        assert!(matches!(fault(&served.url).await, WitnessFault::Answer(_)), "{garbage}");
    }
    let both = move |body: &[u8]| {
        (by(&signer("stranger.example", 3), body, same) + &by(&witness_signer(), body, same)).into_bytes()
    };
    let served = answering(200, "text/plain", both).await;
    let log = Log::new(ORIGIN);
    let signature = client().cosign(&remote(&served.url), &log.note(9), &log).await.unwrap();
    assert_eq!(signature.name().as_str(), "w.example", "unknown keys are ignored");
}

#[tokio::test]
async fn answers_out_of_the_protocol_are_named() {
    const SIZE: &str = "text/x.tlog.size";
    let served = answering(409, SIZE, |_| b"three\n".to_vec()).await;
    assert!(matches!(fault(&served.url).await, WitnessFault::Answer(_)));
    let served = answering(409, SIZE, |_| b"0\n".to_vec()).await;
    assert!(matches!(fault(&served.url).await, WitnessFault::Stale { given: 0, wanted: 0 }));
    let served = answering(409, "text/plain", |_| b"5\n".to_vec()).await;
    assert!(matches!(fault(&served.url).await, WitnessFault::Refused { status: 409, .. }));
    let asked = AtomicUsize::new(3);
    let served =
        answering(409, SIZE, move |_| format!("{}\n", asked.fetch_add(1, Ordering::SeqCst)).into_bytes()).await;
    assert!(
        matches!(fault(&served.url).await, WitnessFault::Stale { given: 3, wanted: 4 }),
        "asked twice, not for ever"
    );
    let served = answering(500, "text/plain", |_| format!("\u{1b}[31m{}", "x".repeat(9000)).into_bytes()).await;
    let WitnessFault::Refused { status: 500, said } = fault(&served.url).await else { panic!() };
    assert!(said.starts_with("\\u{1b}[31mx") && said.len() < 300, "{said}");
    let served = answering(302, "text/plain", |_| vec![]).await;
    assert!(matches!(fault(&served.url).await, WitnessFault::Refused { status: 302, .. }));
    let served = answering(200, "text/plain", |_| vec![b'x'; 4 << 20]).await;
    assert!(matches!(fault(&served.url).await, WitnessFault::Exchange(ExchangeError::TooLong)));
    for url in ["ftp://127.0.0.1/", "http://a:b@127.0.0.1/", "nonsense"] {
        assert!(matches!(fault(url).await, WitnessFault::Address), "{url}");
    }
}

async fn slow() -> Served {
    let handler = || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "late"
    };
    serve_router(Router::new().route("/add-checkpoint", post(handler))).await
}

/// An address at which nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn slow_and_absent_witnesses_are_named() {
    let served = slow().await;
    assert!(matches!(fault(&served.url).await, WitnessFault::Exchange(ExchangeError::Time(_))));
    assert!(matches!(fault(&nobody().await).await, WitnessFault::Exchange(ExchangeError::Connection(_))));
}

/// Three witnesses of which the quorum needs `quorum`: one that answers, one that is slow and one that is not there.
fn policy(urls: [&str; 3], quorum: usize) -> WitnessPolicy {
    let keys = [witness_signer(), signer("w2.example", 5), signer("w3.example", 6)];
    let mut text = String::new();
    for (n, (key, url)) in keys.iter().zip(urls).enumerate() {
        text += &format!("witness w{n} {} {url}\n", key.cosignature_verifier());
    }
    text += &format!("group all {quorum} w0 w1 w2\nquorum all\n");
    WitnessPolicy::parse(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn all_are_asked_at_once_and_the_quorum_decides() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(ORIGIN);
    let good = serve(witness_in(folder.path(), files())).await;
    let same = str::to_owned;
    let second = answering(200, "text/plain", move |body| by(&signer("w2.example", 5), body, same).into_bytes()).await;
    let (slow, nobody) = (slow().await, nobody().await);
    let check = async |urls: [&str; 3], quorum: usize, signed: &[&str], is_satisfied: bool| {
        let policy = policy(urls, quorum);
        let outcome = client().collect(&policy, log.note(9), &log).await;
        assert_eq!(
            (outcome.signed.as_slice(), outcome.is_satisfied),
            (signed.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice(), is_satisfied)
        );
        assert_eq!(outcome.failed.len(), 3 - signed.len(), "{:?}", outcome.failed);
        let evaluation = policy.evaluate(&outcome.note).unwrap();
        assert_eq!((evaluation.is_satisfied, evaluation.signed.len()), (is_satisfied, signed.len()));
        outcome
    };
    check([&good.url, &second.url, &nobody], 2, &["w0", "w1"], true).await;
    check([&good.url, &slow.url, &nobody], 2, &["w0"], false).await;
    check([&slow.url, &slow.url, &slow.url], 1, &[], false).await;
    let outcome = check([&good.url, &nobody, &nobody], 1, &["w0"], true).await;
    // What the note has is not asked for again: nobody is there now.
    let again = client().collect(&policy([&nobody, &second.url, &nobody], 2), outcome.note, &log).await;
    assert!(again.signed == ["w0", "w1"] && again.is_satisfied && again.failed.len() == 1);
}
