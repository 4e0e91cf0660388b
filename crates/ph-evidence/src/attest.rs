//! Plans, runs and editions as statements: what is said of them is ids, digests and numbers, nothing else.

use ph_base::{AssessmentId, Digest, RunId};
use ph_proof::commitment::Commitment;
use ph_proof::statement::{
    EditionPredicate, PartCommitment, PlanPredicate, PlanTask, RunKind, RunPredicate, SamplesPredicate, Statement,
    StatementError, Subject, edition, samples,
};
use ph_record::{Plan, RunManifest, RunStatus};

/// The statement on a plan; `digest` is that of the bytes of `plan.json`.
#[must_use]
pub fn plan_statement(plan: &Plan, digest: Digest) -> Statement<PlanPredicate> {
    let task =
        |task: &ph_record::PlannedTask| PlanTask { digest: task.digest, epochs: task.epochs, samples: task.samples };
    Statement {
        subject: vec![Subject { name: "plan.json".to_owned(), digest }],
        predicate: PlanPredicate {
            kind: kind(plan.kind),
            locked_at: plan.created_at,
            plan: plan.id,
            seed: plan.seed.to_string(),
            targets: plan.targets.iter().map(|target| target.fingerprint).collect(),
            tasks: plan.tasks.iter().map(task).collect(),
        },
    }
}

/// The statement on a run that has ended: `plan` is the digest of its plan, `files` its `run.json` and logs by their parts' names.
#[must_use]
pub fn run_statement(manifest: &RunManifest, plan: Option<Digest>, files: Vec<Subject>) -> Statement<RunPredicate> {
    Statement {
        subject: files,
        predicate: RunPredicate {
            completed_at: manifest.completed_at,
            errors: manifest.errors(),
            fingerprint: manifest.fingerprint,
            kind: kind(manifest.kind),
            plan,
            run: manifest.id,
            samples: manifest.samples,
            started_at: manifest.started_at,
            status: status(manifest.status).to_owned(),
            task: manifest.task_digest,
        },
    }
}

/// The statement on a run's samples, of which size and root of the tree are given.
#[must_use]
pub fn samples_statement(run: RunId, size: u64, root: Digest) -> Statement<SamplesPredicate> {
    Statement {
        subject: vec![Subject { name: samples::SUBJECT.to_owned(), digest: root }],
        predicate: SamplesPredicate { run, size },
    }
}

/// The statement on an edition's parts, which are put in order.
///
/// # Errors
/// [`StatementError`] where the list cannot be written.
pub fn edition_statement(
    assessment: AssessmentId,
    number: u64,
    parts: impl IntoIterator<Item = (String, Commitment)>,
) -> Result<Statement<EditionPredicate>, StatementError> {
    let mut parts: Vec<PartCommitment> =
        parts.into_iter().map(|(name, commitment)| PartCommitment { commitment, name }).collect();
    parts.sort_by(|one, next| one.name.cmp(&next.name));
    let predicate = EditionPredicate { assessment, number, parts };
    let digest = predicate.parts_digest()?;
    Ok(Statement { subject: vec![Subject { name: edition::SUBJECT.to_owned(), digest }], predicate })
}

/// The kind of a run or plan.
#[must_use]
pub fn kind(kind: ph_record::RunKind) -> RunKind {
    match kind {
        ph_record::RunKind::Exploratory => RunKind::Exploratory,
        ph_record::RunKind::Confirmatory => RunKind::Confirmatory,
    }
}

/// The status as records write it.
fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Started => "started",
        RunStatus::Success => "success",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Error => "error",
    }
}
