//! The bundle of an assessment: verified whole, cut, tampered with by a stranger, by the operator, and made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ph_base::{Clock, Disk, Timestamp};
use ph_evallog::EvalLog;
use ph_evidence::attest::{edition_statement, kind, plan_statement, run_statement, samples_statement};
use ph_evidence::edition::{commit_parts, file_digest};
use ph_evidence::{FileLedger, LedgerSetup};
use ph_proof::bundle::Container;
use ph_proof::commitment::SaltKey;
use ph_proof::dsse::Envelope;
use ph_proof::event::EventBody;
use ph_proof::note::{KeyName, NoteSigner, WitnessPolicy};
use ph_proof::sample_set::SampleSet;
use ph_proof::statement::{self, SealPredicate, Statement, Subject};
use ph_record::{AssessmentManifest, Plan, RunManifest};
use ph_verify::{Outcome, Trust, Verdict, Verification, VerifyRequest, verify};

use crate::program::{is_full, proofhouse, run_in, talk};
use crate::witness::Served;

/// A witnessed assessment of few samples.
struct Assessed {
    folder: tempfile::TempDir,
    _witness: Served,
    policy: WitnessPolicy,
    /// What is given to `--key` and `--witness`.
    key: String,
    witness: String,
}

impl Assessed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let key = line(at, &["key", "new", "lab.example/ph", "--out", "lab.key"]);
        let witness = line(at, &["key", "new", "witness.example/w1", "--out", "w.key", "--witness"]);
        let served = Served::start(at, &key);
        std::fs::write(at.join("policy"), served.policy.to_string()).unwrap();
        let assessed = run_in(
            at,
            &[
                "assess",
                "reference/backdoored",
                "--suite",
                "refusal",
                "--limit",
                "2",
                "--out",
                "out",
                "--ledger-key",
                "lab.key",
                "--witness-policy",
                "policy",
            ],
        );
        assert_eq!(assessed.status.code(), Some(0), "{}", talk(&assessed));
        assert!(talk(&assessed).contains("tree head cosigned by"), "{}", talk(&assessed));
        let policy = served.policy.clone();
        Self { folder, _witness: served, policy, key, witness }
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn bundle(&self) -> PathBuf {
        self.at().join("out/bundle.proof")
    }

    fn trust(&self) -> Trust {
        Trust { keys: vec![self.key.parse().unwrap()], policy: Some(self.policy.clone()) }
    }

    fn verify(&self, bundle: &Path) -> Verification {
        verify(&VerifyRequest { bundle, openings: &[], trust: &self.trust(), pages: None })
    }

    fn signer(&self) -> NoteSigner {
        NoteSigner::from_secret_text(std::fs::read_to_string(self.at().join("lab.key")).unwrap().trim()).unwrap()
    }

    /// The bundle with members changed, sealed anew with the operator's key.
    fn resealed(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Verification {
        let mut members = members(&self.bundle());
        let seal = members.remove("seal.json").unwrap();
        let key = self.signer().secret_key().clone();
        let old = statement::open::<SealPredicate>(&Envelope::parse(&seal).unwrap(), &[key.public_key()]).unwrap();
        change(&mut members);
        let subject =
            |(name, content): (&String, &Vec<u8>)| Subject { name: name.clone(), digest: ph_base::Digest::of(content) };
        let subject = members.iter().map(subject).collect();
        let sealed = statement::seal(&Statement { subject, predicate: old.statement.predicate }, &[&key]).unwrap();
        members.insert("seal.json".to_owned(), sealed.to_bytes().unwrap());
        let path = self.at().join("changed.proof");
        ph_proof::bundle::write(members, File::create(&path).unwrap()).unwrap();
        self.verify(&path)
    }
}

fn members(bundle: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut container = Container::open(File::open(bundle).unwrap()).unwrap();
    let names: Vec<String> = container.members().iter().map(|member| member.name.clone()).collect();
    names.into_iter().map(|name| (name.clone(), container.read_member(&name, 1 << 30).unwrap())).collect()
}

fn line(folder: &Path, arguments: &[&str]) -> String {
    let output = run_in(folder, arguments);
    assert!(output.status.success(), "{}", talk(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn failed(verification: &Verification) -> Vec<&'static str> {
    verification.checks.iter().filter(|check| check.outcome == Outcome::Failed).map(|check| check.name).collect()
}

fn detail<'v>(verification: &'v Verification, name: &str) -> &'v str {
    &verification.check(name).unwrap().detail
}

