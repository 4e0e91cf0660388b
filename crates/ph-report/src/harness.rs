//! The harness disclosure: what was done with every sample, from the task's own spec.

use std::collections::{BTreeMap, BTreeSet};

use ph_analysis::{HarnessSummary, ReportData, RunResult, TaskSummary};
use ph_model::GenerateConfig;
use ph_record::{DatasetSpec, OriginKind, Reducer, RetryLimits, SolverSpec};
use serde_json::{Map, Value};

use crate::provenance::Fact;
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
    let GenerateConfig {
        max_tokens,
        temperature,
        top_p,
        stop,
        seed,
        logprobs,
        top_logprobs,
        top_k,
        frequency_penalty,
        presence_penalty,
        reasoning_effort,
        reasoning_tokens,
        response_schema,
    } = &spec.config;
    let mut parts = Vec::new();
    parts.extend(temperature.map(|value| format!("temperature {value}")));
    parts.extend(top_p.map(|value| format!("top-p {value}")));
    parts.extend(top_k.map(|value| format!("top-k {value}")));
    parts.extend(frequency_penalty.map(|value| format!("frequency penalty {value}")));
    parts.extend(presence_penalty.map(|value| format!("presence penalty {value}")));
    parts.extend(max_tokens.map(|value| format!("at most {value} tokens a reply")));
    parts.extend(reasoning_effort.map(|value| format!("reasoning effort {}", value.as_str())));
    parts.extend(reasoning_tokens.map(|value| format!("at most {value} tokens of reasoning")));
    parts.extend(seed.map(|value| format!("seed {value} for every call")));
    parts.extend((!stop.is_empty()).then(|| format!("{} stop texts", stop.len())));
    parts.extend(response_schema.as_ref().map(|schema| format!("replies by the schema {}", visible(&schema.name))));
    parts.extend(logprobs.then(|| "log-probabilities asked for".to_owned()));
    parts.extend(top_logprobs.map(|value| format!("{value} alternatives a token")));
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

/// What holds for every suite's harness.
pub(crate) fn run_facts(data: &ReportData) -> Vec<Fact> {
    let limit = data.plan.limit.map_or_else(|| "none".to_owned(), |limit| format!("{limit} items per suite"));
    vec![
        Fact::of("Program", visible(&data.program)),
        Fact::of("Seed", seed(data)),
        Fact::of("Cut of the items", limit),
        Fact::of("Attempts", attempts(data)),
        Fact::of(
            "Elicitation",
            "what the solvers below do and nothing else; no effort at eliciting outside them is recorded".to_owned(),
        ),
    ]
}

/// Whether the plan's seed is that of every run: an imported one has none of this program's.
pub(crate) fn repeats_by_seed(data: &ReportData) -> bool {
    data.runs().all(|run| run.origin != Some(OriginKind::Imported))
}

fn seed(data: &ReportData) -> String {
    if repeats_by_seed(data) {
        return format!("{}; a sample's own seed follows from it, the task, the item and the epoch", data.plan.seed);
    }
    let are_made_here = data.runs().any(|run| run.origin != Some(OriginKind::Imported));
    let here = if are_made_here { format!("{} of the runs made here; ", data.plan.seed) } else { String::new() };
    format!("{here}of the imported runs none is recorded")
}

/// When a failed call was tried again, for each policy with the targets whose runs had it.
fn attempts(data: &ReportData) -> String {
    let mut policies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for run in data.runs() {
        policies.entry(policy(run)).or_default().insert(visible(&run.target.to_string()));
    }
    if policies.len() < 2 {
        return policies.into_keys().next().unwrap_or_else(|| "nothing ran".to_owned());
    }
    let named = |(policy, targets): (String, BTreeSet<String>)| {
        format!("{}: {policy}", targets.into_iter().collect::<Vec<_>>().join(", "))
    };
    policies.into_iter().map(named).collect::<Vec<_>>().join(". ")
}

fn policy(run: &RunResult) -> String {
    match run.retries {
        None => "not recorded".to_owned(),
        Some(RetryLimits { most: 0, .. }) => {
            "one attempt per call; a call that fails ends its sample, and the ending says so".to_owned()
        }
        Some(RetryLimits { most, seconds }) => format!(
            "a call that fails in a way that another may not is tried again up to {most} times, more often where the \
             target says when to come back, within {seconds} s in all; then it ends its sample, and the ending says so"
        ),
    }
}

#[cfg(test)]
mod tests {
    use ph_model::{ReasoningEffort, ResponseSchema};

    use super::*;

    #[test]
    fn every_setting_of_a_call_is_disclosed() {
        let config: GenerateConfig = serde_json::from_value(serde_json::json!({
            "max_tokens": 11, "temperature": 0.5, "top_p": 0.9, "stop": ["x"], "seed": 7, "logprobs": true,
            "top_logprobs": 3, "top_k": 40, "frequency_penalty": 0.25, "presence_penalty": 0.75,
            "reasoning_tokens": 99
        }))
        .unwrap();
        let config = GenerateConfig {
            reasoning_effort: Some(ReasoningEffort::High),
            response_schema: Some(ResponseSchema {
                name: "answer".to_owned(),
                json_schema: serde_json::json!({}),
                description: None,
                strict: None,
            }),
            ..config
        };
        let spec = HarnessSummary {
            dataset: DatasetSpec::File("items.jsonl".to_owned()),
            solver: Vec::new(),
            scorer: Vec::new(),
            reducer: Reducer::Mean,
            config,
            limits: ph_record::TaskLimits::default(),
            sandbox: None,
        };
        let text = sampling(&spec);
        for part in [
            "temperature 0.5",
            "top-p 0.9",
            "top-k 40",
            "frequency penalty 0.25",
            "presence penalty 0.75",
            "at most 11 tokens a reply",
            "reasoning effort high",
            "at most 99 tokens of reasoning",
            "seed 7",
            "1 stop texts",
            "schema answer",
            "log-probabilities",
            "3 alternatives",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
