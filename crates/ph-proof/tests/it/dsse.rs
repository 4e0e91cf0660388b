//! Envelopes and statements, held against the examples of DSSE and in-toto.

use ph_base::Digest;
use ph_proof::canonical_json::{CanonicalJsonError, to_canonical};
use ph_proof::dsse::{DsseError, Envelope, pae};
use ph_proof::ed25519::{PublicKey, SecretKey};
use ph_proof::statement::{PAYLOAD_TYPE, Predicate, Statement, StatementError, Subject, open, seal};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::note::base64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tasted {
    cups: u64,
}

impl Predicate for Tasted {
    const TYPE: &'static str = "https://proofhouse.example/tasted/v2";
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32])
}

fn tasted() -> Statement<Tasted> {
    Statement {
        subject: vec![Subject { name: "tea".to_owned(), digest: Digest::of(b"tea") }],
        predicate: Tasted { cups: 2 },
    }
}

fn keys(seeds: &[u8]) -> Vec<PublicKey> {
    seeds.iter().map(|seed| secret(*seed).public_key()).collect()
}

/// DSSE `protocol.md`, "Test Vectors".
#[test]
fn the_published_encoding() {
    let wanted = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    assert_eq!(pae("http://example.com/HelloWorld", b"hello world"), wanted);
    assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    assert_eq!(pae("\u{e9}", b"\0"), b"DSSEv1 2 \xc3\xa9 1 \0");
}

#[test]
fn the_form_of_an_envelope() {
    let key = secret(1);
    let envelope = Envelope::sign("http://example.com/HelloWorld", b"hello world".to_vec(), &[&key]).unwrap();
    let signature = key.sign(b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    let wanted = format!(
        r#"{{"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld","signatures":[{{"keyid":"{}","sig":"{}"}}]}}"#,
        Digest::of(key.public_key().bytes()).hex(),
        base64(&signature)
    );
    assert_eq!(envelope.to_bytes().unwrap(), wanted.as_bytes());
    assert_eq!(Envelope::parse(wanted.as_bytes()).unwrap(), envelope);
    assert_eq!(envelope.verify(&keys(&[2, 1])).unwrap(), keys(&[1]));
    assert!(matches!(envelope.verify(&keys(&[2])), Err(DsseError::Unsigned)));
    assert!(matches!(envelope.verify(&[]), Err(DsseError::Unsigned)));
}

#[test]
fn no_changed_byte_of_an_envelope_is_accepted() {
    let bytes = seal(&tasted(), &[&secret(1)]).unwrap().to_bytes().unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << bit;
            let opened = Envelope::parse(&wrong).is_ok_and(|envelope| open::<Tasted>(&envelope, &keys(&[1])).is_ok());
            assert!(!opened, "byte {at}, bit {bit}");
        }
        assert!(Envelope::parse(&bytes[..at]).is_err(), "{at} bytes");
    }
}

#[test]
fn several_signers() {
    let (first, second) = (secret(1), secret(2));
    let envelope = seal(&tasted(), &[&first]).unwrap().with_signature_of(&second).unwrap();
    assert_eq!(open::<Tasted>(&envelope, &keys(&[2, 1, 3])).unwrap().signed_by, keys(&[1, 2]));
    assert!(matches!(envelope.clone().with_signature_of(&first), Err(DsseError::Duplicate(_))));
    assert!(matches!(Envelope::sign("t", vec![], &[]), Err(DsseError::NoSignature)));
    // A second signature that is wrong is not passed over, if its key is known.
    let text = String::from_utf8(envelope.to_bytes().unwrap()).unwrap();
    let (sig, other) = (base64(&envelope.signatures()[1].sig), base64(&envelope.signatures()[0].sig));
    let wrong = Envelope::parse(text.replace(&sig, &other).as_bytes()).unwrap();
    assert_eq!(wrong.verify(&keys(&[1])).unwrap(), keys(&[1]));
    assert!(matches!(wrong.verify(&keys(&[1, 2])), Err(DsseError::WrongSignature(_))));
}

#[test]
fn what_is_no_envelope() {
    let id = "ab".repeat(32);
    let refused = |value: Value| Envelope::parse(&to_canonical(&value).unwrap()).unwrap_err();
    let with = |signatures: Value| json!({ "payload": "", "payloadType": "t", "signatures": signatures });
    assert!(matches!(refused(with(json!([]))), DsseError::NoSignature));
    let one = json!({ "keyid": id, "sig": "AAAA" });
    assert!(Envelope::parse(&to_canonical(&with(json!([one]))).unwrap()).is_ok());
    assert!(matches!(refused(with(json!([one, one]))), DsseError::Duplicate(_)));
    assert!(matches!(refused(with(json!(vec![one.clone(); 65]))), DsseError::TooManySignatures));
    for wrong in ["AAA", "AA==A", "A_-A", "AAB=", "AAAA\n"] {
        assert!(matches!(refused(with(json!([{ "keyid": id, "sig": wrong }]))), DsseError::Base64 { field: "sig" }));
    }
    assert!(matches!(refused(with(json!([{ "keyid": id, "sig": "" }]))), DsseError::SignatureLength(_)));
    for wrong in [String::new(), id.to_uppercase(), format!("{id}a"), "kid".to_owned()] {
        assert!(matches!(refused(with(json!([{ "keyid": wrong, "sig": "AAAA" }]))), DsseError::KeyId(_)));
    }
    assert!(matches!(refused(with(json!([{ "sig": "AAAA" }]))), DsseError::Json(_)));
    assert!(matches!(refused(with(json!([{ "keyid": id, "sig": "AAAA", "cert": "" }]))), DsseError::Json(_)));
    let mut more = with(json!([one]));
    more["extra"] = json!(1);
    assert!(matches!(refused(more), DsseError::Json(_)));
    let mut untyped = with(json!([one]));
    untyped["payloadType"] = json!("");
    assert!(matches!(refused(untyped), DsseError::PayloadType));
    let spaced = serde_json::to_vec_pretty(&with(json!([one]))).unwrap();
    let canonical = Envelope::parse(&spaced).unwrap_err();
    assert!(matches!(canonical, DsseError::Json(CanonicalJsonError::NotCanonical { .. })));
}

