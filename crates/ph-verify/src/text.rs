//! The results in words: one line per check.

use ph_base::visible;

use crate::check::{Basis, Check, Outcome, Verdict, Verification};

/// A check on one line: outcome, name, on whose word, what was seen.
#[must_use]
pub fn line(check: &Check) -> String {
    let outcome = match check.outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "FAILED",
        Outcome::NotCheckable => "–",
    };
    let basis = match (check.outcome, check.basis) {
        (Outcome::Failed, _) => "",
        (_, Basis::Witnessed) => "witnessed",
        (_, Basis::OperatorsWord) => "operator's word",
        (_, Basis::NotCheckable) => "not checkable in this edition",
    };
    visible(&format!("{outcome:<7} {:<13} {basis:<30} {}", check.name, check.detail)).trim_end().to_owned()
}

/// What all checks come to, in a sentence.
#[must_use]
pub fn summary(verification: &Verification) -> String {
    let count = |wanted: Outcome| verification.checks.iter().filter(|check| check.outcome == wanted).count();
    match verification.verdict() {
        Verdict::Verified => "verified: every check holds, on the word of more than the operator".to_owned(),
        Verdict::Failed => {
            format!("verification FAILED: {} of {} checks", count(Outcome::Failed), verification.checks.len())
        }
        Verdict::Incomplete => {
            let word = verification.checks.iter().filter(|check| check.basis == Basis::OperatorsWord).count();
            let open = count(Outcome::NotCheckable);
            format!(
                "verification incomplete: nothing is wrong; {word} checks rest on the operator's word alone, {open} cannot be made"
            )
        }
    }
}
