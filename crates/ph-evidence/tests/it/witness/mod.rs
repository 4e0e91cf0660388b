//! The witness and its client: the specification's MUSTs over HTTP, power cuts, races, and witnesses that misbehave.

mod client;
mod conformance;
mod power;
mod race;

use std::path::Path;
use std::sync::Arc;

use ph_base::{Clock, Digest, FileLayer, Timestamp};
use ph_evidence::witness::{AcceptedLogs, Answer, ConsistencyError, ConsistencySource, Witness, WitnessState, router};
use ph_proof::merkle::{leaf_hash, plain_tree};
use ph_proof::note::{AddCheckpoint, KeyName, NoteSigner, NoteVerifier, SignedNote, TreeHead, WitnessPolicy};
use ph_testkit::LosingFiles;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(crate) const ORIGIN: &str = "lab.example/p/asm_1";
/// What the clock of the tests says, in seconds.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn signer(name: &str, seed: u8) -> NoteSigner {
    NoteSigner::new(KeyName::new(name).unwrap(), &[seed; 32])
}

/// The log's key as a witness is given it: its name lies above the origins.
pub(crate) fn log_key() -> NoteVerifier {
    signer("lab.example/p", 1).verifier()
}

pub(crate) fn witness_signer() -> NoteSigner {
    signer("w.example", 9)
}

/// A log of which every size can be signed and proved.
#[derive(Clone)]
pub(crate) struct Log {
    origin: String,
    seed: u8,
    leaves: Vec<Digest>,
}

impl Log {
    pub(crate) fn new(origin: &str) -> Self {
        let leaves = (0..200_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        Self { origin: origin.to_owned(), seed: 1, leaves }
    }

    /// The same log with another history from leaf `from` on.
    pub(crate) fn forked(mut self, from: usize) -> Self {
        self.leaves.iter_mut().skip(from).for_each(|leaf| *leaf = leaf_hash(leaf.bytes()));
        self
    }

    pub(crate) fn by(mut self, seed: u8) -> Self {
        self.seed = seed;
        self
    }

    pub(crate) fn head(&self, size: usize) -> TreeHead {
        TreeHead::new(&self.origin, size as u64, *plain_tree::root(&self.leaves[..size]).bytes()).unwrap()
    }

    pub(crate) fn note(&self, size: usize) -> SignedNote {
        self.head(size).sign(&signer(&self.origin, self.seed)).unwrap()
    }

    pub(crate) fn proof(&self, old: usize, new: usize) -> Vec<[u8; 32]> {
        let proof = plain_tree::consistency_proof(old as u64, &self.leaves[..new]).unwrap();
        proof.iter().map(|hash| *hash.bytes()).collect()
    }

    /// A right request.
    pub(crate) fn request(&self, old: usize, new: usize) -> AddCheckpoint {
        AddCheckpoint { old_size: old as u64, proof: self.proof(old, new), note: self.note(new) }
    }
}

impl ConsistencySource for Log {
    fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>, ConsistencyError> {
        let proof = plain_tree::consistency_proof(old, &self.leaves[..usize::try_from(new)?])?;
        Ok(proof)
    }
}

/// A clock that a test sets.
pub(crate) struct SetClock(pub(crate) std::sync::atomic::AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

pub(crate) fn clock() -> Arc<SetClock> {
    Arc::new(SetClock((i64::try_from(NOW).unwrap() * 1000 + 999).into()))
}

pub(crate) fn files() -> Arc<dyn FileLayer> {
    Arc::new(LosingFiles::new(None, 0))
}

/// A witness that keeps its state in `folder`.
pub(crate) fn witness_in(folder: &Path, files: Arc<dyn FileLayer>) -> Witness {
    let logs = AcceptedLogs::new([log_key(), signer("other.example", 2).verifier()]).unwrap();
    Witness::new(witness_signer(), logs, WitnessState::open(folder, files).unwrap(), clock())
}

pub(crate) fn ask(witness: &Witness, request: &AddCheckpoint) -> Answer {
    witness.answer(request.to_string().as_bytes())
}

/// The time of the cosignature in an answer 200, verified.
pub(crate) fn cosigned_at(note: &SignedNote, answer: &str) -> u64 {
    let note = SignedNote::parse(format!("{note}{answer}").as_bytes()).unwrap();
    let key = witness_signer().cosignature_verifier();
    let policy = WitnessPolicy::k_of(1, std::slice::from_ref(&key)).unwrap();
    let evaluation = policy.evaluate(&note).unwrap();
    assert!(evaluation.is_satisfied, "{note}");
    evaluation.signed[key.name().as_str()]
}

/// A router served on a free port for as long as this lives.
pub(crate) struct Served {
    pub(crate) url: String,
    _task: JoinSet<()>,
}

pub(crate) async fn serve_router(router: axum::Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut task = JoinSet::new();
    task.spawn(async move { axum::serve(listener, router).await.unwrap() });
    Served { url, _task: task }
}

pub(crate) async fn serve(witness: Witness) -> Served {
    serve_router(router(Arc::new(witness))).await
}

/// Status, type and body of an answer.
pub(crate) async fn post(served: &Served, body: Vec<u8>) -> (u16, String, String) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.post(format!("{}/add-checkpoint", served.url)).body(body).send().await.unwrap();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    (response.status().as_u16(), kind.unwrap_or_default(), response.text().await.unwrap())
}
