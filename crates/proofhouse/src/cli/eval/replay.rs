//! `proofhouse eval replay`: a run's recorded replies through the engine once more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ph_eval::replay::Compared;
use ph_eval::{ImportRequest, ReplayError, ReplayRequest, Replayed, RunDir, import_log, replay};
use ph_evallog::ReadLimits;
use ph_record::TaskSource;

use crate::cli::log::import_failure;
use crate::cli::work::source_failure;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;
use crate::run_argument::{open_run, unreadable};
use crate::task_argument::task;

const AFTER_HELP: &str = "\
Nobody is asked and no model is needed: every call is answered by the reply that was recorded in its place, and the
clock tells the recorded instants. Records, run.json and log files must come out the same to the byte. The verdict is
`replay equal: n samples, m calls`, or what differs (exit code 7). A run that was scored again, and a log that another
program made, are compared by their results alone.

Examples:
  proofhouse eval replay runs/run_0198…
  proofhouse eval replay run_0198… --from review --task ./my-task/task.toml
  proofhouse eval replay review/log-000.eval --json";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The run: the path of its directory, its id, or an evaluation log (`.eval`, `.json`)
    run: String,
    /// Where the run is looked for by id: an output directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    from: PathBuf,
    /// Replay it by this task, a suite's name or the path of a `task.toml`, and say how that differs from the recorded
    /// one [default: the task as recorded]
    #[arg(long, value_name = "SUITE|task.toml")]
    task: Option<String>,
    /// Keep the replayed run in `runs/<run>` of this directory [default: it is compared and thrown away]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print `{equal, run, samples, calls, compared, divergences, …}` on stdout
    #[arg(long)]
    json: bool,
}

/// What is replayed.
struct Source {
    dir: RunDir,
    /// The log, where it was given as one.
    log: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let scratch = tempfile::tempdir().map_err(|error| Failure::from_error(Exit::Resource, "replay::scratch", error))?;
    let source = source(arguments, scratch.path())?;
    let by = arguments.task.as_deref().map(task).transpose()?;
    let runs = arguments.out.as_deref().unwrap_or(scratch.path()).join("runs");
    let mut replayed = replayed(&source, &runs, by)?;
    if arguments.out.is_none() {
        replayed.dir = None;
    }
    if arguments.json {
        output::json(&replayed)?;
    } else {
        print(&replayed)?;
    }
    Ok(if replayed.equal { Exit::Done } else { Exit::VerificationFailed })
}

fn source(arguments: &Arguments, scratch: &Path) -> Result<Source, Failure> {
    let path = Path::new(&arguments.run);
    if !path.is_file() {
        return Ok(Source { dir: open_run(&arguments.run, &arguments.from)?, log: None });
    }
    let runs = scratch.join("imported");
    let request = ImportRequest { log: path, runs: &runs, limits: ReadLimits::default() };
    let manifest = import_log(&request).map_err(import_failure)?;
    let dir = RunDir::open(runs.join(manifest.id.to_string())).map_err(unreadable)?;
    Ok(Source { dir, log: Some(path.to_owned()) })
}

fn replayed(source: &Source, runs: &Path, task: Option<Arc<dyn TaskSource>>) -> Result<Replayed, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::from_error(Exit::Resource, "runtime", error))?;
    let request = ReplayRequest { source: &source.dir, runs, task, log: source.log.as_deref() };
    runtime.block_on(replay(&request)).map_err(failure)
}

fn print(replayed: &Replayed) -> Result<(), Failure> {
    let kept = replayed.divergences.len() as u64;
    let mut text = format!("{}\n", replayed.verdict());
    for divergence in &replayed.divergences {
        text.push_str(&format!("  {divergence}\n"));
    }
    if kept < replayed.divergences_total {
        text.push_str(&format!("  … and {} more\n", replayed.divergences_total - kept));
    }
    match replayed.compared {
        Compared::Bytes => {}
        Compared::Records => {
            text.push_str("the run had not come to its end: its records were compared, its end was not\n");
        }
        Compared::Results => {
            text.push_str(
                "compared by endings, responses, replies and scores: the transcript is not of one run made here\n",
            );
        }
    }
    if !replayed.graders_recorded.is_empty() {
        text.push_str(&format!(
            "what the external graders said is the record's, no program was started: {}\n",
            replayed.graders_recorded.join(", ")
        ));
    }
    if let Some(dir) = &replayed.dir {
        text.push_str(&format!("{}\n", dir.display()));
    }
    output::data(&output::visible(&text))
}

fn failure(error: ReplayError) -> Failure {
    match error {
        ReplayError::Dir(error @ ph_eval::RunDirError::Create { .. }) => {
            Failure::from_error(Exit::Resource, "run::directory", error)
                .with_hint("give `--out` a directory that does not hold this run yet")
        }
        ReplayError::Dir(error) => unreadable(error),
        ReplayError::Task(error) => source_failure(error),
        ReplayError::Step(_) => Failure::from_error(Exit::VerificationIncomplete, "replay::step", error)
            .with_hint("the run was made with a solver or scorer that this program does not have; its scores can be made anew with `eval rescore`"),
        ReplayError::Files(_) => Failure::from_error(Exit::VerificationIncomplete, "replay::files_missing", error)
            .with_hint("give the task as well: `--task FILE` with its `task.toml`, or the suite's name"),
        ReplayError::Journal(_) | ReplayError::Log { .. } => Failure::from_error(Exit::Resource, "replay::files", error),
        ReplayError::Run(_) => Failure::from_error(Exit::Unexpected, "replay::run", error),
    }
}