/// The independent verifier's exit code.
fn second_opinion(arguments: &[&str], folder: &Path) -> Option<i32> {
    let python = std::env::var_os("PROOFHOUSE_PYTHON")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/verify_bundle.py");
    let output = Command::new(python).arg(script).args(arguments).current_dir(folder).output().unwrap();
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 7 | 8)), "{}{}", String::from_utf8_lossy(&output.stdout), talk(&output));
    code
}

/// Runs `proofhouse verify` and the independent verifier; both must end alike.
fn check_alike(assessed: &Assessed, arguments: &[&str], code: i32) {
    let output = proofhouse(&[&["verify"], arguments].concat()).current_dir(assessed.at()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}{}", talk(&output));
    match second_opinion(arguments, assessed.at()) {
        Some(theirs) => assert_eq!(theirs, code, "{arguments:?}\n{text}"),
        None => ph_testkit::skip!("no Python tools; make them with `cargo xtask test-tools`"),
    }
}

#[test]
fn a_bundle_is_verified_by_two_programs_as_far_as_it_is_vouched_for() {
    let assessed = Assessed::new();
    let (key, witness) = (assessed.key.as_str(), assessed.witness.as_str());
    check_alike(&assessed, &["out/bundle.proof", "--key", key, "--witness", witness], 0);
    check_alike(&assessed, &["out/bundle.proof", "--key", key], 8);
    check_alike(&assessed, &["out/bundle.proof"], 8);
    // The witness's own name under another key, and a log's key of somebody else.
    let other = line(assessed.at(), &["key", "new", "lab.example/ph", "--out", "other.key"]);
    check_alike(&assessed, &["out/bundle.proof", "--key", &other, "--witness", witness], 7);
    let other = line(assessed.at(), &["key", "new", "witness.example/w2", "--out", "w2.key", "--witness"]);
    check_alike(&assessed, &["out/bundle.proof", "--key", key, "--witness", &other], 7);

    let fsck = run_in(assessed.at(), &["ledger", "fsck", "out"]);
    assert_eq!(fsck.status.code(), Some(0), "{}", String::from_utf8_lossy(&fsck.stdout));
    let proof = line(assessed.at(), &["ledger", "prove", "out", "1"]);
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nindex 1\n") && proof.contains("witness.example/w1"), "{proof}");
}

#[test]
fn an_edition_withholds_parts_that_can_be_opened_later() {
    let assessed = Assessed::new();
    let export =
        ["ledger", "export", "out", "--out", "cut.proof", "--withhold", "plan.json", "--ledger-key", "lab.key"];
    let output = run_in(assessed.at(), &export);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    let (key, witness) = (assessed.key.as_str(), assessed.witness.as_str());
    let verification = assessed.verify(&assessed.at().join("cut.proof"));
    assert_eq!(verification.verdict(), Verdict::Incomplete, "{verification:?}");
    assert_eq!(verification.check("plan").unwrap().outcome, Outcome::NotCheckable);
    assert!(!members(&assessed.at().join("cut.proof")).contains_key("parts/plan.json"));
    check_alike(&assessed, &["cut.proof", "--key", key, "--witness", witness], 8);
    line(assessed.at(), &["ledger", "open", "out", "plan.json", "--out", "plan.opening"]);
    let opened = run_in(
        assessed.at(),
        &["verify", "cut.proof", "--key", key, "--witness", witness, "--opening", "plan.opening"],
    );
    assert_eq!(opened.status.code(), Some(0), "{}", String::from_utf8_lossy(&opened.stdout));
    let unknown = run_in(
        assessed.at(),
        &["ledger", "export", "out", "--out", "x", "--withhold", "nothing", "--ledger-key", "lab.key"],
    );
    assert_eq!(unknown.status.code(), Some(2), "{}", talk(&unknown));
}

#[test]
fn every_byte_counts() {
    let assessed = Assessed::new();
    let small = assessed.at().join("small.proof");
    let export = [
        "ledger",
        "export",
        "out",
        "--out",
        "small.proof",
        "--ledger-key",
        "lab.key",
        "--withhold",
        "report/report.html",
        "--withhold",
        "report/report.md",
    ];
    assert!(run_in(assessed.at(), &export).status.success());
    let bytes = std::fs::read(&small).unwrap();
    assert_eq!(assessed.verify(&small).verdict(), Verdict::Incomplete);
    let step = if is_full() { 1 } else { 61 };
    let changed = assessed.at().join("flipped.proof");
    for at in (0..bytes.len()).step_by(step) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&changed, flipped).unwrap();
        let verification = assessed.verify(&changed);
        assert_eq!(verification.verdict(), Verdict::Failed, "byte {at} of {}: {verification:?}", bytes.len());
        assert!(failed(&verification).iter().all(|name| !detail(&verification, name).is_empty()));
    }
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&changed, &bytes[..cut]).unwrap();
        assert_eq!(assessed.verify(&changed).verdict(), Verdict::Failed, "cut at {cut}");
    }
}

