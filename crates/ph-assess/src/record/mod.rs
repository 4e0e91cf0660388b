//! The record of an assessment or of one run: its ledger, what is put into it and when (`docs/ledger.md`).

mod attest;
mod run_recorder;

pub use attest::{Attestation, Attested, attested_parts, closed_runs, heads, write_edition};

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ph_base::{Digest, Disk, chain};
use ph_evidence::attest::plan_statement;
use ph_evidence::edition::BundleError;
use ph_evidence::witness::ConsistencySource;
use ph_evidence::{FileLedger, LedgerError, LedgerSetup};
use ph_proof::event::EventBody;
use ph_proof::note::{KeyError, KeyName, SignedNote};
use ph_proof::statement::{self, PlanPredicate, StatementError};
use ph_record::{Plan, Recorder};

use crate::house::{House, Progress};
use crate::keeper::Keeper;
use run_recorder::RunRecorder;

/// The folder of a ledger in the directory that it is of.
pub const LEDGER: &str = "ledger";

/// The record cannot be kept: what it should hold does not happen.
#[derive(Debug, thiserror::Error)]
pub enum RecordKeepError {
    /// The ledger cannot be written or read.
    #[error("the ledger cannot be kept")]
    Ledger(#[from] LedgerError),
    /// The name of the key makes no origin.
    #[error("the ledger's origin cannot be named")]
    Origin(#[from] KeyError),
    /// A statement cannot be made.
    #[error("a statement for the ledger cannot be made")]
    Statement(#[from] StatementError),
    /// The bundle cannot be made.
    #[error("the bundle cannot be made")]
    Bundle(#[from] BundleError),
    /// The plan's tree head lacks the quorum of witnesses.
    #[error("the plan's tree head lacks the quorum of witnesses: {}", list(failed))]
    NotCosigned {
        /// Each witness that did not, and why.
        failed: Vec<(String, String)>,
    },
    /// The file of a run cannot be read.
    #[error("the run's log cannot be read")]
    Log(#[from] ph_evallog::LogError),
}

fn list(failed: &[(String, String)]) -> String {
    if failed.is_empty() {
        return "the policy asks for more than it names".to_owned();
    }
    failed.iter().map(|(name, why)| format!("`{name}`: {why}")).collect::<Vec<_>>().join("; ")
}

/// A ledger that is being written, shared by the runs of an assessment.
pub struct Record {
    ledger: Mutex<FileLedger>,
    keeper: Keeper,
}

/// What came of asking the witnesses for the latest tree head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cosigned {
    /// Who cosigned.
    pub signed: Vec<String>,
    /// Who did not, and why.
    pub failed: Vec<(String, String)>,
    /// Whether the quorum did. Where nobody was to be asked it did not.
    pub is_satisfied: bool,
}

impl Record {
    /// Opens the ledger in `dir/ledger`, or makes it there; `subject` is the id of the assessment or run.
    ///
    /// # Errors
    /// [`RecordKeepError`].
    pub fn open(dir: &Path, subject: &str, keeper: &Keeper, house: &House) -> Result<Self, RecordKeepError> {
        let place = dir.join(LEDGER);
        let origin = KeyName::new(&format!("{}/{subject}", keeper.key.name().as_str()))?;
        let setup = LedgerSetup {
            signer: keeper.key.renamed(origin),
            subject: subject.to_owned(),
            program: house.program.clone(),
            clock: house.clock.clone(),
            random: keeper.random.clone(),
            files: Arc::new(Disk),
        };
        let is_there = place.join("ledger.json").exists();
        let ledger = if is_there { FileLedger::open(&place, setup)? } else { FileLedger::create(&place, setup)? };
        Ok(Self { ledger: Mutex::new(ledger), keeper: keeper.clone() })
    }

    /// Locks a plan: records it unless it is recorded already, signs a tree head that covers it, and has that cosigned.
    ///
    /// # Errors
    /// [`RecordKeepError`].
    pub async fn lock_plan(&self, plan: &Plan, digest: Digest) -> Result<Cosigned, RecordKeepError> {
        self.record_plan(plan, digest)?;
        self.cosign().await
    }

    fn record_plan(&self, plan: &Plan, digest: Digest) -> Result<(), RecordKeepError> {
        let ledger = self.ledger();
        for entry in ledger.entries() {
            let Some(entry) = entry?.1 else { continue };
            if let EventBody::PlanLocked { plan } = &entry.event.body {
                let keys = [ledger.signer()?.secret_key().public_key()];
                let locked = statement::open::<PlanPredicate>(plan, &keys);
                if locked.is_ok_and(|locked| locked.statement.subject.iter().any(|subject| subject.digest == digest)) {
                    return Ok(());
                }
            }
        }
        let plan = statement::seal(&plan_statement(plan, digest), &[ledger.signer()?.secret_key()])?;
        ledger.record(EventBody::PlanLocked { plan })?;
        Ok(())
    }

    /// Signs a tree head of everything that is recorded, asks the witnesses for it where there are any, and keeps it.
    ///
    /// # Errors
    /// [`RecordKeepError`] where the ledger cannot be written; a witness that does not cosign is no error.
    pub async fn cosign(&self) -> Result<Cosigned, RecordKeepError> {
        let note = self.ledger().head()?;
        let Some(witnesses) = &self.keeper.witnesses else {
            self.ledger().keep_head(&note)?;
            return Ok(Cosigned::default());
        };
        let outcome = witnesses.client.collect(&witnesses.policy, note, &Proofs(self)).await;
        self.ledger().keep_head(&outcome.note)?;
        let failed = outcome.failed.iter().map(|(name, error)| (name.clone(), chain(error))).collect();
        Ok(Cosigned { signed: outcome.signed, failed, is_satisfied: outcome.is_satisfied })
    }

    /// Whether what was asked of the witnesses is enough to begin: their quorum, where there are any.
    ///
    /// # Errors
    /// [`RecordKeepError::NotCosigned`].
    pub fn require(&self, cosigned: Cosigned, progress: &dyn Progress) -> Result<Cosigned, RecordKeepError> {
        progress.cosigned(&cosigned);
        if self.has_witnesses() && !cosigned.is_satisfied {
            return Err(RecordKeepError::NotCosigned { failed: cosigned.failed });
        }
        Ok(cosigned)
    }

    /// The latest tree head, with its cosignatures.
    ///
    /// # Errors
    /// [`RecordKeepError::Ledger`].
    pub fn latest_head(&self) -> Result<Option<SignedNote>, RecordKeepError> {
        Ok(self.ledger().latest_head()?)
    }

    /// Whether witnesses are asked.
    #[must_use]
    pub fn has_witnesses(&self) -> bool {
        self.keeper.witnesses.is_some()
    }

    /// Puts the opening and the closing of a run into the ledger; `plan` is the digest of its plan.
    #[must_use]
    pub fn recorder(self: &Arc<Self>, run_dir: &Path, plan: Option<Digest>) -> Box<dyn Recorder> {
        Box::new(RunRecorder::new(Arc::clone(self), run_dir.to_owned(), plan))
    }

    /// Calls `with` with the ledger, which nobody else uses meanwhile.
    pub fn with_ledger<T>(&self, with: impl FnOnce(&FileLedger) -> T) -> T {
        with(&self.ledger())
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, FileLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The proofs that witnesses ask for.
struct Proofs<'a>(&'a Record);

impl ConsistencySource for Proofs<'_> {
    fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.ledger().consistency(old, new)?)
    }
}
