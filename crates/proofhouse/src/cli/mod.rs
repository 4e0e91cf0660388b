//! The commands, a file each.

mod assess;
mod cache;
mod doctor;
mod eval;
mod key;
mod ledger;
mod log;
mod model;
mod render_worker;
mod report;
mod verify;
mod witness;
pub(crate) mod work;

use clap::{Parser, Subcommand};

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  proofhouse assess                                  assess the reference models that ship with the program
  proofhouse assess local:./model --comparator reference/sound
  proofhouse eval ls                                 the suites
  proofhouse eval run refusal --target reference/compliant

Exit codes: 0 done · 1 unexpected failure · 2 usage · 3 malformed input · 4 target unreachable or refused ·
5 finished with errors in samples · 7 verification failed · 8 verification incomplete ·
9 resource not available · 130 interrupted";

/// The pre-release review of a frontier AI model. It measures and records; no model passes or fails.
#[derive(Parser)]
#[command(name = "proofhouse", version, after_help = AFTER_HELP, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take a target through the whole assessment, from plan to report.
    Assess(assess::Arguments),
    /// Run, list and show evaluations.
    #[command(subcommand)]
    Eval(eval::Command),
    /// List, show, import, merge, compare and export evaluation logs (Inspect's `.eval` and `.json`).
    #[command(subcommand)]
    Log(log::Command),
    /// Make a report of runs that are there already, imported ones too.
    Report(report::Arguments),
    /// Check and serve models.
    #[command(subcommand)]
    Model(model::Command),
    /// List, prove, sign and hand over what is recorded.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Verify a bundle, offline.
    Verify(verify::Arguments),
    /// List and prune the response cache.
    #[command(subcommand)]
    Cache(cache::Command),
    /// Make and show the keys of logs and witnesses.
    #[command(subcommand)]
    Key(key::Command),
    /// Cosign the tree heads of logs.
    #[command(subcommand)]
    Witness(witness::Command),
    /// Check that this machine can do the work.
    Doctor(doctor::Arguments),
    /// Make prompts for the program that started this one.
    #[command(name = RENDER_WORKER, hide = true)]
    RenderWorker,
}

/// The command of the process that makes prompts of foreign models.
const RENDER_WORKER: &str = "render-worker";

/// Reads the command line and does what it says.
pub(crate) fn run() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            if error.use_stderr() {
                output::say(error.render().to_string().trim_end());
                return Exit::Usage;
            }
            let _ = error.print();
            return Exit::Done;
        }
    };
    match dispatch(&arguments.command) {
        Ok(exit) => exit,
        Err(failure) => {
            let exit = failure.exit();
            output::failure(failure);
            exit
        }
    }
}

fn dispatch(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Assess(arguments) => assess::run(arguments),
        Command::Eval(command) => eval::run(command),
        Command::Log(command) => log::run(command),
        Command::Report(arguments) => report::run(arguments),
        Command::Model(command) => model::run(command),
        Command::Ledger(command) => ledger::run(command),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Cache(command) => cache::run(command),
        Command::Key(command) => key::run(command),
        Command::Witness(command) => witness::run(command),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::RenderWorker => render_worker::run(),
    }
}