#[test]
fn what_the_operator_changes_and_seals_again_is_named() {
    let assessed = Assessed::new();
    assert_eq!(assessed.resealed(|_| {}).verdict(), assessed.verify(&assessed.bundle()).verdict());

    let number = assessed.resealed(|members| {
        let report = members.get_mut("parts/report/report.json").unwrap();
        let text = String::from_utf8(report.clone()).unwrap();
        *report = text.replacen("\"samples\": 2", "\"samples\": 3", 1).into_bytes();
    });
    assert_eq!(failed(&number), ["parts", "numbers"], "{number:?}");
    assert!(detail(&number, "parts").contains("report/report.json"), "{number:?}");
    assert!(detail(&number, "numbers").contains("the records give 2"), "{number:?}");

    let deleted = assessed.resealed(|members| drop(members.remove("entries/00000002.json")));
    assert_eq!(failed(&deleted), ["entries"], "{deleted:?}");
    assert!(detail(&deleted, "entries").contains("entry 2"), "{deleted:?}");
    // With its proof gone too nothing contradicts anything; what is not there is said.
    let hidden = assessed.resealed(|members| {
        members.remove("entries/00000002.json");
        let mut proofs: serde_json::Value = serde_json::from_slice(&members["proofs.json"]).unwrap();
        proofs["inclusion"].as_object_mut().unwrap().remove("2");
        members.insert("proofs.json".to_owned(), ph_proof::canonical_json::to_canonical(&proofs).unwrap());
    });
    assert_eq!((hidden.verdict(), failed(&hidden)), (Verdict::Incomplete, vec![]), "{hidden:?}");
    assert!(detail(&hidden, "complete").contains("6 of 7"), "{hidden:?}");

    let swapped = assessed.resealed(|members| {
        let (one, other) = (members["entries/00000002.json"].clone(), members["entries/00000003.json"].clone());
        members.insert("entries/00000002.json".to_owned(), other);
        members.insert("entries/00000003.json".to_owned(), one);
    });
    assert!(failed(&swapped).contains(&"entries"), "{swapped:?}");
    assert!(detail(&swapped, "entries").contains("entry 2 says that it is entry 3"), "{swapped:?}");

    let twice = assessed.resealed(|members| {
        let one = String::from_utf8(members["entries/00000002.json"].clone()).unwrap();
        let again = one.replace("\"index\":2", "\"index\":3");
        members.insert("entries/00000003.json".to_owned(), again.into_bytes());
    });
    assert!(detail(&twice, "entries").contains("entry 3 (run.opened)"), "{twice:?}");

    let rolled_back = assessed.resealed(|members| {
        let last = members.keys().rfind(|name| name.starts_with("heads/")).unwrap().clone();
        members.remove(&last);
    });
    assert!(failed(&rolled_back).contains(&"heads"), "{rolled_back:?}");

    let other_log = assessed.resealed(|members| {
        let name = members.keys().find(|name| name.ends_with("log-000.eval")).unwrap().clone();
        let other = members.keys().rfind(|name| name.ends_with("log-000.eval")).unwrap().clone();
        let content = members[&other].clone();
        members.insert(name, content);
    });
    let names = failed(&other_log);
    assert!(["runs", "samples", "parts"].iter().all(|name| names.contains(name)), "{other_log:?}");
}

