//! The evaluation itself: a run's manifest as Inspect's `EvalSpec`, `EvalPlan` and header.

use ph_base::Digest;
use ph_record::{DatasetSpec, RoleUse, RunManifest, SolverSpec, TaskSpec};
use serde_json::{Map, Value, json};

use crate::core::{KEY, VERSION};
use crate::event::config;
#[cfg(feature = "write")]
use crate::event::eval_error;
use crate::shape::instant;
#[cfg(feature = "write")]
use crate::shape::{model_usage, role_usage};

/// Inspect's `LOG_SCHEMA_VERSION`.
const SCHEMA_VERSION: u32 = 2;

/// `_journal/start.json` of a run's log; `program` is the program with its version, for instance `proofhouse 0.1.0`.
#[must_use]
pub fn start_json(manifest: &RunManifest, program: &str) -> Value {
    json!({ "version": SCHEMA_VERSION, "eval": eval(manifest, program), "plan": plan(manifest) })
}

#[cfg(feature = "write")]
/// `header.json`: the start with status, results and stats.
pub(crate) fn header_json(start: &Value, manifest: &RunManifest, results: Value) -> Value {
    let mut stats = json!({
        "started_at": instant(manifest.started_at),
        "model_usage": model_usage(&manifest.target.to_string(), &manifest.usage, &manifest.roles),
    });
    if !manifest.roles.is_empty() {
        stats["role_usage"] = role_usage(&manifest.roles);
    }
    if let Some(end) = manifest.completed_at {
        stats["completed_at"] = instant(end).into();
    }
    let mut header = json!({
        "version": SCHEMA_VERSION,
        "status": manifest.status,
        "eval": start["eval"],
        "plan": start["plan"],
        "results": results,
        "stats": stats,
    });
    if let Some(error) = &manifest.error {
        header["error"] = eval_error(error);
    }
    header["invalidated"] = false.into();
    header
}

fn eval(manifest: &RunManifest, program: &str) -> Value {
    let task = &manifest.task;
    let id =
        |part: &str| Digest::of_parts([manifest.id.to_string().as_bytes(), part.as_bytes()]).hex()[..22].to_owned();
    let (name, version) = program.rsplit_once(' ').unwrap_or((program, ""));
    let mut eval = json!({
        "eval_id": id("eval"),
        "run_id": id("run"),
        "created": instant(manifest.started_at),
        "task": task.name,
        "task_id": id("task"),
        "task_version": task.version,
        "task_display_name": if task.title.is_empty() { &task.name } else { &task.title },
        "task_args": {},
        "dataset": dataset(&task.dataset),
        "model": manifest.target.to_string(),
        "model_generate_config": config(&task.config),
        "config": eval_config(manifest),
        "packages": { name: version },
        "metadata": { KEY: { "version": VERSION, "run": manifest } },
        "scorers": task.scorer.iter().map(scorer).collect::<Vec<_>>(),
    });
    if !manifest.roles.is_empty() {
        eval["model_roles"] = manifest.roles.iter().map(|(role, used)| model_role(role, used, task)).collect();
    }
    eval
}

/// A role with its model and its settings.
fn model_role(role: &str, used: &RoleUse, task: &TaskSpec) -> (String, Value) {
    let settings = task.roles.get(role).map_or_else(|| json!({}), |spec| config(&spec.config));
    (role.to_owned(), json!({ "model": used.target, "config": settings, "args": {} }))
}

fn dataset(dataset: &DatasetSpec) -> Value {
    match dataset {
        DatasetSpec::File(name) => json!({ "name": name, "location": name, "shuffled": false }),
        DatasetSpec::Table(table) => {
            json!({ "name": table.file, "location": table.file, "shuffled": !table.shuffle.is_none() })
        }
        DatasetSpec::Generated { generator, .. } => json!({ "name": generator, "shuffled": false }),
    }
}

fn eval_config(manifest: &RunManifest) -> Value {
    let limits = &manifest.task.limits;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Option<Value>| value.map(|value| fields.insert(name.to_owned(), value));
    set("limit", manifest.limit.map(Value::from));
    set("epochs", Some(manifest.epochs.into()));
    set("epochs_reducer", Some(json!(manifest.task.epochs.reducer.all())));
    set("message_limit", limits.messages.map(Value::from));
    set("token_limit", limits.tokens.map(Value::from));
    set("time_limit", limits.time_seconds.map(|seconds| Value::from(seconds.ceil() as u64)));
    Value::Object(fields)
}

fn scorer(scorer: &SolverSpec) -> Value {
    json!({ "name": scorer.label(), "options": scorer.parameters(), "metrics": [{ "name": "accuracy", "options": {} }],
        "metadata": {} })
}

fn plan(manifest: &RunManifest) -> Value {
    let step = |step: &SolverSpec| json!({ "solver": step.name(), "params": step.parameters(), "params_passed": step.parameters() });
    json!({
        "name": "plan",
        "steps": manifest.task.solver.iter().map(step).collect::<Vec<_>>(),
        "config": config(&manifest.task.config),
    })
}
