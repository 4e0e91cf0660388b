//! `pattern {regex, ignore_case = true, group}`: the part of the reply that a regular expression captures against the
//! gold answers. Without `group` the first group counts, or the whole match where the expression has none.

use async_trait::async_trait;
use ph_record::Score;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Scorer, ScorerError, Subject};
use crate::parameters::ParameterError;
use crate::role::RoleAsker;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct PatternParameters {
    regex: String,
    #[serde(default = "yes")]
    ignore_case: bool,
    #[serde(default)]
    group: Option<u32>,
}

fn yes() -> bool {
    true
}

pub(super) struct Pattern {
    regex: Regex,
    ignore_case: bool,
    group: usize,
}

impl Pattern {
    pub(super) fn new(parameters: &PatternParameters) -> Result<Self, ParameterError> {
        let regex = RegexBuilder::new(&parameters.regex)
            .case_insensitive(parameters.ignore_case)
            .build()
            .map_err(|error| ParameterError::of("regex", format!("not a regular expression: {error}")))?;
        let groups = regex.captures_len() - 1;
        let group = parameters.group.map_or(groups.min(1), |group| group as usize);
        if group > groups {
            return Err(ParameterError::of("group", format!("the expression has {groups} groups, not {group}")));
        }
        Ok(Self { regex, ignore_case: parameters.ignore_case, group })
    }
}

#[async_trait]
impl Scorer for Pattern {
    async fn score(&self, subject: &Subject<'_>, _: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        let gold = subject.gold()?;
        let captured = self.regex.captures(&subject.reply).and_then(|captures| captures.get(self.group));
        let Some(captured) = captured.map(|part| part.as_str().trim()) else {
            let explanation = Some("the expression does not match the reply".to_owned());
            return Ok(Score { explanation, answer: None, ..Score::of(false, "") });
        };
        let is_right = gold.iter().any(|gold| {
            let gold = gold.trim();
            gold == captured || self.ignore_case && gold.to_lowercase() == captured.to_lowercase()
        });
        Ok(Score::of(is_right, captured))
    }
}
