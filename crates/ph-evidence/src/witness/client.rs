//! Asks witnesses for cosignatures. Nothing that a witness sends is believed: its cosignature is verified here, by the key that
//! the policy has for it.

use std::error::Error;
use std::time::Duration;

use futures::future::join_all;
use ph_base::{Digest, visible};
use ph_proof::note::add_checkpoint::{self, AddCheckpointError};
use ph_proof::note::cosignature::{self, CosignatureError};
use ph_proof::note::policy::PolicyKey;
use ph_proof::note::{
    AddCheckpoint, NoteError, NoteSignature, NoteVerifier, SignedNote, TreeHead, TreeHeadError, WitnessPolicy,
};
use reqwest::Client;

use super::exchange::{ExchangeError, Reply, address, client, post};

/// The type of an answer 409 that says a size.
const SIZE: &str = "text/x.tlog.size";
/// How much of what a witness says an error repeats, in characters.
const SAID_CHARS_MAX: usize = 200;

/// Why the log cannot give a proof; its own error.
pub type ConsistencyError = Box<dyn Error + Send + Sync>;

/// The log's proofs that one tree of its continues another. May read files.
pub trait ConsistencySource: Send + Sync {
    /// The proof from `old` to `new` leaves (RFC 6962 §2.1.2), 0 < `old` < `new`.
    ///
    /// # Errors
    /// [`ConsistencyError`] where it cannot be made; the witness is then not asked.
    fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>, ConsistencyError>;

    /// The size that the witness of this name has cosigned last, as far as the log remembers; 0: unknown, and the witness will
    /// say it.
    fn cosigned_size(&self, witness: &str) -> u64 {
        let _ = witness;
        0
    }
}

/// A witness that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteWitness {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub verifier: NoteVerifier,
    /// Its submission prefix.
    pub url: String,
}

/// How long a witness may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// To connect.
    pub connect: Duration,
    /// From the request to the end of the answer, each time it is asked.
    pub answer: Duration,
}

impl Default for ClientLimits {
    /// 5 s and 10 s.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(10) }
    }
}

/// A witness that has not cosigned.
#[derive(Debug, thiserror::Error)]
#[error("no cosignature of the witness `{witness}`")]
pub struct WitnessError {
    /// Its name in the policy.
    pub witness: String,
    /// Why.
    #[source]
    pub cause: WitnessFault,
}

