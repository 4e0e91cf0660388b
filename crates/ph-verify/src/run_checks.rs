//! The runs: closed as they were opened, their files and samples those of the statements.

use std::collections::BTreeMap;
use std::path::Path;

use ph_base::{RunId, Timestamp};
use ph_evallog::{EvalLog, ReadLimits, SampleContext, sample_in};
use ph_proof::commitment::SaltKey;
use ph_proof::sample_set::SampleSet;
use ph_proof::statement::{RunKind, RunPredicate, Statement};
use ph_record::{RunManifest, SampleRecord};

use crate::bundle::Bundle;
use crate::check::{Findings, Found};
use crate::statements::Statements;

/// The part that holds a run's manifest.
pub(crate) fn manifest_part(run: &RunId) -> String {
    format!("runs/{run}/run.json")
}

/// The log files of a run that are here, in the order of their numbers.
pub(crate) fn log_parts(bundle: &Bundle, run: &RunId) -> Vec<String> {
    let prefix = format!("runs/{run}/log-");
    let mut logs: Vec<String> = bundle.parts().into_iter().filter(|name| name.starts_with(&prefix)).collect();
    // From the thousandth file on a number has more digits.
    logs.sort_by_key(|name| (name.len(), name.clone()));
    logs
}

/// A log of the bundle.
pub(crate) fn log(bundle: &Bundle, name: &str) -> Result<EvalLog, String> {
    let file = bundle.part_range(name).ok_or_else(|| format!("`{name}` is withheld"))?;
    EvalLog::within(Path::new(name), file, ReadLimits::default()).map_err(|error| error.to_string())
}

/// Calls `each` with every record of a log.
pub(crate) fn each_record(
    log: &EvalLog,
    context: &SampleContext,
    mut each: impl FnMut(SampleRecord),
) -> Result<(), String> {
    let read = log.each_place(|place| {
        let sample = log.sample_at(&place)?;
        let record = sample_in(sample, context).map_err(|problem| log.sample_error(&place, problem))?;
        each(record);
        Ok::<_, ph_evallog::LogError>(())
    });
    read.map_err(|error| error.to_string())
}

/// When the first sample of every closed run began: by its statement.
pub(crate) fn first_starts(statements: &Statements) -> BTreeMap<RunId, Timestamp> {
    statements.closed().map(|(id, run, _)| (*id, run.predicate.started_at)).collect()
}

/// Whether every run that was opened was closed, and its files are those of the statement.
pub(crate) fn runs(bundle: &mut Bundle, statements: &Statements) -> Found {
    let (mut findings, mut files) = (Findings::default(), 0);
    for (id, run) in &statements.runs {
        let Some((closed, statement, _)) = &run.closed else {
            findings.wrong(format!("run {id} was opened and never closed: what it gave is not in the record"));
            continue;
        };
        match run.opened.first() {
            None if statements.is_partial => findings.lacking(format!("the opening of run {id} is withheld")),
            None => findings.wrong(format!("run {id} was closed at entry {closed} and never opened")),
            Some((opened, kind, plan, _)) => {
                let same = *kind == statement.predicate.kind && *plan == statement.predicate.plan;
                if opened > closed || !same {
                    findings.wrong(format!(
                        "run {id} was closed (entry {closed}) as another than it was opened (entry {opened})"
                    ));
                }
            }
        }
        files += run_files(bundle, (id, statement), &mut findings);
    }
    if statements.runs.is_empty() && statements.is_partial {
        findings.lacking("no run is in this edition");
    }
    findings.found(format!("{} runs, {files} files as their statements say", statements.runs.len()))
}

/// Compares a run's files; how many are here.
fn run_files(bundle: &mut Bundle, (id, statement): (&RunId, &Statement<RunPredicate>), findings: &mut Findings) -> u64 {
    let mut here = 0;
    for subject in &statement.subject {
        match bundle.part_digest(&subject.name) {
            Ok(Some(digest)) if digest == subject.digest => here += 1,
            Ok(Some(_)) => findings.wrong(format!("`{}` is not the file that was closed", subject.name)),
            Ok(None) => findings.lacking(format!("`{}` is withheld", subject.name)),
            Err(problem) => findings.wrong(problem),
        }
    }
    let prefix = format!("runs/{id}/");
    let known = |name: &String| statement.subject.iter().any(|subject| subject.name == *name);
    for name in bundle.parts().iter().filter(|name| name.starts_with(&prefix) && !known(name)) {
        findings.wrong(format!("`{name}` is no file of the run as it was closed"));
    }
    if let Ok(Some(bytes)) = bundle.part(&manifest_part(id)) {
        match serde_json::from_slice::<RunManifest>(&bytes) {
            Ok(manifest) if says(&statement.predicate, &manifest) => {}
            Ok(_) => findings.wrong(format!("the statement on run {id} says something else than its `run.json`")),
            Err(error) => findings.wrong(format!("`{}`: {error}", manifest_part(id))),
        }
    }
    here
}

/// Whether a statement says of a run what its manifest does.
fn says(predicate: &RunPredicate, manifest: &RunManifest) -> bool {
    let kind = match manifest.kind {
        ph_record::RunKind::Exploratory => RunKind::Exploratory,
        ph_record::RunKind::Confirmatory => RunKind::Confirmatory,
    };
    let status = serde_json::to_value(manifest.status).ok();
    predicate.run == manifest.id
        && predicate.kind == kind
        && predicate.task == manifest.task_digest
        && predicate.fingerprint == manifest.fingerprint
        && predicate.samples == manifest.samples
        && predicate.errors == manifest.errors()
        && predicate.started_at == manifest.started_at
        && predicate.completed_at == manifest.completed_at
        && status.as_ref().and_then(|status| status.as_str()) == Some(predicate.status.as_str())
}

/// The tree over every run's samples, made again.
pub(crate) fn samples(bundle: &Bundle, statements: &Statements) -> Found {
    let (mut findings, mut count) = (Findings::default(), 0);
    for (id, _, statement) in statements.closed() {
        let logs = log_parts(bundle, id);
        let key = bundle.edition.samples.get(&id.to_string()).copied().flatten();
        let (Some(key), false) = (key, logs.is_empty() && statement.predicate.size > 0) else {
            findings.lacking(format!("the samples of run {id} are withheld"));
            continue;
        };
        let mut set = SampleSet::new(SaltKey::new(key.0));
        let read = logs.iter().try_for_each(|name| {
            let each = |digest| {
                set.push(&digest);
            };
            log(bundle, name)?.sample_digests(each).map_err(|error| error.to_string())
        });
        if let Err(problem) = read {
            findings.wrong(problem);
        } else if set.size() != statement.predicate.size || set.root() != statement.subject[0].digest {
            findings.wrong(format!("the samples of run {id} are not those that were closed"));
        }
        count += set.size();
    }
    findings.found(format!("{count} samples, as their runs were closed"))
}
