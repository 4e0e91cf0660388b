//! `proofhouse log show`: a log, or one of its samples.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};
use ph_base::Digest;
use ph_evallog::{EvalLog, LogError, SampleContext, SampleSummary, import_header, sample_in};
use serde_json::{Value, json};

use super::log_failure;
use super::ls::{rounded, scores, shown};
use crate::cli::eval::show::transcript;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

/// The most samples that a person is shown.
const ROWS_MAX: usize = 200;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The log
    file: PathBuf,
    /// Show this sample's transcript
    #[arg(long, value_name = "ID")]
    sample: Option<String>,
    /// Which epoch of the sample
    #[arg(long, value_name = "N", default_value_t = 1)]
    epoch: u32,
    /// Print one JSON document on stdout: the header with the samples' scores, or the sample's record
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let log = EvalLog::open(&arguments.file).map_err(log_failure)?;
    match &arguments.sample {
        Some(sample) => show_sample(&log, sample, arguments),
        None if arguments.json => print_json(&log),
        None => print(&log),
    }
}

fn show_sample(log: &EvalLog, id: &str, arguments: &Arguments) -> Result<Exit, Failure> {
    let header = log.header().map_err(log_failure)?;
    let malformed = |problem: String| {
        let entry = format!("sample {}", output::visible(id));
        log_failure(LogError::Entry { path: log.path().to_owned(), entry, problem })
    };
    let imported = import_header(&header, &Digest::of(b"")).map_err(malformed)?;
    let context = SampleContext { run: imported.manifest.id, task: imported.manifest.task.name };
    let sample = log.sample(id, arguments.epoch).map_err(log_failure)?;
    let record = sample_in(sample, &context).map_err(malformed)?;
    if arguments.json {
        output::json(&record)?;
    } else {
        output::data(&output::visible(&transcript(&record)))?;
    }
    Ok(Exit::Done)
}

fn each_summary(log: &EvalLog, mut each: impl FnMut(SampleSummary)) -> Result<(), Failure> {
    let read = log.summaries(|summary| {
        each(SampleSummary::parse(summary).map_err(|error| LogError::Entry {
            path: log.path().to_owned(),
            entry: "summaries.json".to_owned(),
            problem: error.to_string(),
        })?);
        Ok(())
    });
    read.map_err(log_failure)
}

fn print_json(log: &EvalLog) -> Result<Exit, Failure> {
    let header = log.header().map_err(log_failure)?;
    let mut samples = Vec::new();
    each_summary(log, |summary| {
        let scores: serde_json::Map<String, Value> =
            summary.scores().map(|(name, score)| (name.to_owned(), json!(score))).collect();
        samples
            .push(json!({ "id": summary.id(), "epoch": summary.epoch, "ending": summary.ending(), "scores": scores }));
    })?;
    output::json(
        &json!({ "file": log.path(), "is_finished": header.is_finished, "header": header.value, "samples": samples }),
    )?;
    Ok(Exit::Done)
}

fn print(log: &EvalLog) -> Result<Exit, Failure> {
    let header = log.header().map_err(log_failure)?;
    let eval = &header.value["eval"];
    for (name, value) in [
        ("task", &eval["task"]),
        ("model", &eval["model"]),
        ("created", &eval["created"]),
        ("status", &header.value["status"]),
    ] {
        output::data(&format!("{name:<8} {}\n", shown(value)))?;
    }
    for (name, value) in scores(&header.value).as_object().into_iter().flatten() {
        output::data(&format!("score    {} {}\n", output::visible(name), rounded(value)))?;
    }
    if let Ok(imported) = import_header(&header, &Digest::of(b"")) {
        imported.lacks.iter().try_for_each(|lack| output::data(&format!("lacks    {lack}\n")))?;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["sample", "epoch", "ending", "scores"]);
    let mut count = 0;
    each_summary(log, |summary| {
        count += 1;
        if count <= ROWS_MAX {
            let scores: Vec<String> = summary
                .scores()
                .map(|(name, score)| format!("{} {}", output::visible(name), rounded(&json!(score))))
                .collect();
            let ending = output::visible(&summary.ending());
            table.add_row([output::visible(&summary.id()), summary.epoch.to_string(), ending, scores.join(", ")]);
        }
    })?;
    output::data(&format!("{table}\n"))?;
    if count > ROWS_MAX {
        output::say(&format!("the first {ROWS_MAX} of {count} samples; `--json` has all"));
    }
    Ok(Exit::Done)
}
