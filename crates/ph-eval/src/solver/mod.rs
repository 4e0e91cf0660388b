//! Solvers: what is done with a sample, in order, before it is scored.
//!
//! A solver is made once per run from its name and parameters and changes one [`SampleState`] after another. Only
//! [`Generate`] reaches the model.

pub(crate) mod choice_letter;
mod generate;
mod multiple_choice;
mod system_message;
mod template;
mod use_tools;

use async_trait::async_trait;
use ph_record::SolverSpec;

use crate::generate::{Generate, Stop};
use crate::parameters::{ParameterError, StepError, StepKind, read, unknown_name};
use crate::sample_state::SampleState;

pub(crate) use self::template::plain;

/// The solvers that exist.
pub const SOLVERS: &[&str] = &["system_message", "template", "multiple_choice", "use_tools", "generate"];

/// One step of the plan for a sample.
#[async_trait]
pub trait Solver: Send + Sync {
    /// Does its part.
    ///
    /// # Errors
    /// [`Stop`] where the sample goes no further.
    async fn solve(&self, state: &mut SampleState, generate: &mut Generate) -> Result<(), Stop>;
}

/// A task's solvers, in order.
pub struct SolverChain(Vec<(String, Box<dyn Solver>)>);

impl SolverChain {
    /// Makes the solvers of a task.
    ///
    /// # Errors
    /// [`StepError`] where a name is unknown or a parameter wrong.
    pub fn build(specs: &[SolverSpec]) -> Result<Self, StepError> {
        let make = |(index, spec): (usize, &SolverSpec)| {
            let generate_follows = specs[index + 1..].iter().any(|later| later.name() == "generate");
            let solver = build(spec, generate_follows).map_err(StepError::at(StepKind::Solver, index, spec.name()))?;
            Ok((spec.name().to_owned(), solver))
        };
        specs.iter().enumerate().map(make).collect::<Result<_, _>>().map(Self)
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

fn build(spec: &SolverSpec, generate_follows: bool) -> Result<Box<dyn Solver>, ParameterError> {
    let parameters = spec.parameters();
    Ok(match spec.name() {
        "system_message" => Box::new(read::<system_message::SystemMessage>(&parameters)?),
        "template" => Box::new(template::PromptTemplate::new(&read(&parameters)?)?),
        "multiple_choice" => Box::new(multiple_choice::MultipleChoice::new(&read(&parameters)?, generate_follows)?),
        "use_tools" => Box::new(read::<use_tools::UseTools>(&parameters)?),
        "generate" => Box::new(read::<generate::GenerateReply>(&parameters)?),
        name => return Err(unknown_name(StepKind::Solver, name, SOLVERS)),
    })
}
