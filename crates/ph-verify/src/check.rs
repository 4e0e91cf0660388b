//! A check, its result, and on whose word it rests.

use serde::Serialize;

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Ok,
    /// It does not hold.
    Failed,
    /// What it needs is not in this edition, or was not given.
    NotCheckable,
}

/// On whose word a check rests that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Basis {
    /// The quorum of witnesses cosigned a tree head that covers it.
    #[serde(rename = "witnessed")]
    Witnessed,
    /// Nobody but the holder of the ledger's key says so.
    #[serde(rename = "operator's word")]
    OperatorsWord,
    /// It cannot be checked.
    #[serde(rename = "not checkable in this edition")]
    NotCheckable,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked, in one word: a name of `docs/bundle.md`.
    pub name: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// On whose word.
    pub basis: Basis,
    /// What was seen, naming the part where something is wrong.
    pub detail: String,
}

/// All checks of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// In the order of `docs/bundle.md`.
    pub checks: Vec<Check>,
}

/// What all checks come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything holds and is witnessed.
    Verified,
    /// Something does not hold.
    Failed,
    /// Nothing is wrong, but something is not witnessed, not vouched for, or not checkable.
    Incomplete,
}

impl Verdict {
    /// The exit code of the programs.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Verified => 0,
            Verdict::Failed => 7,
            Verdict::Incomplete => 8,
        }
    }
}

impl Verification {
    /// What all checks come to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let mut verdict = if self.checks.is_empty() { Verdict::Incomplete } else { Verdict::Verified };
        for check in &self.checks {
            match (check.outcome, check.basis) {
                (Outcome::Failed, _) => return Verdict::Failed,
                (Outcome::Ok, Basis::Witnessed) => {}
                _ => verdict = Verdict::Incomplete,
            }
        }
        verdict
    }

    /// The check of this name.
    #[must_use]
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

/// What a check found, before it is known on whose word it rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) outcome: Outcome,
    pub(crate) detail: String,
}

impl Found {
    pub(crate) fn ok(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ok, detail: detail.into() }
    }

    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, detail: detail.into() }
    }

    pub(crate) fn not_checkable(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::NotCheckable, detail: detail.into() }
    }

    pub(crate) fn check(self, name: &'static str, witnessed: bool) -> Check {
        let basis = match self.outcome {
            Outcome::NotCheckable => Basis::NotCheckable,
            _ if witnessed => Basis::Witnessed,
            _ => Basis::OperatorsWord,
        };
        Check { name, outcome: self.outcome, basis, detail: self.detail }
    }
}

/// Collects what is wrong and what cannot be checked; what is wrong comes first.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    wrong: Vec<String>,
    lacking: Vec<String>,
}

/// Of many findings so many are told.
const TOLD_MAX: usize = 5;

impl Findings {
    pub(crate) fn wrong(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    pub(crate) fn lacking(&mut self, what: impl Into<String>) {
        self.lacking.push(what.into());
    }

    /// What the check came to; `fine` is said where nothing is wrong or lacking.
    pub(crate) fn found(self, fine: impl Into<String>) -> Found {
        if !self.wrong.is_empty() {
            return Found::failed(told(&self.wrong));
        }
        if !self.lacking.is_empty() {
            return Found::not_checkable(told(&self.lacking));
        }
        Found::ok(fine)
    }
}

fn told(all: &[String]) -> String {
    let mut text = all.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join("; ");
    if all.len() > TOLD_MAX {
        text.push_str(&format!("; and {} more", all.len() - TOLD_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(all: &[(Outcome, bool)]) -> Verdict {
        let check = |(outcome, witnessed): &(Outcome, bool)| {
            Found { outcome: *outcome, detail: String::new() }.check("x", *witnessed)
        };
        Verification { checks: all.iter().map(check).collect() }.verdict()
    }

    #[test]
    fn one_failure_outweighs_everything_and_nothing_unwitnessed_is_verified() {
        assert_eq!(verdict(&[(Outcome::Ok, true)]), Verdict::Verified);
        assert_eq!(verdict(&[(Outcome::Ok, true), (Outcome::Ok, false)]), Verdict::Incomplete);
        assert_eq!(verdict(&[(Outcome::Ok, true), (Outcome::NotCheckable, true)]), Verdict::Incomplete);
        assert_eq!(verdict(&[(Outcome::NotCheckable, true), (Outcome::Failed, true)]), Verdict::Failed);
        assert_eq!(verdict(&[]), Verdict::Incomplete);
    }
}
