//! The harness disclosure: what was done with every sample, from the task's own spec.

use ph_analysis::{HarnessSummary, TaskSummary};
use ph_record::{DatasetSpec, Reducer, SolverSpec};
use serde_json::{Map, Value};

use crate::text::visible;

/// Characters of a step's parameters on the page.
const PARAMETERS_CHARS_MAX: usize = 400;

/// One suite's harness.
pub(crate) struct HarnessRow {
    pub(crate) name: String,
    pub(crate) items: String,
    pub(crate) solvers: Vec<Step>,
    pub(crate) scorers: Vec<Step>,
    pub(crate) sampling: String,
    pub(crate) limits: String,
    pub(crate) epochs: String,
    pub(crate) sandbox: String,
}

/// A solver or scorer.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) parameters: String,
}

/// The row of a task; none where it did not run.
pub(crate) fn harness(task: &TaskSummary) -> Option<HarnessRow> {
    let spec = task.harness.as_ref()?;
    Some(HarnessRow {
        name: visible(&task.name),
        items: items(&spec.dataset),
        solvers: spec.solver.iter().map(step).collect(),
        scorers: spec.scorer.iter().map(step).collect(),
        sampling: sampling(spec),
        limits: limits(spec),
        epochs: epochs(task, spec),
        sandbox: spec.sandbox.as_deref().map_or_else(|| "none".to_owned(), visible),
    })
}

fn step(step: &SolverSpec) -> Step {
    Step { name: visible(step.name()), parameters: parameters(&step.parameters()) }
}

/// Where the items come from.
pub(crate) fn items(dataset: &DatasetSpec) -> String {
    match dataset {
        DatasetSpec::File(name) => format!("file {}", visible(name)),
        DatasetSpec::Table(table) => format!("file {}", visible(&table.file)),
        DatasetSpec::Generated { generator, parameters: given } => {
            format!("generator {} {}", visible(generator), parameters(given)).trim_end().to_owned()
        }
    }
}

fn parameters(parameters: &Map<String, Value>) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    let parts: Vec<String> = parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let text = parts.join(", ");
    let cut = text.chars().count().saturating_sub(PARAMETERS_CHARS_MAX);
    let kept: String = text.chars().take(PARAMETERS_CHARS_MAX).collect();
    if cut == 0 { visible(&kept) } else { format!("{} […{cut} more characters]", visible(&kept)) }
}

fn sampling(spec: &HarnessSummary) -> String {
    let config = &spec.config;
    let mut parts = Vec::new();
    parts.extend(config.temperature.map(|value| format!("temperature {value}")));
    parts.extend(config.top_p.map(|value| format!("top-p {value}")));
    parts.extend(config.max_tokens.map(|value| format!("at most {value} tokens a reply")));
    parts.extend(config.seed.map(|value| format!("seed {value} for every call")));
    if !config.stop.is_empty() {
        parts.push(format!("{} stop texts", config.stop.len()));
    }
    if config.logprobs {
        parts.push("log-probabilities asked for".to_owned());
    }
    if parts.is_empty() { "as the target does by default".to_owned() } else { parts.join(", ") }
}

fn limits(spec: &HarnessSummary) -> String {
    let limits = &spec.limits;
    let mut parts = Vec::new();
    parts.extend(limits.messages.map(|count| format!("{count} messages")));
    parts.extend(limits.tokens.map(|count| format!("{count} tokens")));
    parts.extend(limits.time_seconds.map(|seconds| format!("{seconds} s")));
    if parts.is_empty() { "none but the target's own".to_owned() } else { parts.join(", ") }
}

fn epochs(task: &TaskSummary, spec: &HarnessSummary) -> String {
    let reducer = match spec.reducer {
        Reducer::Mean => "mean".to_owned(),
        Reducer::Median => "median".to_owned(),
        Reducer::Mode => "commonest".to_owned(),
        Reducer::Max => "highest".to_owned(),
        Reducer::AtLeast(k) => format!("whether at least {k} passed"),
        Reducer::PassAt(k) => format!("pass@{k}"),
        Reducer::PassK(k) => format!("pass^{k}"),
    };
    if task.epochs == 1 { "1".to_owned() } else { format!("{}, of which the {reducer}", task.epochs) }
}
