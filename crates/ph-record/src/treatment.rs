//! The treatment: how samples that somebody labelled as cheated, that were refused, that ended in an error or that met a
//! limit count in tables and comparisons. It changes how scores are read, never a score.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which samples a treatment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TreatedKind {
    /// Labelled as cheated.
    Cheated,
    /// Refused by the model itself. A safeguard's block is none.
    Refusal,
    /// Ended in an error. Access that was cut is none: such a sample is never scored.
    Errors,
    /// Ended by a limit.
    Limit,
}

/// How samples count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Treated {
    /// As the fault of the measure: 1 where more of it is the fault, otherwise 0.
    Fail,
    /// As the opposite of the fault.
    Success,
    /// Not at all.
    Exclude,
    /// With the score that they got; not at all where they got none.
    AsScored,
}

/// How each kind counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Treatment {
    /// Samples labelled as cheated.
    pub cheated: Treated,
    /// Samples that the model refused.
    pub refusal: Treated,
    /// Samples that ended in an error.
    pub errors: Treated,
    /// Samples that a limit ended.
    pub limit: Treated,
}

impl Default for Treatment {
    /// What is printed where nobody asked for another: cheated samples fail, errors are left out, refusals and limits
    /// count with the score that they got.
    fn default() -> Self {
        Self { cheated: Treated::Fail, refusal: Treated::AsScored, errors: Treated::Exclude, limit: Treated::AsScored }
    }
}

/// What was given is no treatment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreatmentError {
    /// It is not of the form `KIND=HOW`.
    #[error("`{0}` is not `KIND=HOW`; {allowed}", allowed = allowed())]
    Form(String),
    /// There is no such kind.
    #[error("`{0}` is no kind of sample; {allowed}", allowed = allowed())]
    Kind(String),
    /// The kind cannot be treated so.
    #[error("`{kind}={given}` is no treatment; `{kind}` may be {choices}", choices = choices(*kind))]
    How {
        /// The kind.
        kind: TreatedKind,
        /// What was given.
        given: String,
    },
}

fn choices(kind: TreatedKind) -> String {
    kind.choices().iter().map(|how| format!("`{how}`")).collect::<Vec<_>>().join(", ")
}

/// Everything that may be given, in words.
fn allowed() -> String {
    let of = |kind: TreatedKind| {
        let hows: Vec<&str> = kind.choices().iter().map(|how| how.name()).collect();
        format!("`{kind}={}`", hows.join("|"))
    };
    format!("write {}", TreatedKind::ALL.map(of).join(", "))
}

impl TreatedKind {
    /// All of them, in the order in which they are printed.
    pub const ALL: [TreatedKind; 4] =
        [TreatedKind::Cheated, TreatedKind::Refusal, TreatedKind::Errors, TreatedKind::Limit];

    /// How it may be treated, the default not first.
    #[must_use]
    pub fn choices(self) -> &'static [Treated] {
        match self {
            TreatedKind::Cheated => &[Treated::Fail, Treated::Success, Treated::Exclude],
            TreatedKind::Refusal => &[Treated::Fail, Treated::Success, Treated::Exclude, Treated::AsScored],
            TreatedKind::Errors => &[Treated::Fail, Treated::Exclude],
            TreatedKind::Limit => &[Treated::Fail, Treated::Exclude, Treated::AsScored],
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TreatedKind::Cheated => "cheated",
            TreatedKind::Refusal => "refusal",
            TreatedKind::Errors => "errors",
            TreatedKind::Limit => "limit",
        }
    }
}

impl Treated {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Treated::Fail => "fail",
            Treated::Success => "success",
            Treated::Exclude => "exclude",
            Treated::AsScored => "as-scored",
        }
    }
}

impl Treatment {
    /// How this kind counts.
    #[must_use]
    pub fn of(&self, kind: TreatedKind) -> Treated {
        match kind {
            TreatedKind::Cheated => self.cheated,
            TreatedKind::Refusal => self.refusal,
            TreatedKind::Errors => self.errors,
            TreatedKind::Limit => self.limit,
        }
    }

    /// The same with this kind counted otherwise.
    #[must_use]
    pub fn with(mut self, kind: TreatedKind, how: Treated) -> Self {
        *match kind {
            TreatedKind::Cheated => &mut self.cheated,
            TreatedKind::Refusal => &mut self.refusal,
            TreatedKind::Errors => &mut self.errors,
            TreatedKind::Limit => &mut self.limit,
        } = how;
        self
    }

    /// Whether it is the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One part of a treatment: `KIND=HOW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreatmentPart {
    /// Which samples.
    pub kind: TreatedKind,
    /// How they count.
    pub how: Treated,
}

impl FromStr for TreatmentPart {
    type Err = TreatmentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
        let (kind, how) = text.split_once('=').ok_or_else(|| TreatmentError::Form(shown(text)))?;
        let (kind, how) = (kind.trim(), how.trim());
        let kind = TreatedKind::ALL
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or_else(|| TreatmentError::Kind(shown(kind)))?;
        let found = kind.choices().iter().copied().find(|known| known.name() == how);
        let how = found.ok_or_else(|| TreatmentError::How { kind, given: shown(how) })?;
        Ok(Self { kind, how })
    }
}

impl fmt::Display for TreatedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Treated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = TreatedKind::ALL.map(|kind| format!("{kind}={}", self.of(kind)));
        f.write_str(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_given_is_taken_and_nothing_else() {
        for kind in TreatedKind::ALL {
            for how in [Treated::Fail, Treated::Success, Treated::Exclude, Treated::AsScored] {
                let part = format!("{kind}={how}").parse::<TreatmentPart>();
                assert_eq!(part.is_ok(), kind.choices().contains(&how), "{kind}={how}");
                assert!(part.is_err() || part == Ok(TreatmentPart { kind, how }));
            }
            assert!(kind.choices().contains(&Treatment::default().of(kind)), "a default can be asked for");
        }
    }

    #[test]
    fn a_mistake_is_told_with_what_is_allowed() {
        let check = |text: &str, wanted: &str| {
            let message = text.parse::<TreatmentPart>().unwrap_err().to_string();
            assert_eq!(message, wanted);
        };
        check("errors=success", "`errors=success` is no treatment; `errors` may be `fail`, `exclude`");
        let all = "write `cheated=fail|success|exclude`, `refusal=fail|success|exclude|as-scored`, \
                   `errors=fail|exclude`, `limit=fail|exclude|as-scored`";
        check("refusals=fail", &format!("`refusals` is no kind of sample; {all}"));
        check("cheated", &format!("`cheated` is not `KIND=HOW`; {all}"));
    }

    #[test]
    fn it_prints_and_keeps_all_its_parts() {
        let treatment = Treatment::default().with(TreatedKind::Limit, Treated::Exclude);
        assert_eq!(treatment.to_string(), "cheated=fail refusal=as-scored errors=exclude limit=exclude");
        let json = serde_json::to_string(&treatment).unwrap();
        assert_eq!(json, r#"{"cheated":"fail","refusal":"as-scored","errors":"exclude","limit":"exclude"}"#);
        assert_eq!(serde_json::from_str::<Treatment>(&json).unwrap(), treatment);
        assert!(!treatment.is_default());
    }
}
