//! All checks of a bundle, in their order.

use std::path::{Path, PathBuf};

use ph_analysis::ReportData;

use crate::bundle::Bundle;
use crate::check::{Check, Findings, Found, Verification};
use crate::ledger_checks::Ledger;
use crate::statements::Statements;
use crate::trust::Trust;
use crate::{numbers, part_checks, plan_checks, run_checks, statements};

/// Makes the pages of a report again, where the program can.
pub trait Pages {
    /// The pages by the names of their parts.
    ///
    /// # Errors
    /// Why they cannot be made, in words.
    fn pages(&self, report: &ReportData) -> Result<Vec<(String, Vec<u8>)>, String>;
}

/// What to verify.
pub struct VerifyRequest<'a> {
    /// The bundle.
    pub bundle: &'a Path,
    /// Openings of parts that it withholds.
    pub openings: &'a [PathBuf],
    /// Whom to trust.
    pub trust: &'a Trust,
    /// The maker of pages; without one they cannot be checked.
    pub pages: Option<&'a dyn Pages>,
}

/// Makes every check. Never fails: what cannot be read is a check that does not hold.
#[must_use]
pub fn verify(request: &VerifyRequest<'_>) -> Verification {
    let mut bundle = match Bundle::open(request.bundle) {
        Ok(bundle) => bundle,
        Err(problem) => return Verification { checks: vec![Found::failed(problem).check("container", false)] },
    };
    let opened = openings(&mut bundle, request.openings);
    let ledger = Ledger::read(&mut bundle, request.trust);
    let witnessed = ledger.is_witnessed();
    let mut checks: Vec<Check> = Vec::new();
    let mut add = |name: &'static str, found: Found| checks.push(found.check(name, witnessed));
    add("container", Found::ok(format!("{} members, in the one form that there is", bundle.members().count())));
    if let Some(found) = opened {
        add("openings", found);
    }
    add("seal", ledger.seal(&mut bundle));
    add("key", ledger.key(&bundle, request.trust));
    add("heads", ledger.heads_found());
    add("witnesses", ledger.witnesses(request.trust));
    add("consistency", ledger.consistency(&bundle));
    add("entries", ledger.entries_found(&bundle));
    add("complete", ledger.complete());
    let (statements, found) = Statements::read(&ledger);
    add("statements", found);
    add("plan", plan_checks::plan(&mut bundle, &statements));
    let first_start = run_checks::first_starts(&statements);
    let (found, plan_witnessed) = plan_checks::plan_first(&ledger, &statements, &first_start, request.trust);
    checks.push(found.check("plan_first", witnessed && plan_witnessed));
    let mut add = |name: &'static str, found: Found| checks.push(found.check(name, witnessed));
    add("runs", run_checks::runs(&mut bundle, &statements));
    add("samples", run_checks::samples(&bundle, &statements));
    add("parts", part_checks::parts(&mut bundle, &statements));
    let (found, report) = numbers::numbers(&mut bundle, &statements);
    add("numbers", found);
    add("pages", statements::pages(&mut bundle, report.as_ref(), request.pages));
    Verification { checks }
}

fn openings(bundle: &mut Bundle, paths: &[PathBuf]) -> Option<Found> {
    if paths.is_empty() {
        return None;
    }
    let mut findings = Findings::default();
    for path in paths {
        if let Err(problem) = bundle.open_part(path) {
            findings.wrong(problem);
        }
    }
    Some(findings.found(format!("{} parts opened; their commitments are among the parts'", paths.len())))
}
