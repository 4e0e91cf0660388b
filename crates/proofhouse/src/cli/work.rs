//! What `assess` and `eval run` share: the house they work in, the runtime, the interrupt, how their errors end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ph_assess::{
    AssessError, Doors, EarlierError, House, OutputError, Progress, RecordKeepError, RenderHost, RunOneError,
    TargetError,
};
use ph_base::RunId;
use ph_eval::{Cancellation, RunError};
use ph_model::TargetName;
use ph_record::TaskSourceError;

use crate::clock::{SystemClock, random_bytes};
use crate::endpoint_arguments::EndpointArguments;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::say;

/// The program with its version.
pub(crate) const PROGRAM: &str = concat!("proofhouse ", env!("CARGO_PKG_VERSION"));

/// The house of this process, which reaches targets as the environment says.
pub(crate) fn house(progress: Arc<dyn Progress>) -> Result<House, Failure> {
    house_reaching(progress, None, &EndpointArguments::default())
}

/// The house of this process, which reaches `target` as the options say.
pub(crate) fn house_reaching(
    progress: Arc<dyn Progress>,
    target: Option<&TargetName>,
    endpoint: &EndpointArguments,
) -> Result<House, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(House {
        clock: Arc::new(SystemClock),
        random: Arc::new(random_bytes),
        targets: Arc::new(endpoint.targets(target, render_host())?),
        progress,
        cancellation: Cancellation::default(),
        program: PROGRAM.to_owned(),
        targets_at_once: cores,
        doors: Doors::default(),
        keeper: None,
    })
}

/// Wall-clock time that a foreign chat template and tokenizer may take for one conversation.
const RENDER_TIME_MAX: Duration = Duration::from_secs(10);

/// This program once more, as `cli::render_worker` has it. Where the system does not say which file it is, there is none.
pub(crate) fn render_host() -> Option<RenderHost> {
    let program = std::env::current_exe().ok()?;
    // The allocator would take a gibibyte of addresses before the process can limit itself to less.
    let variables = vec![("MIMALLOC_ARENA_RESERVE".to_owned(), "0".to_owned())];
    let arguments = vec![super::RENDER_WORKER.to_owned()];
    Some(RenderHost { program, arguments, variables, time_max: RENDER_TIME_MAX })
}

/// Runs `work` on an async runtime; Ctrl-C drains, a second one abandons.
pub(crate) fn block_on<T>(house: &House, work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error(Exit::Resource, "runtime", error))?;
    let interrupts = interrupts(house.cancellation.clone());
    Ok(runtime.block_on(async {
        tokio::select! {
            // The interrupt is listened for before the work begins.
            biased;
            never = interrupts => match never {},
            done = work => done,
        }
    }))
}

async fn interrupts(cancellation: Cancellation) -> std::convert::Infallible {
    loop {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        if cancellation.is_asked() {
            say("interrupted again: what is under way is dropped");
        } else {
            say("interrupted: what is under way is finished and recorded (again to drop it)");
        }
        cancellation.interrupt();
    }
}

/// The target that `name` names.
pub(crate) fn target_name(name: &str) -> Result<TargetName, Failure> {
    name.parse().map_err(|error| Failure::from_error(Exit::Usage, "target::name", error))
}

/// How a target that cannot be opened ends the program.
pub(crate) fn target_failure(error: TargetError) -> Failure {
    let hint = error.hint();
    let (exit, code) = match &error {
        TargetError::UnknownReference { .. } => (Exit::Usage, "target::unknown"),
        TargetError::NotBuilt { .. } => (Exit::Target, "target::not_built"),
        TargetError::Load { .. } => (Exit::Malformed, "target::load"),
        TargetError::NoKey { .. } => (Exit::Usage, "target::no_key"),
        TargetError::NoBaseUrl { .. } => (Exit::Usage, "target::no_base_url"),
        TargetError::OpenAiApi => (Exit::Usage, "target::openai_api"),
        TargetError::Endpoint { .. } => (Exit::Usage, "target::endpoint"),
    };
    Failure::from_error(exit, code, error).with_hint(hint)
}

/// How samples that cannot be made end the program.
pub(crate) fn source_failure(error: TaskSourceError) -> Failure {
    let hint = error.hint.clone().unwrap_or_default();
    Failure::from_error(Exit::Malformed, "task::samples", error).with_hint(hint)
}

