//! The parts: each what the attested edition committed to.

use std::collections::BTreeMap;

use ph_proof::commitment::Commitment;
use ph_proof::statement::edition::commit_part;

use crate::bundle::Bundle;
use crate::check::{Findings, Found};
use crate::statements::Statements;

/// Whether every part is what was attested; what is withheld is named.
pub(crate) fn parts(bundle: &mut Bundle, statements: &Statements) -> Found {
    let attested = bundle.edition.attested;
    let Some(edition) = statements.editions.get(&attested) else {
        return Found::failed(format!("entry {attested} attests no edition"));
    };
    let (mut findings, mut here) = (Findings::default(), 0);
    if let Some((later, _)) = statements.editions.range(attested + 1..).next() {
        findings.wrong(format!("entry {later} attests a later edition than the one that this bundle has"));
    }
    for (id, run) in &statements.runs {
        if let Some((closed, ..)) = run.closed.as_ref().filter(|(closed, ..)| *closed > attested) {
            findings.wrong(format!("run {id} was closed at entry {closed}, after the report was attested"));
        }
    }
    let committed: BTreeMap<&str, Commitment> =
        edition.parts.iter().map(|part| (part.name.as_str(), part.commitment)).collect();
    if !bundle.edition.parts.keys().map(String::as_str).eq(committed.keys().copied()) {
        findings.wrong("`edition.json` lists other parts than were attested");
    }
    for name in bundle.parts() {
        let Some(commitment) = committed.get(name.as_str()) else {
            findings.wrong(format!("the part `{name}` was not attested"));
            continue;
        };
        match (bundle.salts.get(&name).copied(), bundle.part_digest(&name)) {
            (_, Err(problem)) => findings.wrong(problem),
            (Some(salt), Ok(Some(digest))) if commit_part(&salt, &digest).is_ok_and(|made| made == *commitment) => {
                here += 1;
            }
            (None, _) => findings.wrong(format!("there is no salt for the part `{name}`")),
            _ => findings.wrong(format!("the part `{name}` is not what was attested")),
        }
    }
    let withheld: Vec<&str> = committed.keys().copied().filter(|name| !bundle.has_part(name)).collect();
    if let Some(first) = withheld.first() {
        findings
            .lacking(format!("{} parts are withheld, among them `{first}`; their commitments stand", withheld.len()));
    }
    findings.found(format!("{here} parts, as attested at entry {attested}"))
}
