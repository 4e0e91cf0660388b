//! `switch {on = "skill", cases = {choice = "choice", sum = "numeric"}, default}`: the scorer that an item's metadata
//! field asks for. A case is a scorer's name, or a table with `name` and parameters.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ph_record::{Sample, Score, ScorerSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::recorded::ScorerPlace;
use super::{Scorer, ScorerError, Subject, build};
use crate::parameters::{ParameterError, list};
use crate::role::RoleAsker;
use crate::solver::plain;
use crate::step_context::StepContext;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct SwitchParameters {
    on: String,
    cases: BTreeMap<String, ScorerSpec>,
    #[serde(default)]
    default: Option<ScorerSpec>,
}

pub(super) struct Switch {
    on: String,
    cases: BTreeMap<String, Box<dyn Scorer>>,
    default: Option<Box<dyn Scorer>>,
}

impl Switch {
    pub(super) fn new(
        parameters: SwitchParameters,
        place: &ScorerPlace,
        context: &StepContext,
    ) -> Result<Self, ParameterError> {
        if parameters.cases.is_empty() {
            return Err(ParameterError::of("cases", "there is no case"));
        }
        let scorer = |parameter: &str, (case, spec): (&str, &ScorerSpec)| {
            build((spec.name(), &spec.parameters()), place, context).map_err(|error| ParameterError {
                parameter: Some(parameter.to_owned()),
                problem: format!("case `{case}`: scorer `{}`: {}", spec.name(), error.problem),
                hint: error.hint,
            })
        };
        let case = |(case, spec): (String, ScorerSpec)| Ok((case.clone(), scorer("cases", (&case, &spec))?));
        let cases = parameters.cases.into_iter().map(case).collect::<Result<_, _>>()?;
        let default = parameters.default.map(|spec| scorer("default", ("default", &spec))).transpose()?;
        Ok(Self { on: parameters.on, cases, default })
    }
}

#[async_trait]
impl Scorer for Switch {
    fn judges(&self, subject: &Subject<'_>) -> bool {
        self.case(&subject.state.metadata).map_or(true, |scorer| scorer.judges(subject))
    }

    async fn score(&self, subject: &Subject<'_>, roles: &mut RoleAsker<'_>) -> Result<Score, ScorerError> {
        self.case(&subject.state.metadata)?.score(subject, roles).await
    }

    fn check(&self, gold: &[String], item: &Sample) -> Result<(), ScorerError> {
        self.case(&item.metadata)?.check(gold, item)
    }

    fn roles(&self) -> Vec<String> {
        self.cases.values().chain(&self.default).flat_map(|scorer| scorer.roles()).collect()
    }
}

impl Switch {
    /// The scorer of an item with these metadata.
    fn case(&self, metadata: &Map<String, Value>) -> Result<&dyn Scorer, ScorerError> {
        let value = metadata.get(&self.on).map(plain);
        let scorer = value.as_ref().and_then(|value| self.cases.get(value)).or(self.default.as_ref());
        match (scorer, value) {
            (Some(scorer), _) => Ok(scorer.as_ref()),
            (None, None) => Err(ScorerError(format!("the item has no `metadata.{}`", self.on))),
            (None, Some(value)) => {
                let known = list(self.cases.keys().map(String::as_str));
                Err(ScorerError(format!("the item's `metadata.{}` is `{value}`; there are cases for {known}", self.on)))
            }
        }
    }
}
