//! Signed notes, tree heads and cosignatures, held against the examples of C2SP, Go's `sumdb/note` and its witness.

use ph_proof::note::cosignature::{self, CosignatureError};
use ph_proof::note::{
    KeyError, KeyName, NoteError, NoteSigner, NoteVerifier, SignatureType, SignedNote, TreeHead, TreeHeadError,
};
use proptest::prelude::*;

/// c2sp.org/signed-note, "Verifier keys".
const SPEC_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SPEC_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
/// golang.org/x/mod/sumdb/note, package documentation.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
/// github.com/transparency-dev/witness, witness_test.go.
const LOG_KEY: &str = "monkeys+db4d9f7e+AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT";
const LOG_SECRET: &str = "PRIVATE+KEY+monkeys+db4d9f7e+ATWIAF3yVBG+Hv1rZFQoNt/BaURkLPtOFMAM2HrEeIr6";
const LOG_HEAD: &str = "monkeys\n5\n41smjBUiAU70EtKlT6lIOIYtRTYxYXsDB+XHfcvu/BE=\n\n\u{2014} monkeys 202fftzGl3LVoqjXfwCFZZXs8I+5G22+Ek2K0AOyBuSJ/8/CZawNF+6fNlTKOCd622pbzJNkkJFWuw9DbicZCkEx9AY=\n";
const WITNESS_KEY: &str = "witness+f13a86db+AdYV1Ztajd9BvyjP2HgpwrqYL6TjOwIjGMOq8Bu42xbN";
const WITNESS_SECRET: &str = "PRIVATE+KEY+witness+f13a86db+AaLa/dfyBhyo/m0Z7WCi98ENVZWtrP8pxgRNrx7tIWiA";
/// c2sp.org/tlog-cosignature, the example at its head; its keys are not published.
const COSIGNED: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

pub(crate) fn key(text: &str) -> NoteVerifier {
    text.parse().unwrap()
}

pub(crate) fn signer(name: &str, seed: u8) -> NoteSigner {
    NoteSigner::new(KeyName::new(name).unwrap(), &[seed; 32])
}

pub(crate) fn head(origin: &str) -> TreeHead {
    TreeHead::new(origin, 7, [9; 32]).unwrap()
}

fn open<'n>(note: &'n SignedNote, keys: &[&str]) -> Result<&'n str, NoteError> {
    let keys: Vec<_> = keys.iter().map(|text| key(text)).collect();
    note.verify(&keys).map(|verified| verified.text)
}

#[test]
fn the_published_notes_verify() {
    for (text, vkey) in [(SPEC_NOTE, SPEC_KEY), (GO_NOTE, GO_KEY), (LOG_HEAD, LOG_KEY)] {
        let note = SignedNote::parse(text.as_bytes()).unwrap();
        assert_eq!(open(&note, &[vkey]).unwrap(), text.split_once("\n\n").unwrap().0.to_owned() + "\n");
        assert_eq!(note.to_string(), text);
        assert_eq!(key(vkey).to_string(), vkey);
        assert_eq!(open(&note, &[WITNESS_KEY]), Err(NoteError::Unsigned));
    }
}

#[test]
fn the_published_secret_keys_sign_the_published_notes() {
    for (secret, vkey, text) in [(GO_SECRET, GO_KEY, GO_NOTE), (LOG_SECRET, LOG_KEY, LOG_HEAD)] {
        let signer = NoteSigner::from_secret_text(secret).unwrap();
        assert_eq!(signer.verifier(), key(vkey));
        assert_eq!(*signer.secret_text(), secret);
        let body = text.split_once("\n\n").unwrap().0.to_owned() + "\n";
        assert_eq!(SignedNote::sign(&body, &[&signer]).unwrap().to_string(), text);
        let shown = format!("{signer:?}");
        assert!(!shown.contains(&secret[secret.len() - 40..]), "{shown}");
    }
    let witness = NoteSigner::from_secret_text(WITNESS_SECRET).unwrap();
    assert_eq!(witness.verifier(), key(WITNESS_KEY));
}