/// How a run that failed as a whole ends the program.
pub(crate) fn run_failure(error: RunOneError) -> Failure {
    match error {
        RunOneError::Dir(error) => Failure::from_error(Exit::Resource, "run::directory", error)
            .with_hint("choose another place with `--out`, or free some room"),
        RunOneError::Journal(error) => Failure::from_error(Exit::Resource, "run::journal", error)
            .with_hint("choose another place with `--out`, or free some room"),
        RunOneError::Task { source, .. } => source_failure(source),
        RunOneError::Plan(error) => earlier_failure(error),
        RunOneError::Record(error) => record_failure(error),
        error @ RunOneError::OwnPlan { .. } => Failure::from_error(Exit::Resource, "run::plan", error),
        error @ RunOneError::Changed { .. } => Failure::from_error(Exit::Malformed, "run::changed", error)
            .with_hint("restore what the run began with, or begin a new run; nothing was sent"),
        RunOneError::Run { run, source } => match *source {
            RunError::Source { source, .. } => source_failure(source),
            other => broken_run(run, other),
        },
    }
}

fn broken_run(run: RunId, error: RunError) -> Failure {
    let stands = "nothing more was sent to the target; what was recorded stands";
    let (exit, code, hint) = match &error {
        RunError::Record { .. } => {
            let hint =
                format!("{stands}: free some room, or choose a place that has some with `--out`, and run it again");
            (Exit::Resource, "run::record", hint)
        }
        RunError::Step(_) | RunError::Role(_) => (Exit::Malformed, "run::step", stands.to_owned()),
        _ => (Exit::Unexpected, "run::internal", stands.to_owned()),
    };
    Failure::from_error(exit, code, RunOneError::Run { run, source: Box::new(error) }).with_hint(hint)
}

/// How an assessment that broke off ends the program.
pub(crate) fn assess_failure(error: AssessError) -> Failure {
    use ph_assess::plan::PlanError;
    match error {
        AssessError::Plan(PlanError::Target(error)) | AssessError::Target(error) => target_failure(error),
        AssessError::Plan(PlanError::Task { source, .. }) => source_failure(source),
        AssessError::Spending(error) => crate::spending::spending_failure(error),
        AssessError::Roles(error) => crate::role_arguments::role_failure(error),
        AssessError::Unreachable { .. } => Failure::from_error(Exit::Target, "target::unreachable", error).with_hint(
            "nothing was run and nothing written; `proofhouse model check TARGET` shows what was tried, `--no-check` skips it",
        ),
        AssessError::Output(error) => output_failure(error),
        AssessError::Earlier(error) => earlier_failure(error),
        AssessError::Run(error) => run_failure(error),
        AssessError::Records(error) => Failure::from_error(Exit::Malformed, "run::records", error),
        AssessError::Record(error) => record_failure(error),
        AssessError::Report(error) => Failure::from_error(Exit::Unexpected, "report", error),
    }
}

/// How a record that cannot be kept ends the program.
pub(crate) fn record_failure(error: RecordKeepError) -> Failure {
    match &error {
        RecordKeepError::NotCosigned { .. } => Failure::from_error(Exit::Resource, "record::not_cosigned", error)
            .with_hint("nothing was sent: reach the witnesses and go on with `--resume`, or run it `--exploratory`"),
        RecordKeepError::Ledger(
            ph_evidence::LedgerError::OtherOrigin { .. } | ph_evidence::LedgerError::OtherKey { .. },
        ) => Failure::from_error(Exit::Usage, "record::other_key", error)
            .with_hint("name the key that began the record with `--ledger-key`"),
        _ => Failure::from_error(Exit::Resource, "record::ledger", error).with_hint(
            "what cannot be recorded does not happen; `proofhouse ledger fsck DIR` says what is wrong with a ledger",
        ),
    }
}

/// Why something cannot be gone on with.
fn earlier_failure(error: EarlierError) -> Failure {
    match &error {
        EarlierError::Read { .. } | EarlierError::Malformed { .. } => {
            Failure::from_error(Exit::Malformed, "resume::unreadable", error)
                .with_hint("it must be the output directory of an assessment, as it was left; nothing was sent")
        }
        EarlierError::OtherPlan { .. } | EarlierError::Changed { .. } => {
            Failure::from_error(Exit::Malformed, "resume::changed", error)
                .with_hint("restore what it began with, or begin anew with another `--out`; nothing was sent")
        }
    }
}

pub(crate) fn output_failure(error: OutputError) -> Failure {
    match &error {
        OutputError::NotEmpty { .. } => Failure::from_error(Exit::Usage, "output::not_empty", error)
            .with_hint("give a new folder with `--out`; an assessment never writes into an older one"),
        OutputError::Write { .. } => Failure::from_error(Exit::Resource, "output::write", error)
            .with_hint("choose a place that can be written with `--out`, or free some room"),
        OutputError::Encode { .. } => Failure::from_error(Exit::Unexpected, "output::encode", error),
    }
}
