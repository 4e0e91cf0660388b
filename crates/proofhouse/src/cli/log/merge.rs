//! `proofhouse log merge`: logs of the same task and model as one. Samples are copied as they are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use ph_base::Digest;
use ph_evallog::{
    EvalLog, ImportedHeader, LogWriter, Packer, SampleContext, SamplePlace, import_header, merged_stats, sample_in,
};
use serde_json::{Value, json};

use super::{log_failure, refuse_existing};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The logs; of a sample that several have, the last one's counts
    #[arg(required = true, value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// The log to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print `{out, samples, replaced}` on stdout
    #[arg(long)]
    json: bool,
}

struct Part {
    log: EvalLog,
    header: Value,
    imported: ImportedHeader,
    places: Vec<SamplePlace>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    refuse_existing(&arguments.out)?;
    let parts = arguments.logs.iter().map(|path| part(path)).collect::<Result<Vec<_>, _>>()?;
    same_evaluation(&parts)?;
    let mut last: HashMap<(&str, u32), usize> = HashMap::new();
    for (number, part) in parts.iter().enumerate() {
        last.extend(part.places.iter().map(|place| ((place.id.as_str(), place.epoch), number)));
    }
    let all: usize = parts.iter().map(|part| part.places.len()).sum();
    let first = &parts[0];
    let start =
        json!({ "version": first.header["version"], "eval": first.header["eval"], "plan": first.header["plan"] });
    let mut writer = LogWriter::create(&arguments.out, start).map_err(log_failure)?;
    let mut packer = Packer::new().map_err(|error| Failure::from_error(Exit::Unexpected, "log::pack", error))?;
    for (number, part) in parts.iter().enumerate() {
        let counts = |place: &&SamplePlace| last.get(&(place.id.as_str(), place.epoch)) == Some(&number);
        for place in part.places.iter().filter(counts) {
            copy(part, place, &mut writer, &mut packer)?;
        }
    }
    let samples = writer.samples();
    let reducers = &first.imported.manifest.task.epochs.reducer;
    writer.finish_merged(header(&parts), reducers).map_err(log_failure)?;
    let replaced = all as u64 - samples;
    if arguments.json {
        output::json(&json!({ "out": arguments.out, "samples": samples, "replaced": replaced }))?;
    } else {
        output::say(&format!("{}: {samples} samples of {} logs", arguments.out.display(), parts.len()));
        if replaced > 0 {
            output::say(&format!("{replaced} samples were in several logs; the last one's count"));
        }
    }
    Ok(Exit::Done)
}

fn part(path: &Path) -> Result<Part, Failure> {
    let log = EvalLog::open(path).map_err(log_failure)?;
    let header = log.header().map_err(log_failure)?;
    let imported = import_header(&header, &Digest::of(b""))
        .map_err(|problem| log_failure(ph_evallog::LogError::Archive { path: path.to_owned(), problem }))?;
    let places = log.samples().map_err(log_failure)?;
    Ok(Part { log, header: header.value, imported, places })
}

fn same_evaluation(parts: &[Part]) -> Result<(), Failure> {
    let names = |part: &Part| (part.imported.manifest.task.name.clone(), part.imported.manifest.target.to_string());
    let first = names(&parts[0]);
    for part in parts {
        let (task, model) = names(part);
        if (&task, &model) != (&first.0, &first.1) {
            let message = format!(
                "`{}` is of task `{}` on `{}`, the first log of `{}` on `{}`",
                part.log.path().display(),
                output::visible(&task),
                output::visible(&model),
                output::visible(&first.0),
                output::visible(&first.1)
            );
            return Err(
                Failure::new(Exit::Usage, "log::different", message).with_hint("merge logs of one task on one model")
            );
        }
    }
    Ok(())
}

fn copy(part: &Part, place: &SamplePlace, writer: &mut LogWriter, packer: &mut Packer) -> Result<(), Failure> {
    let wrong = |problem: String| log_failure(part.log.sample_error(place, problem));
    let sample = part.log.sample_at(place).map_err(log_failure)?;
    let entry = match part.log.packed_at(place).map_err(log_failure)? {
        Some(entry) => entry,
        None => {
            let document = ph_evallog::numbers::written(&sample).map_err(|error| wrong(error.to_string()))?;
            packer.pack(&document).map_err(|error| wrong(error.to_string()))?
        }
    };
    let manifest = &part.imported.manifest;
    let context = SampleContext { run: manifest.id, task: manifest.task.name.clone() };
    let record = sample_in(sample, &context).map_err(wrong)?;
    let name = ph_evallog::entry_name(&place.id, place.epoch);
    writer.sample(&name, &entry, &record, &manifest.target.to_string()).map_err(log_failure)
}

/// The first log's header with what all used together; where any of them did not succeed, neither did the whole.
fn header(parts: &[Part]) -> Value {
    let mut header = parts[0].header.clone();
    let status = |part: &Part| part.header["status"].as_str().unwrap_or("started").to_owned();
    if let Some(other) = parts.iter().map(status).find(|status| status != "success") {
        header["status"] = other.into();
    }
    let headers: Vec<&Value> = parts.iter().map(|part| &part.header).collect();
    if let Some(stats) = merged_stats(&headers) {
        header["stats"] = stats;
    }
    header
}
