//! `proofhouse log ls`: logs with task, model, status and scores. A log that cannot be read is listed as such.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{Table, presets};
use ph_evallog::{EvalLog, LogError};
use serde_json::{Value, json};

use super::log_files;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Logs, or folders in which they are looked for
    #[arg(required = true, value_name = "DIR|FILE")]
    logs: Vec<PathBuf>,
    /// Print `{logs: [{file, task, model, status, samples, scores, error}]}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let logs: Vec<Value> = log_files(&arguments.logs)?.iter().map(|file| described(file)).collect();
    let is_broken = logs.iter().any(|log| log.get("error").is_some());
    if arguments.json {
        output::json(&json!({ "logs": logs }))?;
    } else {
        output::data(&format!("{}\n", table(&logs)))?;
    }
    Ok(if is_broken { Exit::Malformed } else { Exit::Done })
}

fn described(file: &Path) -> Value {
    match header(file) {
        Ok(log) => log,
        Err(error) => json!({ "file": file, "error": error.to_string() }),
    }
}

fn header(file: &Path) -> Result<Value, LogError> {
    let header = EvalLog::open(file)?.header()?.value;
    let eval = &header["eval"];
    Ok(json!({
        "file": file,
        "task": eval["task"],
        "model": eval["model"],
        "created": eval["created"],
        "status": header["status"],
        "samples": header["results"].get("total_samples").or_else(|| eval["dataset"].get("samples")),
        "scores": scores(&header),
    }))
}

/// The first metric of every score.
pub(super) fn scores(header: &Value) -> Value {
    let scores = header["results"].get("scores").and_then(Value::as_array).into_iter().flatten();
    let means = scores.filter_map(|score| {
        let metrics = score.get("metrics")?.as_object()?;
        let metric = metrics.get("accuracy").or_else(|| metrics.get("mean")).or_else(|| metrics.values().next())?;
        Some((score.get("name")?.as_str()?.to_owned(), metric.get("value")?.clone()))
    });
    Value::Object(means.collect())
}

fn table(logs: &[Value]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["log", "task", "model", "status", "samples", "scores"]);
    for log in logs {
        let text = |name: &str| log.get(name).map(shown).unwrap_or_default();
        if log.get("error").is_some() {
            table.add_row([
                text("file"),
                "–".to_owned(),
                "–".to_owned(),
                "unreadable".to_owned(),
                String::new(),
                text("error"),
            ]);
            continue;
        }
        let scores = log["scores"].as_object().into_iter().flatten();
        let scores: Vec<String> =
            scores.map(|(name, value)| format!("{} {}", output::visible(name), rounded(value))).collect();
        table.add_row([text("file"), text("task"), text("model"), text("status"), text("samples"), scores.join(", ")]);
    }
    table
}

/// A value of a log as text, which is somebody else's.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => output::visible(text),
        other => output::visible(&other.to_string()),
    }
}

/// A number with three decimals.
pub(super) fn rounded(value: &Value) -> String {
    value.as_f64().map_or_else(|| shown(value), |number| format!("{number:.3}"))
}
