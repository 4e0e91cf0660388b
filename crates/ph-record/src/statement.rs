//! What those who run an assessment state of themselves and of the access that they were given. These are their words:
//! nothing here is measured, and whatever is absent is printed as not stated.

use ph_model::TargetName;
use serde::{Deserialize, Serialize};

/// The statement that goes with a plan, written before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Who runs the assessment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_by: Option<String>,
    /// Who pays for it, and with what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_by: Option<String>,
    /// Who else can influence the plan, the results or what is published, and how: ties, rights to review or redact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub influence: Option<String>,
    /// The access given, by target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessStatement>,
}

/// The access given to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessStatement {
    /// The target.
    pub target: TargetName,
    /// The level of access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<AccessLevel>,
    /// The checkpoint, as the developer names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// The state of the safeguards: on, reduced, off, and which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safeguards: Option<String>,
    /// From when to when the target could be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// What was given, item by item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// What was asked for and not given, item by item, with the reason where one was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_given: Vec<String>,
}

/// How deep the access goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AccessLevel {
    /// Black box: inputs and outputs.
    #[serde(rename = "AL1")]
    Al1,
    /// Grey box: some insides, such as raw reasoning, log-probabilities or reduced safeguards.
    #[serde(rename = "AL2")]
    Al2,
    /// White box: the weights.
    #[serde(rename = "AL3")]
    Al3,
}

impl AccessLevel {
    /// The level as reports print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AccessLevel::Al1 => "AL1, black box",
            AccessLevel::Al2 => "AL2, grey box",
            AccessLevel::Al3 => "AL3, white box",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_spelled_as_the_field_spells_them() {
        let access: AccessStatement =
            serde_json::from_str(r#"{"target": "openai/m", "level": "AL2", "not_given": ["weights"]}"#).unwrap();
        assert_eq!(access.level, Some(AccessLevel::Al2));
        assert_eq!(
            serde_json::to_string(&access).unwrap(),
            r#"{"target":"openai/m","level":"AL2","not_given":["weights"]}"#
        );
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        assert!(serde_json::from_str::<Statement>(r#"{"payed_by": "x"}"#).is_err());
    }
}
