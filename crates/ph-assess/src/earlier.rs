//! An assessment that was broken off, as it lies in its output directory: read to be gone on with.

use std::path::{Path, PathBuf};

use ph_analysis::Conformance;
use ph_base::{Digest, PlanId};
use ph_record::{AssessmentManifest, Plan};
use serde::de::DeserializeOwned;

use crate::change::{Change, changes, list};
use crate::own_plan::PLAN;

/// What an output directory has of an assessment.
#[derive(Debug, Clone)]
pub struct EarlierAssessment {
    /// How far it came.
    pub manifest: AssessmentManifest,
    /// The plan that was locked.
    pub plan: Plan,
    /// What was seen of its endpoints.
    pub conformance: Vec<Conformance>,
}

/// An assessment cannot be gone on with; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum EarlierError {
    /// A file of it cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of it is malformed.
    #[error("`{}` is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The plan is not the one that was locked.
    #[error("`{}` is not the plan that was locked: its digest was {was}, is {is}", path.display())]
    OtherPlan {
        /// The plan's file.
        path: PathBuf,
        /// As `assessment.json` has it.
        was: Digest,
        /// As it is.
        is: Digest,
    },
    /// It would not be the same assessment.
    #[error("the assessment cannot be gone on with, because something has changed: {}", list(changes))]
    Changed {
        /// What.
        changes: Vec<Change>,
    },
}

impl EarlierAssessment {
    /// Reads it, and checks the plan's bytes against the digest noted when it was locked.
    ///
    /// # Errors
    /// [`EarlierError`] where a file is missing or malformed, or the plan has another digest.
    pub fn read(root: &Path) -> Result<Self, EarlierError> {
        let (manifest, _) = read::<AssessmentManifest>(&root.join("assessment.json"))?;
        let path = root.join("plan.json");
        let (plan, is) = read(&path)?;
        if is != manifest.plan_digest {
            return Err(EarlierError::OtherPlan { path, was: manifest.plan_digest, is });
        }
        let seen = root.join("conformance.json");
        let conformance = if seen.exists() { read(&seen)?.0 } else { Vec::new() };
        Ok(Self { manifest, plan, conformance })
    }

    /// Whether what is asked for now is what was planned then.
    ///
    /// # Errors
    /// [`EarlierError::Changed`] with every difference.
    pub fn check(&self, asked: &Plan) -> Result<(), EarlierError> {
        let malformed = |source| EarlierError::Malformed { path: PathBuf::from("plan.json"), source };
        let found = changes(&self.plan, asked, &["id", "created_at"]).map_err(malformed)?;
        if found.is_empty() { Ok(()) } else { Err(EarlierError::Changed { changes: found }) }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<(T, Digest), EarlierError> {
    let bytes = std::fs::read(path).map_err(|source| EarlierError::Read { path: path.to_owned(), source })?;
    let value =
        serde_json::from_slice(&bytes).map_err(|source| EarlierError::Malformed { path: path.to_owned(), source })?;
    Ok((value, Digest::of(&bytes)))
}

/// Whether the plan under which a run was made still lies, as it was locked, in the output directory above the run.
///
/// # Errors
/// [`EarlierError`]; a plan that is not there is one that cannot be shown to be the same.
pub(crate) fn check_plan_of(run: &Path, plan: PlanId) -> Result<(), EarlierError> {
    let own = run.join(PLAN);
    let is = if own.exists() {
        read::<Plan>(&own)?.0.id
    } else {
        let root = run.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        EarlierAssessment::read(root)?.plan.id
    };
    if is == plan {
        return Ok(());
    }
    let change = Change { what: "plan".to_owned(), was: plan.to_string(), is: is.to_string() };
    Err(EarlierError::Changed { changes: vec![change] })
}