#[test]
fn a_history_that_the_operator_makes_anew_is_detected_with_a_witness_and_said_without() {
    let assessed = Assessed::new();
    let root = assessed.at().join("out");
    let origin = FileLedger::open_read_only(&root.join("ledger")).unwrap().origin().to_owned();
    std::fs::remove_dir_all(root.join("ledger")).unwrap();
    remake(&root, assessed.signer().renamed(KeyName::new(&origin).unwrap()));
    let key = assessed.key.as_str();

    // Nothing in it contradicts anything else in it.
    let alone = verify(&VerifyRequest {
        bundle: &assessed.bundle(),
        openings: &[],
        trust: &Trust { keys: vec![key.parse().unwrap()], policy: None },
        pages: None,
    });
    assert_eq!(failed(&alone), Vec::<&str>::new(), "{alone:?}");
    assert!(detail(&alone, "witnesses").contains("rebuild a whole false history"), "{alone:?}");
    check_alike(&assessed, &["out/bundle.proof", "--key", key], 8);

    // The witness remembers, and cosigns none of it.
    let head = run_in(
        assessed.at(),
        &["ledger", "head", "out", "--cosign", "--ledger-key", "lab.key", "--witness-policy", "policy"],
    );
    assert_eq!(head.status.code(), Some(8), "{}", talk(&head));
    assert!(talk(&head).contains("no cosignature of"), "{}", talk(&head));
    check_alike(&assessed, &["out/bundle.proof", "--key", key, "--witness", &assessed.witness], 7);
}

#[test]
fn the_independent_verifier_passes_its_own_tests() {
    if !is_full() {
        ph_testkit::skip!("full counts are asked for by `cargo xtask ci --full`");
    }
    let Some(python) = std::env::var_os("PROOFHOUSE_PYTHON") else {
        ph_testkit::skip!("no Python tools; make them with `cargo xtask test-tools`");
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop");
    let tests = ["-B", "-m", "unittest", "test_verify_bundle", "test_verify_vectors"];
    let output = Command::new(python).args(tests).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
}

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }
}

/// What an operator does who holds the key: a ledger of the same origin, with the same files, and other salts and times.
fn remake(root: &Path, signer: NoteSigner) {
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();
    let manifest: AssessmentManifest = serde_json::from_slice(&read("assessment.json")).unwrap();
    let plan: Plan = serde_json::from_slice(&read("plan.json")).unwrap();
    let digest = manifest.plan_digest;
    let setup = LedgerSetup {
        signer: signer.clone(),
        subject: manifest.id.to_string(),
        program: manifest.program.clone(),
        clock: Arc::new(Now),
        random: Arc::new(|bytes: &mut [u8]| bytes.fill(7)),
        files: Arc::new(Disk),
    };
    let mut ledger = FileLedger::create(&root.join("ledger"), setup).unwrap();
    let keys = [signer.secret_key()];
    let locked = statement::seal(&plan_statement(&plan, digest), &keys).unwrap();
    ledger.record(EventBody::PlanLocked { plan: locked }).unwrap();
    let head = ledger.head().unwrap();
    ledger.keep_head(&head).unwrap();
    let mut names = vec!["assessment.json".to_owned(), "plan.json".to_owned()];
    names.extend(["html", "json", "md"].map(|end| format!("report/report.{end}")));
    for entry in &manifest.runs {
        let run_file = format!("runs/{}/run.json", entry.run);
        let log_file = format!("runs/{}/log-000.eval", entry.run);
        let run: RunManifest = serde_json::from_slice(&read(&run_file)).unwrap();
        ledger
            .record(EventBody::RunOpened {
                fingerprint: run.fingerprint,
                kind: kind(run.kind),
                plan: Some(digest),
                resumed: false,
                run: run.id,
                task: run.task_digest,
            })
            .unwrap();
        let mut set = SampleSet::new(SaltKey::new(ledger.sample_salt_key(&run.id)));
        let each = |sample| {
            set.push(&sample);
        };
        EvalLog::open(&root.join(&log_file)).unwrap().sample_digests(each).unwrap();
        let file =
            |name: &String| Subject { name: name.clone(), digest: file_digest(&root.join(name)).unwrap().digest };
        let closed = run_statement(&run, Some(digest), vec![file(&run_file), file(&log_file)]);
        let run_closed = statement::seal(&closed, &keys).unwrap();
        let samples = statement::seal(&samples_statement(run.id, set.size(), set.root()), &keys).unwrap();
        ledger.record(EventBody::RunClosed { run: run_closed, samples }).unwrap();
        names.extend([run_file, log_file]);
    }
    let part = |name: &String| ph_evidence::edition::Part { name: name.clone(), path: root.join(name) };
    let parts: Vec<_> = names.iter().map(part).collect();
    let statement = edition_statement(manifest.id, 1, commit_parts(&ledger, 1, &parts).unwrap()).unwrap();
    ledger.record(EventBody::ReportAttested { edition: statement::seal(&statement, &keys).unwrap() }).unwrap();
    let head = ledger.head().unwrap();
    ledger.keep_head(&head).unwrap();
    ph_assess::record::write_edition(&ledger, root, &BTreeSet::new(), &root.join("bundle.proof")).unwrap();
}
