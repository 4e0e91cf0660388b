//! `proofhouse eval …`.

mod ls;
mod replay;
mod rescore;
mod resume;
mod run;
pub(in crate::cli) mod show;
mod tune;

use clap::Subcommand;

use crate::exit_code::Exit;
use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a suite or a task file on a target.
    Run(run::Arguments),
    /// Go on with a run that was cut off or interrupted; what is finished is not asked again.
    Resume(Box<resume::Arguments>),
    /// Change the limits of a run that is under way in another terminal.
    Tune(tune::Arguments),
    /// List the suites that ship with the program.
    Ls(ls::Arguments),
    /// Show a run, or one of its samples.
    Show(show::Arguments),
    /// Feed a run's recorded replies to the engine again, and say whether the same results come out; no model is asked.
    Replay(replay::Arguments),
    /// Score a run's replies again, or count its samples otherwise; no model is asked, the old run stays.
    Rescore(rescore::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Resume(arguments) => resume::run(arguments),
        Command::Tune(arguments) => tune::run(arguments),
        Command::Ls(arguments) => ls::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Replay(arguments) => replay::run(arguments),
        Command::Rescore(arguments) => rescore::run(arguments),
    }
}