/// Why a witness has not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum WitnessFault {
    /// The policy has no address for it, or one that cannot be asked.
    #[error("it has no address of `http` or `https` without password and query")]
    Address,
    /// What is to be cosigned is no tree head.
    #[error("what is to be cosigned is not a tree head")]
    TreeHead(#[from] TreeHeadError),
    /// The log cannot prove that its tree continues what the witness has.
    #[error("the log has no proof from the size {old}")]
    Consistency {
        /// What the witness has.
        old: u64,
        /// Why.
        source: ConsistencyError,
    },
    /// No answer.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// It has cosigned a larger tree of the log already.
    #[error("it has cosigned {theirs} leaves already, the tree head has {ours}")]
    Ahead {
        /// What it has cosigned.
        theirs: u64,
        /// What it was asked to cosign.
        ours: u64,
    },
    /// It names another size each time it is asked, or the one that it was just given.
    #[error("it was given a proof from {given} leaves and asks for one from {wanted}")]
    Stale {
        /// What it was given.
        given: u64,
        /// What it asks for.
        wanted: u64,
    },
    /// Another status.
    #[error("it answered with the status {status}: {said}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of what it said, made visible.
        said: String,
    },
    /// Not the form of the protocol.
    #[error("its answer is malformed")]
    Answer(#[from] AddCheckpointError),
    /// No line of its key.
    #[error("its answer holds no cosignature by its key")]
    NotCosigned,
    /// A wrong one.
    #[error("its cosignature is wrong")]
    Wrong(#[from] CosignatureError),
    /// The note cannot take it.
    #[error("the cosignature cannot be put under the note")]
    Note(#[from] NoteError),
}

/// What came of asking all witnesses of a policy.
#[derive(Debug)]
pub struct CosignOutcome {
    /// The note with every cosignature that is right.
    pub note: SignedNote,
    /// Whose there are, by their names in the policy and in its order.
    pub signed: Vec<String>,
    /// Whose there are not, and why.
    pub failed: Vec<(String, WitnessError)>,
    /// Whether the policy's quorum has cosigned.
    pub is_satisfied: bool,
}

/// Asks witnesses.
#[derive(Debug, Clone)]
pub struct WitnessClient {
    http: Client,
    limits: ClientLimits,
}

impl WitnessClient {
    /// A client with these limits.
    ///
    /// # Errors
    /// [`ExchangeError::Connection`] where the machine cannot do TLS.
    pub fn new(limits: ClientLimits) -> Result<Self, ExchangeError> {
        Ok(Self { http: client(limits.connect).map_err(ExchangeError::Connection)?, limits })
    }

    /// Asks one witness to cosign the tree head of `note`. If it has another size than `source` remembers it is asked once more,
    /// with the proof from there.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub async fn cosign(
        &self,
        witness: &RemoteWitness,
        note: &SignedNote,
        source: &dyn ConsistencySource,
    ) -> Result<NoteSignature, WitnessError> {
        let named = |cause| WitnessError { witness: witness.name.clone(), cause };
        self.ask_twice(witness, note, source).await.map_err(named)
    }

    async fn ask_twice(
        &self,
        witness: &RemoteWitness,
        note: &SignedNote,
        source: &dyn ConsistencySource,
    ) -> Result<NoteSignature, WitnessFault> {
        let size = TreeHead::parse(note.unverified_text())?.size();
        let first = source.cosigned_size(&witness.name).min(size);
        let wanted = match self.ask(witness, request(note, first, size, source)?).await? {
            Said::Cosigned(signature) => return Ok(signature),
            Said::Stale(wanted) => wanted,
        };
        if wanted > size {
            return Err(WitnessFault::Ahead { theirs: wanted, ours: size });
        }
        if wanted == first {
            return Err(WitnessFault::Stale { given: first, wanted });
        }
        match self.ask(witness, request(note, wanted, size, source)?).await? {
            Said::Cosigned(signature) => Ok(signature),
            Said::Stale(again) => Err(WitnessFault::Stale { given: wanted, wanted: again }),
        }
    }

    async fn ask(&self, witness: &RemoteWitness, request: AddCheckpoint) -> Result<Said, WitnessFault> {
        let url = address(&witness.url).ok_or(WitnessFault::Address)?;
        let reply = post(&self.http, url, request.to_string(), self.limits.answer).await?;
        match reply.status {
            200 => cosigned(witness, &request.note, &reply).map(Said::Cosigned),
            409 if reply.content_type == SIZE => Ok(Said::Stale(add_checkpoint::parse_conflict(&reply.body)?)),
            status => Err(WitnessFault::Refused { status, said: said(&reply.body) }),
        }
    }

    /// Asks all witnesses of `policy` at once. Those whose right cosignature the note has already are not asked again.
    pub async fn collect(
        &self,
        policy: &WitnessPolicy,
        note: SignedNote,
        source: &dyn ConsistencySource,
    ) -> CosignOutcome {
        let asked = policy.witnesses().iter().map(|witness| self.ask_of_policy(witness, &note, source));
        let answers = join_all(asked).await;
        let mut whole = note;
        let (mut signed, mut failed) = (Vec::new(), Vec::new());
        for (witness, answer) in policy.witnesses().iter().zip(answers) {
            match answer.and_then(|signature| put(&whole, signature, &witness.name)) {
                Ok(note) => {
                    whole = note;
                    signed.push(witness.name.clone());
                }
                Err(error) => failed.push((witness.name.clone(), error)),
            }
        }
        let is_satisfied = policy.is_satisfied_by(|name| signed.iter().any(|signed| signed == name));
        CosignOutcome { note: whole, signed, failed, is_satisfied }
    }

    /// `None`: the note has it already.
    async fn ask_of_policy(
        &self,
        witness: &PolicyKey,
        note: &SignedNote,
        source: &dyn ConsistencySource,
    ) -> Result<Option<NoteSignature>, WitnessError> {
        let named = |cause| WitnessError { witness: witness.name.clone(), cause };
        if let Some(there) = note.signatures().iter().find(|line| witness.verifier.is_named_by(line)) {
            let right = cosignature::verify(note.unverified_text(), &witness.verifier, there);
            return right.map(|_| None).map_err(|error| named(error.into()));
        }
        let url = witness.url.clone().ok_or(WitnessFault::Address).map_err(named)?;
        let remote = RemoteWitness { name: witness.name.clone(), verifier: witness.verifier.clone(), url };
        self.cosign(&remote, note, source).await.map(Some)
    }
}

/// What a witness says that is no failure.
enum Said {
    Cosigned(NoteSignature),
    Stale(u64),
}

fn request(
    note: &SignedNote,
    old: u64,
    size: u64,
    source: &dyn ConsistencySource,
) -> Result<AddCheckpoint, WitnessFault> {
    let needs_none = old == 0 || old == size;
    let proof = if needs_none { Ok(Vec::new()) } else { source.consistency(old, size) };
    let proof = proof.map_err(|source| WitnessFault::Consistency { old, source })?;
    let proof = proof.iter().map(|hash| *hash.bytes()).collect();
    Ok(AddCheckpoint { old_size: old, proof, note: note.clone() })
}

/// The cosignature of an answer 200; lines by other keys are ignored.
fn cosigned(witness: &RemoteWitness, note: &SignedNote, reply: &Reply) -> Result<NoteSignature, WitnessFault> {
    let lines = add_checkpoint::parse_answer(&reply.body)?;
    let ours = lines.into_iter().find(|line| witness.verifier.is_named_by(line)).ok_or(WitnessFault::NotCosigned)?;
    cosignature::verify(note.unverified_text(), &witness.verifier, &ours)?;
    Ok(ours)
}

fn put(note: &SignedNote, signature: Option<NoteSignature>, witness: &str) -> Result<SignedNote, WitnessError> {
    let Some(signature) = signature else { return Ok(note.clone()) };
    let named = |error: NoteError| WitnessError { witness: witness.to_owned(), cause: error.into() };
    note.clone().with(signature).map_err(named)
}

fn said(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).trim().chars().take(SAID_CHARS_MAX).collect();
    visible(&text)
}
