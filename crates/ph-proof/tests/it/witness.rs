//! Policies and the request for cosignatures, held against the examples of C2SP.

use ph_proof::note::add_checkpoint::{self, AddCheckpoint, AddCheckpointError};
use ph_proof::note::policy::PolicyError;
use ph_proof::note::{NoteError, NoteSigner, NoteVerifier, SignedNote, TreeHead, WitnessPolicy, cosignature};
use proptest::prelude::*;

use crate::note::{base64, head, signer};

/// The witness number `seed`, whose key is named `wN.example`.
fn witness(seed: u8) -> NoteSigner {
    signer(&format!("w{seed}.example"), seed)
}

fn vkey(seed: u8) -> String {
    witness(seed).cosignature_verifier().to_string()
}

/// The example of c2sp.org/tlog-policy with keys: X1 to X3 have the seeds 1 to 3, Y1 to Y3 the seeds 4 to 6.
fn example() -> String {
    let mut text = format!("log {}\n\n", signer("log.example", 9).verifier());
    for (at, name) in ["X1", "X2", "X3", "Y1", "Y2", "Y3"].iter().enumerate() {
        text += &format!("witness {name} {}\n", vkey(u8::try_from(at + 1).unwrap()));
    }
    text += "group X-witnesses 2 X1 X2 X3\n# a comment \u{e9}\n\t group\tY-witnesses  any Y1 Y2 Y3 \n\n";
    text + "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
}

fn refused(text: &str) -> PolicyError {
    WitnessPolicy::parse(text.as_bytes()).expect_err(text)
}

