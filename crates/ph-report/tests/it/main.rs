//! The JSON Schema of `report.json`: the checked-in copy is current, and real data agrees with it.
#![allow(clippy::unwrap_used, reason = "tests")]

use ph_analysis::ReportData;
use serde_json::Value;

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.schema.json");
/// The report of a whole assessment of the reference models, without most of its transcripts.
const REPORT: &str = include_str!("report.json");

#[test]
fn the_checked_in_schema_is_current() {
    let made = ph_report::json_schema();
    if std::env::var_os("UPDATE_REPORT_SCHEMA").is_some() {
        std::fs::write(CHECKED_IN, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
    assert!(
        checked_in == made,
        "docs/report.schema.json is not what the types say; run this test with UPDATE_REPORT_SCHEMA=1 and look at the difference"
    );
}

fn schema() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&ph_report::json_schema()).unwrap()).unwrap()
}

/// The report as this program writes it.
fn report() -> Value {
    serde_json::to_value(serde_json::from_str::<ReportData>(REPORT).unwrap()).unwrap()
}

#[test]
fn a_real_report_agrees_with_the_schema() {
    let validator = schema();
    let wrong: Vec<String> = validator.iter_errors(&report()).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let validator = schema();
    for (place, value) in [
        ("/version", Value::from("one")),
        ("/findings", Value::Null),
        ("/plan/kind", Value::from("guess")),
        ("/results/0/estimates/0/limits/method", Value::from("magic")),
        ("/comparisons/0/outcome", Value::from("passed")),
    ] {
        let mut data = report();
        *data.pointer_mut(place).unwrap() = value;
        assert!(!validator.is_valid(&data), "{place}");
    }
}

#[test]
fn a_real_report_becomes_a_page_and_a_summary() {
    let data: ReportData = serde_json::from_str(REPORT).unwrap();
    let page = ph_report::html(&data).unwrap();
    let summary = ph_report::markdown(&data);
    for finding in &data.findings {
        let name = finding.target.to_string();
        assert!(page.contains(&name) && summary.contains(&name));
    }
    assert_eq!(summary.matches("**finding**").count(), data.findings.len());
}
