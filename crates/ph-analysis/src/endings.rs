//! Counts of endings and responses of one run.

use std::collections::BTreeMap;

use ph_record::Response;

use crate::run_table::RunTable;

/// Samples × epochs by ending.
pub(crate) fn endings(table: &RunTable) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (_, row) in table.rows() {
        *counts.entry(row.ending.to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Samples × epochs that ended in an error, by ending and failure code.
pub(crate) fn failures(table: &RunTable) -> BTreeMap<(&'static str, String), u64> {
    let mut counts = BTreeMap::new();
    for (_, row) in table.rows() {
        if let Some(code) = &row.error {
            *counts.entry((row.ending, (**code).to_owned())).or_insert(0) += 1;
        }
    }
    counts
}

/// Samples × epochs by response.
pub(crate) fn responses(table: &RunTable) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (_, row) in table.rows() {
        let name = match row.response {
            Some(Response::Answered) => "answered",
            Some(Response::ModelRefusal) => "model refusal",
            Some(Response::SafeguardBlock) => "safeguard block",
            Some(Response::FallbackModel) => "fallback model",
            None => "no response",
        };
        *counts.entry(name.to_owned()).or_insert(0) += 1;
    }
    counts
}