#[test]
fn the_example_of_the_specification() {
    let policy = WitnessPolicy::parse(example().as_bytes()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    let is_satisfied = |names: &[&str]| policy.is_satisfied_by(|name| names.contains(&name));
    for enough in [&["X1", "X2", "Y3"][..], &["X1", "X3", "Y1", "Y2"], &["X1", "X2", "X3", "Y1", "Y2", "Y3"]] {
        assert!(is_satisfied(enough), "{enough:?}");
    }
    for too_few in [&[][..], &["X1", "X2", "X3"], &["X1", "Y1", "Y2", "Y3"], &["Y1"]] {
        assert!(!is_satisfied(too_few), "{too_few:?}");
    }
    assert_eq!(WitnessPolicy::parse(policy.to_string().as_bytes()).unwrap(), policy);
}

/// A tree head that the log has signed and these witnesses have cosigned.
fn cosigned(seeds: &[u8]) -> SignedNote {
    let (log, head) = (signer("log.example", 9), head("log.example"));
    seeds.iter().fold(head.sign(&log).unwrap(), |note, seed| {
        let seconds = 100 + u64::from(*seed);
        note.with(cosignature::sign(&head.to_string(), &witness(*seed), seconds).unwrap()).unwrap()
    })
}

#[test]
fn a_note_is_evaluated() {
    let policy = WitnessPolicy::parse(example().as_bytes()).unwrap();
    let evaluation = policy.evaluate(&cosigned(&[1, 2, 4, 8])).unwrap();
    assert!(evaluation.is_satisfied);
    let signed: Vec<_> = evaluation.signed.iter().map(|(name, seconds)| (name.as_str(), *seconds)).collect();
    assert_eq!(signed, [("X1", 101), ("X2", 102), ("Y1", 104)]);
    let evaluation = policy.evaluate(&cosigned(&[])).unwrap();
    assert!(!evaluation.is_satisfied && evaluation.signed.is_empty());
    let note = cosigned(&[1, 2, 4]);
    let lines: Vec<String> = note.signatures().iter().map(ToString::to_string).collect();
    let other = lines[2].rsplit(' ').next().unwrap();
    let wrong = note.to_string().replace(lines[1].rsplit(' ').next().unwrap(), &with_id_of(&lines[1], other));
    let wrong = SignedNote::parse(wrong.as_bytes()).unwrap();
    assert_eq!(policy.evaluate(&wrong), Err(NoteError::WrongSignature { name: "w1.example".to_owned() }));
}

/// The signature `other` under the id in `line`.
fn with_id_of(line: &str, other: &str) -> String {
    use base64::Engine as _;
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let id = decode(line.rsplit(' ').next().unwrap());
    base64(&[&id[..4], &decode(other)[4..]].concat())
}

#[test]
fn what_is_no_policy() {
    let (log, one, two) = (signer("log.example", 9).verifier(), vkey(1), vkey(2));
    let witnesses = format!("witness A {one}\nwitness B {two} https://b.example/w\n");
    let with = |rest: &str| refused(&format!("{witnesses}{rest}"));
    assert_eq!(refused(""), PolicyError::NoQuorum);
    assert_eq!(refused("quorum none"), PolicyError::Unended);
    assert_eq!(refused("quorum no\rne\n"), PolicyError::Text { line: 1 });
    assert_eq!(refused("quorum none\x7f\n"), PolicyError::Text { line: 1 });
    assert!(matches!(refused("quorum\n"), PolicyError::Form { line: 1, .. }));
    assert!(matches!(refused("Quorum none\n"), PolicyError::Form { .. }));
    assert!(matches!(refused("quorum none # none\n"), PolicyError::Form { .. }));
    assert_eq!(refused("quorum none\nquorum none\n"), PolicyError::SecondQuorum { line: 2 });
    assert!(matches!(with("quorum C\n"), PolicyError::Unknown { line: 3, .. }));
    assert!(matches!(with("group G any C\nquorum G\n"), PolicyError::Unknown { .. }));
    assert!(matches!(with("group G any G\nquorum G\n"), PolicyError::Unknown { .. }));
    assert!(matches!(with("group G any none\nquorum G\n"), PolicyError::Unknown { .. }));
    assert!(matches!(with("group A any B\nquorum A\n"), PolicyError::DuplicateName { .. }));
    assert!(matches!(with("group none any B\nquorum none\n"), PolicyError::DuplicateName { .. }));
    assert!(matches!(with("group G any A A\nquorum G\n"), PolicyError::SecondMembership { .. }));
    assert!(matches!(
        with("group G any A\ngroup H all A B\nquorum H\n"),
        PolicyError::SecondMembership { line: 4, .. }
    ));
    for threshold in ["0", "3", "-1", "01", "+1", "two", "18446744073709551617"] {
        let wrong = with(&format!("group G {threshold} A B\nquorum G\n"));
        assert!(matches!(wrong, PolicyError::Threshold { members: 2, .. }), "{threshold}");
    }
    for empty in ["any", "all", "1"] {
        assert!(matches!(with(&format!("group G {empty}\nquorum G\n")), PolicyError::Threshold { members: 0, .. }));
    }
    assert_eq!(refused(&format!("{witnesses}witness C {one}\nquorum A\n")), PolicyError::DuplicateKey { line: 3 });
    let renamed = witness(1).cosignature_verifier().renamed(ph_proof::note::KeyName::new("other").unwrap());
    assert_eq!(refused(&format!("{witnesses}witness C {renamed}\nquorum A\n")), PolicyError::DuplicateKey { line: 3 });
    assert_eq!(refused(&format!("log {log}\nlog {log}\nquorum none\n")), PolicyError::DuplicateKey { line: 2 });
    assert_eq!(refused(&format!("witness A {log}\nquorum A\n")), PolicyError::NotCosigner { line: 1 });
    assert!(matches!(refused("witness A a+00000000+BgAA\nquorum A\n"), PolicyError::Key { line: 1, .. }));
    assert!(matches!(refused(&format!("log {log} u v\nquorum none\n")), PolicyError::Form { .. }));
    assert!(WitnessPolicy::parse(b"# \xff\xfe\nquorum none\n").is_ok());
    assert_eq!(WitnessPolicy::parse(b"quorum \xff\n"), Err(PolicyError::Text { line: 1 }));
    assert_eq!(WitnessPolicy::parse(&vec![b'\n'; 300 << 10]), Err(PolicyError::TooLarge));
}

#[test]
fn k_of_n() {
    let keys: Vec<NoteVerifier> = (1..=3).map(|seed| witness(seed).cosignature_verifier()).collect();
    let policy = WitnessPolicy::k_of(2, &keys).unwrap();
    assert!(policy.evaluate(&cosigned(&[1, 3])).unwrap().is_satisfied);
    assert!(!policy.evaluate(&cosigned(&[2])).unwrap().is_satisfied);
    assert_eq!(WitnessPolicy::parse(policy.to_string().as_bytes()).unwrap(), policy);
    assert!(WitnessPolicy::k_of(0, &[]).unwrap().evaluate(&cosigned(&[])).unwrap().is_satisfied);
    assert!(matches!(WitnessPolicy::k_of(4, &keys), Err(PolicyError::Threshold { .. })));
    assert!(matches!(WitnessPolicy::k_of(0, &keys), Err(PolicyError::Threshold { .. })));
    assert!(matches!(WitnessPolicy::k_of(1, &[]), Err(PolicyError::Threshold { .. })));
    assert!(matches!(
        WitnessPolicy::k_of(1, &[keys[0].clone(), keys[0].clone()]),
        Err(PolicyError::DuplicateKey { .. })
    ));
    let log = signer("log.example", 9).verifier();
    assert!(matches!(WitnessPolicy::k_of(1, &[log]), Err(PolicyError::NotCosigner { .. })));
    let odd = signer("quorum-0", 8).cosignature_verifier();
    assert!(WitnessPolicy::k_of(1, &[odd]).is_ok());
}

/// c2sp.org/tlog-witness, the example request and answer.
const REQUEST: &str = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
const ANSWER: &str = "\u{2014} witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n\u{2014} witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n\u{2014} witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==\n";

#[test]
fn the_published_request_and_answer() {
    let request = AddCheckpoint::parse(REQUEST.as_bytes()).unwrap();
    assert_eq!((request.old_size, request.proof.len(), request.note.signatures().len()), (20_852_014, 4, 2));
    assert_eq!(TreeHead::parse(request.note.unverified_text()).unwrap().size(), 20_852_163);
    assert_eq!(request.to_string(), REQUEST);
    let signatures = add_checkpoint::parse_answer(ANSWER.as_bytes()).unwrap();
    assert_eq!(signatures.len(), 3);
    assert_eq!(add_checkpoint::answer(&signatures), ANSWER);
    let note = signatures.into_iter().try_fold(request.note, SignedNote::with).unwrap();
    assert_eq!(note.signatures().len(), 5);
}

#[test]
fn what_is_no_request_and_no_answer() {
    let (old, note) = REQUEST.split_once("\n\n").unwrap();
    let parse = |old: &str| AddCheckpoint::parse(format!("{old}\n\n{note}").as_bytes());
    for wrong in ["", "old", "old ", "old 01", "old -1", "old  1", "Old 1", "old 1 ", "old 18446744073709551616"] {
        assert_eq!(parse(wrong), Err(AddCheckpointError::OldSize), "{wrong:?}");
    }
    assert!(parse("old 0").is_ok());
    let hash = old.lines().nth(1).unwrap();
    let hashes = |count: usize| format!("old 1{}", format!("\n{hash}").repeat(count));
    assert_eq!(parse(&hashes(63)).unwrap().proof.len(), 63);
    assert_eq!(parse(&hashes(64)), Err(AddCheckpointError::TooManyHashes));
    for wrong in [&hash[..40], &format!("{hash} "), "x", &hash.replace('=', ""), &hash.replace("kaw=", "kax=")] {
        assert_eq!(parse(&format!("old 1\n{hash}\n{wrong}")), Err(AddCheckpointError::Hash { line: 2 }), "{wrong}");
    }
    assert_eq!(AddCheckpoint::parse(b"old 1\n"), Err(AddCheckpointError::NoNote));
    assert!(matches!(AddCheckpoint::parse(b"old 1\n\n"), Err(AddCheckpointError::Note(_))));
    assert_eq!(AddCheckpoint::parse(&vec![b'\n'; 200 << 10]), Err(AddCheckpointError::TooLarge));
    for wrong in ["", "\n", "x\n", &ANSWER[..ANSWER.len() - 1], &format!("{ANSWER}\n"), &format!("\n{ANSWER}")] {
        assert!(
            matches!(add_checkpoint::parse_answer(wrong.as_bytes()), Err(AddCheckpointError::Note(_))),
            "{wrong:?}"
        );
    }
    assert_eq!(add_checkpoint::parse_conflict(b"17\n"), Ok(17));
    for wrong in [&b""[..], b"17", b"017\n", b"17\n\n", b" 17\n", b"\xff\n"] {
        assert_eq!(add_checkpoint::parse_conflict(wrong), Err(AddCheckpointError::Conflict));
    }
}

proptest! {
    #[test]
    fn requests_round_trip(old_size: u64, proof in proptest::collection::vec(any::<[u8; 32]>(), 0..64)) {
        let request = AddCheckpoint { old_size, proof, note: cosigned(&[1]) };
        prop_assert_eq!(AddCheckpoint::parse(request.to_string().as_bytes()).unwrap(), request);
    }

    /// A policy of groups against the plain counting that it means.
    #[test]
    fn thresholds_count(k in 1_usize..6, signed: [bool; 5]) {
        let keys: Vec<_> = (1..=5).map(|seed| witness(seed).cosignature_verifier()).collect();
        let policy = WitnessPolicy::k_of(k, &keys).unwrap();
        let has = |name: &str| keys.iter().zip(signed).any(|(key, is)| is && key.name().as_str() == name);
        prop_assert_eq!(policy.is_satisfied_by(has), signed.iter().filter(|is| **is).count() >= k);
    }
}