#[test]
fn a_statement_in_its_envelope() {
    let envelope = seal(&tasted(), &[&secret(1)]).unwrap();
    assert_eq!(envelope.payload_type(), "application/vnd.in-toto+json");
    let wanted = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{{"cups":2}},"predicateType":"https://proofhouse.example/tasted/v2","subject":[{{"digest":{{"sha256":"{}"}},"name":"tea"}}]}}"#,
        Digest::of(b"tea").hex()
    );
    assert_eq!(envelope.unverified_payload(), wanted.as_bytes());
    let opened = open::<Tasted>(&envelope, &keys(&[1])).unwrap();
    assert_eq!((opened.statement, opened.signed_by), (tasted(), keys(&[1])));
}

/// Seals the statement with one change made to its JSON, and opens it.
fn opened(change: impl FnOnce(&mut Value)) -> Result<Statement<Tasted>, StatementError> {
    let mut value = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": { "cups": 2 },
        "predicateType": Tasted::TYPE,
        "subject": [{ "digest": { "sha256": Digest::of(b"tea").hex() }, "name": "tea" }],
    });
    change(&mut value);
    let envelope = Envelope::sign(PAYLOAD_TYPE, to_canonical(&value).unwrap(), &[&secret(1)]).unwrap();
    open(&envelope, &keys(&[1])).map(|opened| opened.statement)
}

#[test]
fn what_is_no_statement() {
    assert_eq!(opened(|_| {}).unwrap(), tasted());
    let refused = |change: fn(&mut Value)| opened(change).unwrap_err();
    assert!(matches!(
        refused(|v| v["_type"] = json!("https://in-toto.io/Statement/v0.1")),
        StatementError::StatementType(_)
    ));
    let later = refused(|v| v["predicateType"] = json!("https://proofhouse.example/tasted/v10"));
    assert!(matches!(later, StatementError::LaterVersion { .. }), "{later}");
    for other in ["https://proofhouse.example/tasted/v1", "https://proofhouse.example/seen/v3", "", "/v3"] {
        let refused = opened(|v| v["predicateType"] = json!(other)).unwrap_err();
        assert!(matches!(refused, StatementError::PredicateType { .. }), "{other}");
    }
    assert!(matches!(refused(|v| v["extra"] = json!(1)), StatementError::Json(_)));
    assert!(matches!(refused(|v| v["predicate"]["extra"] = json!(1)), StatementError::Json(_)));
    assert!(matches!(refused(|v| v["subject"][0]["uri"] = json!("a")), StatementError::Json(_)));
    assert!(matches!(refused(|v| v["subject"][0]["digest"]["sha1"] = json!("a")), StatementError::Json(_)));
    assert!(matches!(refused(|v| v["predicate"]["cups"] = json!(0.5)), StatementError::Json(_)));
    assert!(matches!(refused(|v| v["subject"] = json!([])), StatementError::SubjectCount(0)));
    assert!(matches!(refused(|v| v["subject"][0]["name"] = json!("")), StatementError::SubjectName(_)));
    assert!(matches!(refused(|v| v["subject"][0]["name"] = json!("a\nb")), StatementError::SubjectName(_)));
    assert!(matches!(
        refused(|v| v["subject"] = json!([v["subject"][0], v["subject"][0]])),
        StatementError::DuplicateSubject(_)
    ));
    for wrong in ["", "ab", &"AB".repeat(32), &"ab".repeat(33), &"zz".repeat(32)] {
        let refused = opened(|v| v["subject"][0]["digest"]["sha256"] = json!(wrong)).unwrap_err();
        assert!(matches!(refused, StatementError::SubjectDigest(_)), "{wrong}");
    }
    let none = seal(&Statement { subject: vec![], predicate: Tasted { cups: 1 } }, &[&secret(1)]).unwrap_err();
    assert!(matches!(none, StatementError::SubjectCount(0)));
    let inexact = seal(&Statement { predicate: Tasted { cups: u64::MAX }, ..tasted() }, &[&secret(1)]).unwrap_err();
    assert!(matches!(inexact, StatementError::Json(CanonicalJsonError::Inexact(_))));
}

#[test]
fn an_envelope_with_something_else() {
    let payload = seal(&tasted(), &[&secret(1)]).unwrap().unverified_payload().to_vec();
    let envelope = Envelope::sign("application/json", payload, &[&secret(1)]).unwrap();
    assert!(matches!(open::<Tasted>(&envelope, &keys(&[1])), Err(StatementError::PayloadType(_))));
}

proptest! {
    #[test]
    fn envelopes_round_trip(kind in "[!-~]{1,40}", payload: Vec<u8>, seeds in proptest::collection::btree_set(any::<u8>(), 1..4)) {
        let secrets: Vec<_> = seeds.iter().map(|seed| secret(*seed)).collect();
        let envelope = Envelope::sign(&kind, payload, &secrets.iter().collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(&Envelope::parse(&envelope.to_bytes().unwrap()).unwrap(), &envelope);
        prop_assert_eq!(envelope.verify(&keys(&seeds.into_iter().collect::<Vec<_>>())).unwrap().len(), secrets.len());
    }
}
