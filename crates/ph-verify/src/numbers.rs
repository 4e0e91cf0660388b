//! Every number of the report, made again from plan, runs and logs.

use std::collections::BTreeMap;

use ph_analysis::{AnalysisInput, Companion, Conformance, ReportData, Run, RunTable, analyse};
use ph_base::RunId;
use ph_evallog::SampleContext;
use ph_record::{AssessmentManifest, Plan, RunManifest};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bundle::Bundle;
use crate::check::{Findings, Found};
use crate::plan_checks::PLAN;
use crate::run_checks::{each_record, log, log_parts, manifest_part};
use crate::statements::Statements;

const ASSESSMENT: &str = "assessment.json";
const CONFORMANCE: &str = "conformance.json";
const REPORT: &str = "report/report.json";

/// Compares `report.json` with what the analysis gives. The report that was read, where it is one.
pub(crate) fn numbers(bundle: &mut Bundle, statements: &Statements) -> (Found, Option<ReportData>) {
    let report: Value = match read(bundle, REPORT) {
        Ok(Some(report)) => report,
        Ok(None) => return (Found::not_checkable("the report is withheld"), None),
        Err(problem) => return (Found::failed(problem), None),
    };
    let parsed = serde_json::from_value(report.clone());
    let found = match (recomputed(bundle, statements), &parsed) {
        (Err(Lack::Wrong(problem)), _) => Found::failed(problem),
        (_, Err(error)) => Found::failed(format!("`{REPORT}` is no report of this version: {error}")),
        (Err(Lack::Withheld(what)), _) => Found::not_checkable(what),
        (Ok((again, samples)), Ok(_)) => compared(&report, &again, samples),
    };
    (found, parsed.ok())
}

fn compared(report: &Value, again: &ReportData, samples: u64) -> Found {
    let Ok(again) = serde_json::to_value(again) else { return Found::failed("the report cannot be made again") };
    let mut findings = Findings::default();
    for difference in differences(report, &again) {
        findings.wrong(format!("`{REPORT}` at {difference}"));
    }
    findings.found(format!("the report is what {samples} samples give, analysed again"))
}

/// What stands in the way of making the report again.
enum Lack {
    Wrong(String),
    Withheld(String),
}

fn recomputed(bundle: &mut Bundle, statements: &Statements) -> Result<(ReportData, u64), Lack> {
    let plan: Plan = needed(bundle, PLAN)?;
    let manifest: AssessmentManifest = needed(bundle, ASSESSMENT)?;
    let digest = bundle.part_digest(PLAN).map_err(Lack::Wrong)?;
    if digest != Some(manifest.plan_digest) {
        return Err(Lack::Wrong(format!("`{ASSESSMENT}` is of another plan than `{PLAN}`")));
    }
    let is_reported = |id: &&RunId| manifest.runs.iter().any(|entry| entry.run == **id);
    if let Some(id) = statements.runs.keys().find(|id| !is_reported(id)) {
        return Err(Lack::Wrong(format!(
            "run {id} is in the ledger and not in `{ASSESSMENT}`: the report leaves it out"
        )));
    }
    let is_listed = bundle.edition.parts.contains_key(CONFORMANCE);
    let conformance: Vec<Conformance> = if is_listed { needed(bundle, CONFORMANCE)? } else { Vec::new() };
    let (mut runs, mut companions, mut samples) = (Vec::new(), Vec::new(), 0);
    for entry in &manifest.runs {
        let run: RunManifest = needed(bundle, &manifest_part(&entry.run))?;
        if run.id != entry.run {
            return Err(Lack::Wrong(format!("`{}` is of run {}", manifest_part(&entry.run), run.id)));
        }
        let table = table(bundle, &run)?;
        samples += table.len() as u64;
        let run = Run { manifest: run, table };
        match &entry.items_of {
            Some(assessed) => companions.push(Companion { assessed: assessed.clone(), run }),
            None => runs.push(run),
        }
    }
    Ok((analyse(&AnalysisInput { manifest, plan, runs, companions, conformance }), samples))
}

fn table(bundle: &Bundle, run: &RunManifest) -> Result<RunTable, Lack> {
    let mut table = RunTable::new(&run.task);
    let logs = log_parts(bundle, &run.id);
    if logs.is_empty() {
        return Err(Lack::Withheld(format!("the logs of run {} are withheld", run.id)));
    }
    let context = SampleContext { run: run.id, task: run.task.name.clone() };
    for name in logs {
        let log = log(bundle, &name).map_err(Lack::Wrong)?;
        each_record(&log, &context, |record| table.observe(&record)).map_err(Lack::Wrong)?;
    }
    Ok(table)
}

fn needed<T: DeserializeOwned>(bundle: &mut Bundle, name: &str) -> Result<T, Lack> {
    read(bundle, name).map_err(Lack::Wrong)?.ok_or_else(|| Lack::Withheld(format!("`{name}` is withheld")))
}

fn read<T: DeserializeOwned>(bundle: &mut Bundle, name: &str) -> Result<Option<T>, String> {
    let Some(bytes) = bundle.part(name)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| format!("`{name}`: {error}"))
}

/// Where two documents differ: the path, what stands in the first, what the second has.
#[must_use]
pub fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut all = Vec::new();
    differ(one, other, "", &mut all);
    all
}

fn differ(one: &Value, other: &Value, path: &str, all: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeMap<&String, ()> = one.keys().chain(other.keys()).map(|name| (name, ())).collect();
            for name in names.into_keys() {
                let of = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
                differ(&of(one), &of(other), &format!("{path}/{name}"), all);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differ(one, other, &format!("{path}/{index}"), all);
            }
        }
        _ if one == other => {}
        _ => all.push(format!("`{path}` says {}, the records give {}", shown(one), shown(other))),
    }
}

/// The beginning of a value's JSON.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { format!("{}…", text.chars().take(79).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_the_place_and_both_values() {
        let one = json!({ "a": [1, { "b": 0.5 }], "same": "x" });
        let other = json!({ "a": [1, { "b": 0.25 }], "same": "x", "more": 1 });
        assert_eq!(
            differences(&one, &other),
            ["`/a/1/b` says 0.5, the records give 0.25", "`/more` says null, the records give 1"]
        );
        assert!(differences(&one, &one).is_empty());
        assert_eq!(differences(&json!([1]), &json!([1, 2])).len(), 1);
    }
}
