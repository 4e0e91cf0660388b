//! The JSON Schema of `report.json`, made from the types that write it. The checked-in copy is
//! `docs/report.schema.json`; a test compares the two.

use ph_analysis::ReportData;
use schemars::generate::SchemaSettings;

/// The schema (draft 2020-12) of a report's data as it is written, pretty-printed and ending in a line feed.
#[must_use]
pub fn json_schema() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<ReportData>();
    format!("{:#}\n", schema.to_value())
}