#[test]
fn no_changed_byte_of_a_note_is_accepted() {
    for (text, vkey) in [(SPEC_NOTE, SPEC_KEY), (LOG_HEAD, LOG_KEY)] {
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let opened = SignedNote::parse(&bytes).is_ok_and(|note| open(&note, &[vkey]).is_ok());
                assert!(!opened, "byte {at}, bit {bit}");
            }
        }
        for end in 0..text.len() {
            assert!(SignedNote::parse(&text.as_bytes()[..end]).is_err(), "{end} bytes");
        }
    }
}

#[test]
fn keys_that_are_not_quite_the_published_one() {
    for end in 0..GO_KEY.len() {
        assert!(GO_KEY[..end].parse::<NoteVerifier>().is_err(), "{end}");
    }
    for start in 1..GO_KEY.len() {
        assert!(GO_KEY[start..].parse::<NoteVerifier>().is_err(), "{start}");
        let mut other = GO_KEY.as_bytes().to_vec();
        other[start] += 1;
        assert!(String::from_utf8(other).unwrap().parse::<NoteVerifier>().is_err(), "{start}");
    }
    let refused = |text: &str| text.parse::<NoteVerifier>().unwrap_err();
    assert!(matches!(
        refused("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
        KeyError::Id { .. }
    ));
    assert!(matches!(
        refused("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
        KeyError::WrongId { .. }
    ));
    assert!(matches!(refused("a+00000000+BgAA"), KeyError::MlDsa44 { .. }));
    assert!(matches!(refused("a+00000000+AgAA"), KeyError::Type { kind: 2, .. }));
    assert!(matches!(refused("a+00000000+AQAA"), KeyError::Material { .. }));
    assert!(matches!(refused("a b+00000000+AQAA"), KeyError::Name(_)));
    for wrong in ["", "a+b", "a b", "a\u{2003}b", "a\nb", "a\u{7f}", &"a".repeat(256)] {
        assert!(KeyName::new(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_secret_key_that_is_wrong_is_not_repeated() {
    let wrong = ["PRIVATE+KEY+AYEKFALVFGyNhPJEMzD1QIDr", "PRIVATE+KEY+a b+c74f20a3+AYEK", GO_KEY];
    for text in wrong.into_iter().chain([&GO_SECRET[..GO_SECRET.len() - 1]]) {
        let shown = format!("{:?}", NoteSigner::from_secret_text(text).unwrap_err());
        assert!(!shown.contains("AYEK"), "{shown}");
    }
    let other_name = GO_SECRET.replace("PeterNeumann", "PeterNeuman");
    assert!(matches!(NoteSigner::from_secret_text(&other_name), Err(KeyError::WrongId { .. })));
}

#[test]
fn a_renamed_key_has_its_own_id() {
    let (first, second) = (key(LOG_KEY), key(LOG_KEY).renamed(KeyName::new("monkeys/2").unwrap()));
    assert_eq!(first.public_key(), second.public_key());
    assert_ne!(first.id(), second.id());
    assert_eq!(second.to_string().parse::<NoteVerifier>().unwrap(), second);
    assert_ne!(signer("a", 1).verifier().id(), signer("a", 1).cosignature_verifier().id());
}

#[test]
fn what_is_no_note() {
    let parse = |text: &str| SignedNote::parse(text.as_bytes()).map(|_| ());
    let line = "\u{2014} a AAAAAAA=\n";
    assert_eq!(parse(&format!("text\n\n{line}")), Ok(()));
    assert_eq!(parse(&format!("a\n\n\n\nb\n\n{line}")), Ok(()));
    assert_eq!(parse(&format!("text\n{line}")), Err(NoteError::NoSignatures));
    assert_eq!(parse("text\n\n"), Err(NoteError::NoSignatures));
    assert_eq!(parse(&format!("text\n\n{}", line.trim_end())), Err(NoteError::NoSignatures));
    assert_eq!(parse(&format!("te\txt\n\n{line}")), Err(NoteError::Text));
    assert_eq!(SignedNote::parse(b"te\xff\n\n"), Err(NoteError::Text));
    assert_eq!(parse(&format!("{}\n\n{line}", "x".repeat(128 << 10))), Err(NoteError::TooLarge));
    for wrong in [
        "- a AAAAAAA=",
        "\u{2014}  a AAAAAAA=",
        "\u{2014} a  AAAAAAA=",
        "\u{2014} a AAAAAA==",
        "\u{2014} a AAAAAAA",
        "\u{2014} a AAAAAAB=",
        "\u{2014} a AAAA_AA=",
        "\u{2014} a+b AAAAAAA=",
        "\u{2014} a AAAAAAA= ",
        "\u{2014} AAAAAAA=",
    ] {
        assert_eq!(parse(&format!("text\n\n{line}{wrong}\n")), Err(NoteError::Line { line: 2 }), "{wrong}");
    }
    assert!(matches!(parse(&format!("text\n\n{line}\u{2014} a AAAAAAE=\n")), Err(NoteError::Duplicate { .. })));
    let many = |count: u32| (0..count).map(|n| format!("\u{2014} a{n} AAAAAAA=\n")).collect::<String>();
    assert_eq!(parse(&format!("text\n\n{}", many(64))), Ok(()));
    assert_eq!(parse(&format!("text\n\n{}", many(65))), Err(NoteError::TooManySignatures));
}

#[test]
fn signatures_by_unknown_keys_are_ignored_and_kept() {
    let log = signer("log.example", 1);
    // The length of an ML-DSA-44 cosignature: id, time, 2,420 bytes.
    let line = format!("\u{2014} log.example {}\n", base64(&[6; 4 + 8 + 2_420]));
    let sixteen: String = (0..16).map(|n| line.replace("log.example", &format!("w{n}.example"))).collect();
    let text = format!("{}{line}{sixteen}", head("log.example").sign(&log).unwrap());
    let note = SignedNote::parse(text.as_bytes()).unwrap();
    assert_eq!(TreeHead::open(&note, &log.verifier()).unwrap(), head("log.example"));
    assert_eq!(note.to_string(), text);
}

#[test]
fn one_wrong_signature_by_a_known_key_is_one_too_many() {
    let (first, second) = (signer("a", 1), signer("b", 2));
    let text = SignedNote::sign("text\n", &[&first, &second]).unwrap().to_string();
    let other = SignedNote::sign("other\n", &[&second]).unwrap().to_string();
    let wrong = text.replace(text.lines().last().unwrap(), other.lines().last().unwrap());
    let note = SignedNote::parse(wrong.as_bytes()).unwrap();
    assert!(note.verify(&[first.verifier()]).is_ok());
    let both = [first.verifier(), second.verifier()];
    assert_eq!(note.verify(&both), Err(NoteError::WrongSignature { name: "b".to_owned() }));
    assert!(matches!(SignedNote::sign("text\n", &[&first, &first]), Err(NoteError::Duplicate { .. })));
    assert_eq!(SignedNote::sign("text\n", &[]), Err(NoteError::NoSignatures));
    assert_eq!(SignedNote::sign("text", &[&first]), Err(NoteError::Unended));
}

#[test]
fn tree_heads() {
    let log = key(LOG_KEY);
    let note = SignedNote::parse(LOG_HEAD.as_bytes()).unwrap();
    let head = TreeHead::open(&note, &log).unwrap();
    assert_eq!((head.origin(), head.size(), head.extensions().len()), ("monkeys", 5, 0));
    let spec = SignedNote::parse(COSIGNED.as_bytes()).unwrap();
    assert_eq!(TreeHead::parse(spec.unverified_text()).unwrap().to_string(), spec.unverified_text());
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for right in [format!("o p\n1\n{root}\n"), format!("o\n0\n{empty}\n"), format!("o\n1\n{root}\nx\ny\n")] {
        assert_eq!(TreeHead::parse(&right).unwrap().to_string(), right);
    }
    for wrong in [
        String::new(),
        format!("\n1\n{root}\n"),
        format!("o\n01\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n1\n{root}"),
        format!("o\n1\n{}\n", &root[..40]),
        format!("o\n1\n{root}\n\n"),
        format!("o\n1\n{root}\n\nx\n"),
        format!("o\n0\n{root}\n"),
        format!("o\n1\n{root} \n"),
        format!("o\r\n1\n{root}\n"),
        "o\n1\n".to_owned(),
    ] {
        assert!(TreeHead::parse(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_tree_head_is_of_the_log_that_its_key_names() {
    let other = signer("other.example", 1);
    let refused = head("log.example").sign(&other).unwrap_err();
    assert!(matches!(refused, TreeHeadError::OtherLog { .. }));
    let note = SignedNote::sign(&head("log.example").to_string(), &[&other]).unwrap();
    assert!(matches!(TreeHead::open(&note, &other.verifier()), Err(TreeHeadError::OtherLog { .. })));
}

#[test]
fn a_cosignature_signs_what_the_specification_says() {
    let witness = NoteSigner::from_secret_text(WITNESS_SECRET).unwrap();
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let signature = cosignature::sign(text, &witness, 1_679_315_147).unwrap();
    let verifier = witness.cosignature_verifier();
    assert_eq!(verifier.kind(), SignatureType::Cosignature);
    assert_eq!(cosignature::verify(text, &verifier, &signature), Ok(1_679_315_147));
    // The message of the example, and the frame of its signature.
    let message = format!("cosignature/v1\ntime 1679315147\n{text}");
    assert!(verifier.public_key().verifies(message.as_bytes(), &signature.bytes()[8..]));
    let example = SignedNote::parse(COSIGNED.as_bytes()).unwrap();
    assert_eq!(example.signatures()[1].bytes()[..8], signature.bytes()[..8]);
    assert_eq!(example.signatures()[1].bytes().len(), signature.bytes().len());
}

#[test]
fn cosignatures_that_are_refused() {
    let (log, witness) = (signer("log.example", 1), signer("witness.example", 2));
    let head = head("log.example");
    let signature = cosignature::sign(&head.to_string(), &witness, 1_000).unwrap();
    let note = head.sign(&log).unwrap().with(signature.clone()).unwrap();
    let keys = [log.verifier(), witness.cosignature_verifier()];
    let verified = note.verify(&keys).unwrap();
    assert_eq!(verified.signatures.iter().map(|one| one.seconds).collect::<Vec<_>>(), [None, Some(1_000)]);
    let line = signature.to_string();
    for at in 0..signature.bytes().len() {
        let mut bytes = [&signature.id().0, signature.bytes()].concat();
        bytes[4 + at] ^= 1;
        let wrong = note.to_string().replace(&line, &format!("\u{2014} witness.example {}", base64(&bytes)));
        let wrong = SignedNote::parse(wrong.as_bytes()).unwrap();
        assert!(wrong.verify(&keys).is_err(), "byte {at}");
    }
    let elsewhere = head.to_string().replace("7\n", "8\n");
    assert!(cosignature::verify(&elsewhere, &keys[1], &signature).is_err());
    assert!(matches!(cosignature::verify(&head.to_string(), &keys[0], &signature), Err(CosignatureError::OtherKey(_))));
    assert!(matches!(cosignature::sign("no tree head\n", &witness, 1), Err(CosignatureError::TreeHead(_))));
    assert!(matches!(cosignature::sign(&head.to_string(), &witness, 1 << 63), Err(CosignatureError::Time(_))));
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

proptest! {
    #[test]
    fn notes_round_trip(text in "([ -~é—]{0,20}\n){1,5}", seeds in proptest::collection::btree_set(0_u8..9, 1..5)) {
        let signers: Vec<_> = seeds.iter().map(|seed| signer(&format!("k{seed}"), *seed)).collect();
        let note = SignedNote::sign(&text, &signers.iter().collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(&SignedNote::parse(note.to_string().as_bytes()).unwrap(), &note);
        let keys: Vec<_> = signers.iter().map(NoteSigner::verifier).collect();
        prop_assert_eq!(note.verify(&keys).unwrap().signatures.len(), keys.len());
    }

    #[test]
    fn tree_heads_round_trip(origin in "[ -~]{1,30}", size in 1_u64.., root: [u8; 32], lines in proptest::collection::vec("[!-~]{1,9}", 0..3)) {
        let head = TreeHead::new(&origin, size, root).unwrap();
        let head = lines.iter().try_fold(head, |head, line| head.with_extension(line)).unwrap();
        prop_assert_eq!(TreeHead::parse(&head.to_string()).unwrap(), head);
    }
}
