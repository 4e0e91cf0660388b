//! The report attested, part by part, and the bundle made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ph_base::{AssessmentId, RunId};
use ph_evidence::FileLedger;
use ph_evidence::attest::edition_statement;
use ph_evidence::edition::{EditionRequest, Part, commit_parts, write_bundle};
use ph_proof::event::EventBody;
use ph_proof::note::SignedNote;
use ph_proof::statement::{self, EditionPredicate, RunPredicate, Statement};
use ph_record::RunEntry;

use super::run_recorder::log_files;
use super::{Record, RecordKeepError};

/// The file of the bundle in an output directory.
pub(crate) const BUNDLE: &str = "bundle.proof";

/// What the last attestation in a ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The index of its entry.
    pub index: u64,
    /// What it says.
    pub statement: Statement<EditionPredicate>,
}

/// A report that is attested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// Where its bundle is.
    pub bundle: PathBuf,
    /// What came of asking the witnesses for the last tree head.
    pub cosigned: super::Cosigned,
}

impl Record {
    /// Attests the files of an output directory, has the last tree head cosigned, and writes the bundle.
    ///
    /// # Errors
    /// [`RecordKeepError`].
    pub async fn attest(&self, root: &Path, id: AssessmentId, runs: &[RunEntry]) -> Result<Attested, RecordKeepError> {
        let parts = parts(root, runs);
        {
            let ledger = self.ledger();
            let number = attestations(&ledger)?.len() as u64 + 1;
            let statement = edition_statement(id, number, commit_parts(&ledger, number, &parts)?)?;
            let edition = statement::seal(&statement, &[ledger.signer()?.secret_key()])?;
            ledger.record(EventBody::ReportAttested { edition })?;
        }
        let cosigned = self.cosign().await?;
        let bundle = root.join(BUNDLE);
        write_edition(&self.ledger(), root, &BTreeSet::new(), &bundle)?;
        Ok(Attested { bundle, cosigned })
    }
}

/// The files of an output directory that an edition attests.
fn parts(root: &Path, runs: &[RunEntry]) -> Vec<Part> {
    let fixed = [
        "assessment.json",
        "conformance.json",
        "plan.json",
        "report/report.html",
        "report/report.json",
        "report/report.md",
    ];
    let mut names: Vec<String> = fixed.iter().map(|name| (*name).to_owned()).collect();
    for run in runs {
        let dir = root.join("runs").join(run.run.to_string());
        let logs = log_files(&dir).into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        names.extend(["run.json".to_owned()].into_iter().chain(logs).map(|file| format!("runs/{}/{file}", run.run)));
    }
    let part = |name: String| Part { path: root.join(&name), name };
    names.into_iter().map(part).filter(|part| part.path.exists()).collect()
}

/// The attestations in a ledger, oldest first.
fn attestations(ledger: &FileLedger) -> Result<Vec<Attestation>, RecordKeepError> {
    let keys = public_keys(ledger);
    let mut all = Vec::new();
    for entry in ledger.entries() {
        let (index, Some(entry)) = entry? else { continue };
        if let EventBody::ReportAttested { edition } = &entry.event.body {
            all.push(Attestation { index, statement: statement::open(edition, &keys)?.statement });
        }
    }
    Ok(all)
}

fn public_keys(ledger: &FileLedger) -> Vec<ph_proof::ed25519::PublicKey> {
    ledger.keys().keys().iter().map(ph_proof::note::NoteVerifier::public_key).collect()
}

/// The parts of the last attestation, as files below `root`; none where nothing is attested.
///
/// # Errors
/// [`RecordKeepError`].
pub fn attested_parts(ledger: &FileLedger, root: &Path) -> Result<Option<(Attestation, Vec<Part>)>, RecordKeepError> {
    let Some(last) = attestations(ledger)?.pop() else { return Ok(None) };
    let names = last.statement.predicate.parts.iter().map(|part| part.name.clone());
    let parts = names.map(|name| Part { path: root.join(&name), name }).collect();
    Ok(Some((last, parts)))
}

/// The runs that a ledger has closed.
///
/// # Errors
/// [`RecordKeepError`].
pub fn closed_runs(ledger: &FileLedger) -> Result<Vec<RunId>, RecordKeepError> {
    let (keys, mut runs) = (public_keys(ledger), BTreeSet::new());
    for entry in ledger.entries() {
        let Some(entry) = entry?.1 else { continue };
        if let EventBody::RunClosed { run, .. } = &entry.event.body {
            runs.insert(statement::open::<RunPredicate>(run, &keys)?.statement.predicate.run);
        }
    }
    Ok(runs.into_iter().collect())
}

/// The tree heads that a ledger keeps, ascending, the latest among them.
///
/// # Errors
/// [`RecordKeepError`].
pub fn heads(ledger: &FileLedger) -> Result<Vec<SignedNote>, RecordKeepError> {
    let sizes = ledger.kept_sizes()?;
    let mut heads = Vec::new();
    for size in &sizes {
        heads.extend(ledger.kept_head(*size)?);
    }
    if let Some(latest) = ledger.latest_head()?.filter(|_| !sizes.contains(&ledger.signed_size().unwrap_or(0))) {
        heads.push(latest);
    }
    Ok(heads)
}

/// Writes a bundle of the last attestation in a ledger, without the parts that are named.
///
/// # Errors
/// [`RecordKeepError`]; [`ph_evidence::edition::BundleError::NoPart`] where a name is no part's, or nothing was attested.
pub fn write_edition(
    ledger: &FileLedger,
    root: &Path,
    withheld: &BTreeSet<String>,
    out: &Path,
) -> Result<(), RecordKeepError> {
    let no_part = |name: &str| ph_evidence::edition::BundleError::NoPart(name.to_owned());
    let (last, parts) = attested_parts(ledger, root)?.ok_or_else(|| no_part("report/report.json"))?;
    if let Some(unknown) = withheld.iter().find(|name| parts.iter().all(|part| part.name != **name)) {
        return Err(no_part(unknown).into());
    }
    let attested_number = last.statement.predicate.number;
    let request = EditionRequest {
        attested: last.index,
        attested_number,
        number: if withheld.is_empty() { 1 } else { 2 },
        parts: &parts,
        withheld,
        runs: &closed_runs(ledger)?,
        heads: &heads(ledger)?,
    };
    Ok(write_bundle(ledger, &request, out)?)
}
