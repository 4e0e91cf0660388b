//! `key` and `witness`: keys are made and shown, a witness cosigns, is ended, and goes on where it was.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ph_base::Digest;
use ph_evidence::witness::{ClientLimits, ConsistencyError, ConsistencySource, CosignOutcome, WitnessClient};
use ph_proof::merkle::{leaf_hash, plain_tree};
use ph_proof::note::{KeyName, NoteSigner, NoteVerifier, TreeHead, WitnessPolicy};
use serde_json::Value;

use crate::program::{json_in, proofhouse, run_in, talk};

/// A log of a hundred leaves.
struct Log {
    signer: NoteSigner,
    leaves: Vec<Digest>,
}

impl Log {
    fn new(signer: &NoteSigner, history: &str) -> Self {
        let signer = signer.renamed(KeyName::new(&format!("{}/asm_1", signer.name())).unwrap());
        Self { signer, leaves: (0..100).map(|n| leaf_hash(format!("{history} {n}").as_bytes())).collect() }
    }

    /// Asks the witnesses of `policy` to cosign the first `size` leaves.
    fn cosign(&self, policy: &WitnessPolicy, size: usize) -> CosignOutcome {
        let root = plain_tree::root(&self.leaves[..size]);
        let head = TreeHead::new(self.signer.name().as_str(), size as u64, *root.bytes()).unwrap();
        let client = WitnessClient::new(ClientLimits::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(client.collect(policy, head.sign(&self.signer).unwrap(), self))
    }
}

impl ConsistencySource for Log {
    fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>, ConsistencyError> {
        Ok(plain_tree::consistency_proof(old, &self.leaves[..usize::try_from(new)?])?)
    }
}

/// A witness that is served for as long as this lives.
pub(crate) struct Served {
    child: Child,
    pub(crate) policy: WitnessPolicy,
}

impl Served {
    pub(crate) fn start(folder: &Path, log: &str) -> Self {
        let arguments = ["witness", "serve", "--key", "w.key", "--state", "state", "--port", "0", "--log", log];
        let mut command = proofhouse(&arguments);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.next().unwrap();
        assert!(address.starts_with("listening on http://127.0.0.1:"), "{address}");
        let line = lines.next().unwrap();
        let name = line.split(' ').nth(1).unwrap();
        let policy = WitnessPolicy::parse(format!("{line}\nquorum {name}\n").as_bytes()).unwrap();
        Self { child, policy }
    }

    /// Ends it as a service manager does; its exit code.
    fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already, which the test has then seen.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn keys_are_made_once_and_shown_without_their_secret() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let made = run_in(here, &["key", "new", "lab.example/p", "--out", "log.key"]);
    assert_eq!(made.status.code(), Some(0), "{}", talk(&made));
    let path = here.join("log.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let secret = std::fs::read_to_string(&path).unwrap();
    let signer = NoteSigner::from_secret_text(secret.trim()).unwrap();
    assert_eq!(String::from_utf8_lossy(&made.stdout), format!("{}\n", signer.verifier()));
    let shown = run_in(here, &["key", "show", "log.key", "--witness"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), format!("{}\n", signer.cosignature_verifier()));
    assert_eq!(talk(&shown), "");
    let (code, shown) = json_in(here, &["key", "show", "log.key", "--json"]);
    assert_eq!((code, &shown["log"]), (Some(0), &Value::from(signer.verifier().to_string())));
    let again = run_in(here, &["key", "new", "other.example", "--out", "log.key"]);
    assert_eq!((again.status.code(), std::fs::read_to_string(&path).unwrap()), (Some(2), secret.clone()));
    let other = run_in(here, &["key", "new", "lab.example/p", "--out", "other.key"]);
    assert_ne!(other.stdout, made.stdout, "every key is another one");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = talk(&run_in(here, &["key", "show", "log.key"]));
    assert!(said.contains("others can read"), "{said}");
    std::fs::write(&path, secret.replace("lab", "bal")).unwrap();
    let refused = run_in(here, &["key", "show", "log.key"]);
    let hidden = secret.trim().rsplit('+').next().unwrap();
    assert!(refused.status.code() == Some(3) && !talk(&refused).contains(hidden), "{}", talk(&refused));
}

#[test]
fn a_witness_cosigns_one_history_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    run_in(here, &["key", "new", "w.example/1", "--out", "w.key"]);
    run_in(here, &["key", "new", "lab.example/p", "--out", "log.key"]);
    let text = std::fs::read_to_string(here.join("log.key")).unwrap();
    let signer = NoteSigner::from_secret_text(text.trim()).unwrap();
    let (log, other) = (Log::new(&signer, "one"), Log::new(&signer, "two"));
    let vkey = signer.verifier().to_string();
    std::fs::write(here.join("logs.txt"), format!("# our logs\n\n{vkey}\n")).unwrap();

    let served = Served::start(here, &vkey);
    assert!(log.cosign(&served.policy, 5).is_satisfied);
    let outcome = log.cosign(&served.policy, 40);
    assert!(outcome.is_satisfied && served.policy.evaluate(&outcome.note).unwrap().is_satisfied);
    let second =
        run_in(here, &["witness", "serve", "--key", "w.key", "--state", "state", "--port", "0", "--log", &vkey]);
    assert_eq!(second.status.code(), Some(9), "two witnesses share no state: {}", talk(&second));
    assert_eq!(served.terminate(), Some(0));

    let served = Served::start(here, "logs.txt");
    for size in [39, 40, 41] {
        assert!(!other.cosign(&served.policy, size).is_satisfied, "another history at {size}");
    }
    assert!(!log.cosign(&served.policy, 12).is_satisfied, "a rollback");
    assert!(log.cosign(&served.policy, 41).is_satisfied);
    let evidence: Vec<_> = std::fs::read_dir(here.join("state/evidence")).unwrap().collect();
    assert_eq!(evidence.len(), 1, "two trees of 40 leaves were signed");
}

#[test]
fn the_witness_is_told_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (_, witness) = json_in(here, &["key", "new", "w.example/1", "--out", "w.key", "--json"]);
    let (_, log) = json_in(here, &["key", "new", "lab.example/p", "--out", "log.key", "--json"]);
    let vkey = log["log"].as_str().unwrap();
    let arguments = ["witness", "serve", "--key", "w.key", "--state", "state", "--port", "0", "--json", "--log", vkey];
    let mut command = proofhouse(&arguments);
    let mut child = command.current_dir(here).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut documents = serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<Value>();
    let told = documents.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((&told["key"], &told["logs"][0]), (&witness["witness"], &log["log"]));
    assert!(told["address"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let key: NoteVerifier = told["key"].as_str().unwrap().parse().unwrap();
    assert_eq!(key.name().as_str(), "w.example/1");
}
