//! Solvers: what is done with a sample, in order, before it is scored.
//!
//! A solver is made once per run from its name and parameters and changes one [`SampleState`] after another. Only
//! [`Generate`] reaches the model.

mod chain_of_thought;
pub(crate) mod choice_letter;
mod few_shot;
mod generate;
mod multiple_choice;
mod self_critique;
mod system_message;
mod template;
mod use_tools;

use std::collections::BTreeSet;

use async_trait::async_trait;
use ph_base::Digest;
use ph_record::{Sample, SolverSpec};

use crate::generate::{Generate, Stop};
use crate::parameters::{ParameterError, StepError, StepKind, read, unknown_name};
use crate::sample_state::SampleState;
use crate::step_context::StepContext;

pub(crate) use self::template::plain;

/// The solvers that exist.
pub const SOLVERS: &[&str] = &[
    "system_message",
    "template",
    "few_shot",
    "chain_of_thought",
    "multiple_choice",
    "use_tools",
    "generate",
    "self_critique",
];

/// One step of the plan for a sample.
#[async_trait]
pub trait Solver: Send + Sync {
    /// Does its part.
    ///
    /// # Errors
    /// [`Stop`] where the sample goes no further.
    async fn solve(&self, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop>;

    /// The roles of the models that it asks besides the target.
    fn roles(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is wrong with an item that it could not treat, as far as that can be known before it is asked.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn check(&self, _: &Sample) -> Result<(), String> {
        Ok(())
    }

    /// What a result depends on besides the task's spec and items: the digest of files that it read; none without such.
    fn digest(&self) -> Option<Digest> {
        None
    }
}

/// A task's solvers, in order.
pub struct SolverChain(Vec<(String, Box<dyn Solver>)>);

impl SolverChain {
    /// Makes the solvers of a task.
    ///
    /// # Errors
    /// [`StepError`] where a name is unknown or a parameter wrong.
    pub fn build(specs: &[SolverSpec], context: &StepContext) -> Result<Self, StepError> {
        let make = |(index, spec): (usize, &SolverSpec)| {
            let generate_follows = specs[index + 1..].iter().any(|later| later.name() == "generate");
            let solver = match spec.name() {
                "self_critique" if !specs[..index].iter().any(|earlier| asks(earlier.name())) => {
                    Err(nothing_to_criticise())
                }
                _ => build(spec, generate_follows, context),
            };
            let solver = solver.map_err(StepError::at(StepKind::Solver, index, spec.name()))?;
            Ok((spec.name().to_owned(), solver))
        };
        specs.iter().enumerate().map(make).collect::<Result<_, _>>().map(Self)
    }

    /// Solvers that somebody made, each with its name.
    #[must_use]
    pub fn of(solvers: Vec<(String, Box<dyn Solver>)>) -> Self {
        Self(solvers)
    }

    /// The roles of the models that they ask besides the target.
    pub fn roles(&self) -> BTreeSet<String> {
        self.0.iter().flat_map(|(_, solver)| solver.roles()).collect()
    }

    /// What is wrong with an item that a solver could not treat.
    ///
    /// # Errors
    /// What is wrong, in words, with the solver's name.
    pub fn check(&self, item: &Sample) -> Result<(), String> {
        self.0
            .iter()
            .try_for_each(|(name, solver)| solver.check(item).map_err(|problem| format!("solver `{name}`: {problem}")))
    }

    /// The digests of the files that they read.
    pub fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.0.iter().filter_map(|(_, solver)| solver.digest())
    }

    /// Applies the solvers in turn, each in its span.
    ///
    /// # Errors
    /// [`Stop`] of the solver at which the sample goes no further.
    pub async fn solve(&self, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop> {
        generate.transcript.begin("solvers", "solvers");
        for (name, solver) in &self.0 {
            generate.transcript.begin("solver", name);
            solver.solve(state, generate).await?;
            generate.transcript.end();
        }
        generate.transcript.end();
        Ok(())
    }
}

/// Whether a solver asks the target.
fn asks(name: &str) -> bool {
    matches!(name, "generate" | "multiple_choice" | "self_critique")
}

fn nothing_to_criticise() -> ParameterError {
    let problem = "there is no reply to criticise".to_owned();
    ParameterError { parameter: None, problem, hint: Some("put `generate` before `self_critique`".to_owned()) }
}

fn build(spec: &SolverSpec, generate_follows: bool, context: &StepContext) -> Result<Box<dyn Solver>, ParameterError> {
    let parameters = spec.parameters();
    Ok(match spec.name() {
        "system_message" => Box::new(read::<system_message::SystemMessage>(&parameters)?),
        "template" => Box::new(template::PromptTemplate::new(&read(&parameters)?)?),
        "few_shot" => Box::new(few_shot::FewShot::new(read(&parameters)?, context)?),
        "chain_of_thought" => Box::new(chain_of_thought::ChainOfThought::new(&read(&parameters)?)?),
        "self_critique" => Box::new(self_critique::SelfCritique::new(read(&parameters)?)?),
        "multiple_choice" => Box::new(multiple_choice::MultipleChoice::new(&read(&parameters)?, generate_follows)?),
        "use_tools" => Box::new(read::<use_tools::UseTools>(&parameters)?),
        "generate" => Box::new(read::<generate::GenerateReply>(&parameters)?),
        name => return Err(unknown_name(StepKind::Solver, name, SOLVERS)),
    })
}
