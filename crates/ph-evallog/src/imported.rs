//! The header of a log made elsewhere as the manifest of a run, with what it lacks.

use ph_base::{Digest, RunId, Timestamp};
use ph_model::TargetName;
use ph_record::{Reducer, Reducers, RunManifest};
use serde_json::{Map, Value, json};

use crate::core::{KEY, VERSION};
use crate::event::{config_in, eval_error_in, id_in};
use crate::reader::Header;
use crate::shape::{instant_in, own_usage};

/// A log as a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedHeader {
    /// The manifest; counts and endings are those of no sample yet.
    pub manifest: RunManifest,
    /// The program that made the log with its version, where it says.
    pub program: Option<String>,
    /// Whether the run was made by Proofhouse, whose own record rides in the log.
    pub is_ours: bool,
    /// Whether it holds only some of the samples of a run made here, whose id it has.
    pub is_part: bool,
    /// What the log lacks that a run made here has.
    pub lacks: Vec<String>,
}

/// The manifest of the run that a log describes. `log_digest` is that of the log's file: with the instant of its making it
/// gives the run its id, so that the same log is the same run.
///
/// # Errors
/// What is wrong, in words, where the header names no task or model.
pub fn import_header(header: &Header, log_digest: &Digest) -> Result<ImportedHeader, String> {
    let value = &header.value;
    let eval = value.get("eval").filter(|eval| eval.is_object()).ok_or("its header has no `eval`")?;
    let program = program(eval);
    let mut lacks = Vec::new();
    if !header.is_finished {
        lacks.push("its end: it was never finished, so only flushed samples are there".to_owned());
    }
    if let Some(mut manifest) = own_manifest(eval) {
        let here = value["results"].get("total_samples").and_then(Value::as_u64);
        let here = here.filter(|here| *here < manifest.samples);
        if let Some(here) = here {
            let all = manifest.samples;
            lacks.push(format!("the rest of its run: {here} of {all} samples are here, and the usage is that of all"));
        }
        manifest.samples = 0;
        manifest.endings.clear();
        return Ok(ImportedHeader { manifest, program, is_ours: true, is_part: here.is_some(), lacks });
    }
    let created = instant_in(eval.get("created")).unwrap_or_default();
    let manifest = json!({
        "version": RunManifest::VERSION,
        "id": id_of(created, log_digest),
        "kind": "exploratory",
        "task": task(value, eval)?,
        "task_digest": task_digest(eval),
        "target": TargetName::of_log(eval.get("model").and_then(Value::as_str).ok_or("its header names no `model`")?),
        "seed": seed(value, eval).unwrap_or(0),
        "epochs": count(eval, "epochs").unwrap_or(1).max(1),
        "limit": eval["config"].get("limit").and_then(Value::as_u64),
        "status": status(value),
        "samples": 0,
        "usage": own_usage(value["stats"].get("model_usage"), value["stats"].get("role_usage")),
        "error": value.get("error").filter(|error| !error.is_null()).map(eval_error_in),
        "started_at": instant_in(value["stats"].get("started_at")).unwrap_or(created),
        "completed_at": completed(value),
    });
    lacks.extend(missing(value, eval));
    let manifest = serde_json::from_value(manifest).map_err(|error| format!("its header is malformed: {error}"))?;
    Ok(ImportedHeader { manifest, program, is_ours: false, is_part: false, lacks })
}

/// The id of the run that a log becomes, where it has none of its own: of the instant of its making and the digest of its
/// file, so that the same log is the same run.
#[must_use]
pub fn id_of(created: Timestamp, log_digest: &Digest) -> RunId {
    let mut random = [0; 10];
    random.copy_from_slice(&log_digest.bytes()[..10]);
    RunId::new(created, random)
}

fn own_manifest(eval: &Value) -> Option<RunManifest> {
    let own = eval.get("metadata")?.get(KEY)?;
    let is_known = own.get("version").and_then(Value::as_u64) == Some(VERSION);
    is_known.then(|| serde_json::from_value(own.get("run")?.clone()).ok()).flatten()
}

fn program(eval: &Value) -> Option<String> {
    let packages = eval.get("packages")?.as_object()?;
    let named = packages.get_key_value("inspect_ai").or_else(|| packages.iter().next())?;
    Some(plain(&format!("{} {}", named.0, named.1.as_str().unwrap_or_default())))
}

fn status(header: &Value) -> &'static str {
    match header.get("status").and_then(Value::as_str) {
        Some("success") => "success",
        Some("cancelled") => "cancelled",
        Some("error") => "error",
        _ => "started",
    }
}

fn completed(header: &Value) -> Option<Timestamp> {
    instant_in(header["stats"].get("completed_at"))
}

fn seed(header: &Value, eval: &Value) -> Option<u64> {
    let places = [&eval["model_generate_config"], &header["plan"]["config"], &eval["config"]];
    places.into_iter().find_map(|place| place.get("seed").and_then(Value::as_u64))
}

fn count(eval: &Value, name: &str) -> Option<u32> {
    eval["config"].get(name).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
}

fn missing(header: &Value, eval: &Value) -> Vec<String> {
    let mut lacks = Vec::new();
    let unknown: Vec<String> = reducer_names(eval)
        .filter(|name| name.parse::<Reducer>().is_err())
        .map(|name| format!("`{}`", plain(name)))
        .collect();
    if !unknown.is_empty() {
        lacks.push(format!("a reducer that we have for {}", unknown.join(", ")));
    }
    if seed(header, eval).is_none() {
        lacks.push("a seed".to_owned());
    }
    lacks.extend(
        [
            "seeds per sample",
            "a fingerprint of the target",
            "a plan locked before the run",
            "whose error ended a sample: one after a failed call is read as the provider's, any other as a grader error",
            "how the target responded: refusals are read from the wording of the last reply",
            "measures: the mean of every scorer is compared, and lower than the comparator is read as the fault",
        ]
        .map(str::to_owned),
    );
    lacks
}

/// The task as far as the log describes it.
fn task(header: &Value, eval: &Value) -> Result<Value, String> {
    let name = eval.get("task").and_then(Value::as_str).ok_or("its header names no `task`")?;
    let config = config_in(eval.get("model_generate_config")).over(&config_in(header["plan"].get("config")));
    let limits = json!({
        "messages": count(eval, "message_limit"),
        "tokens": eval["config"].get("token_limit").and_then(Value::as_u64),
        "time_seconds": eval["config"].get("time_limit").and_then(Value::as_f64),
    });
    let mut task = json!({
        "name": plain(name),
        "version": plain(&id_in(eval.get("task_version"))),
        "title": plain(eval.get("task_display_name").and_then(Value::as_str).unwrap_or(name)),
        "description": "Read from an evaluation log.",
        "dataset": plain(dataset(eval)),
        "solver": steps(&header["plan"]["steps"], "solver", "params"),
        "scorer": scorers(header, eval),
        "epochs": { "count": count(eval, "epochs").unwrap_or(1).max(1), "reducer": reducers(eval) },
        "config": config,
        "limits": limits,
    });
    let measures: Vec<Value> = names(&task["scorer"]).enumerate().map(|(at, scorer)| measure(at, scorer)).collect();
    task["analysis"] = json!({ "measures": measures });
    Ok(task)
}

fn names(steps: &Value) -> impl Iterator<Item = &str> {
    steps.as_array().into_iter().flatten().filter_map(|step| step.get("name").and_then(Value::as_str))
}

/// What is compared of a scorer: its mean, lower than the comparator's being the fault.
#[must_use]
pub fn measure(at: usize, scorer: &str) -> Value {
    json!({ "id": format!("score-{}", at + 1), "title": format!("mean score by {scorer}"), "score": scorer, "fault": "lower" })
}

fn dataset(eval: &Value) -> &str {
    let field = |name: &str| eval["dataset"].get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    field("name").or_else(|| field("location")).unwrap_or("unnamed")
}

/// The names of Inspect's reducers.
fn reducer_names(eval: &Value) -> impl Iterator<Item = &str> {
    eval["config"].get("epochs_reducer").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Those that we have.
fn reducers(eval: &Value) -> Reducers {
    let known: Vec<Reducer> = reducer_names(eval).filter_map(|name| name.parse().ok()).collect();
    match known.as_slice() {
        [] => Reducers::default(),
        [one] => Reducers::One(*one),
        _ => Reducers::Several(known),
    }
}

fn steps(steps: &Value, name: &str, parameters: &str) -> Vec<Value> {
    let all = steps.as_array().into_iter().flatten();
    all.filter_map(|step| {
        let mut table = Map::from_iter([("name".to_owned(), Value::from(plain(step.get(name)?.as_str()?)))]);
        for (key, value) in step.get(parameters).and_then(Value::as_object).into_iter().flatten() {
            table.entry(key.clone()).or_insert_with(|| value.clone());
        }
        Some(Value::Object(table))
    })
    .collect()
}

/// The scorers under the names that their scores have: those of the results, else those of the evaluation.
fn scorers(header: &Value, eval: &Value) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    let results = header["results"].get("scores").and_then(Value::as_array).into_iter().flatten();
    let named = results.filter_map(|score| score.get("scorer").or_else(|| score.get("name")).and_then(Value::as_str));
    let planned = eval.get("scorers").and_then(Value::as_array).into_iter().flatten();
    let planned = planned.filter_map(|scorer| scorer.get("name").and_then(Value::as_str));
    for name in named.chain(planned) {
        let short = plain(name.rsplit('/').next().unwrap_or(name));
        if found.iter().all(|scorer| scorer["name"] != short) {
            found.push(json!({ "name": short }));
        }
    }
    found
}

fn task_digest(eval: &Value) -> Digest {
    let parts =
        ["task", "task_version", "task_args", "dataset"].map(|name| eval.get(name).unwrap_or(&Value::Null).to_string());
    Digest::of_parts(parts.iter().map(String::as_bytes))
}

/// A name of a log fit to stand in tables: no control characters, bounded.
fn plain(text: &str) -> String {
    crate::error::shown(text)
}
