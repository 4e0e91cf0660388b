//! `proofhouse eval show`: a run, or one of its samples.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use ph_analysis::{Run, RunTable, own_treatment};
use ph_eval::RunDir;
use ph_record::SampleRecord;

use super::run::{document, print};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;
use crate::run_argument::{open_run, unreadable};
use crate::treat_arguments::TreatArguments;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The run: the path of its directory, or its id
    run: String,
    /// Where runs are looked for by id: an output directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Show this sample's transcript
    #[arg(long, value_name = "ID")]
    sample: Option<String>,
    /// Which epoch of the sample
    #[arg(long, value_name = "N", default_value_t = 1)]
    epoch: u32,
    #[command(flatten)]
    treat: TreatArguments,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let dir = open_run(&arguments.run, &arguments.out)?;
    let manifest = dir.manifest().map_err(unreadable)?;
    if let Some(sample) = &arguments.sample {
        return show_sample(&dir, sample, arguments);
    }
    let mut table = RunTable::new(&manifest.task);
    let mut records = dir.records_without_events().map_err(unreadable)?;
    for record in records.by_ref() {
        table.observe(&record.map_err(unreadable)?);
    }
    if let Some(tail) = records.torn_tail() {
        output::say(&format!(
            "note: `{}` ends in the middle of a record ({} bytes of entry {}), which does not count",
            tail.path.display(),
            tail.bytes,
            tail.entry
        ));
    }
    let run = Run { manifest, table };
    let treatment = arguments.treat.over(own_treatment(&run))?;
    if arguments.json {
        output::json(&document(&run, dir.path(), treatment))?;
    } else {
        print(&run, dir.path(), treatment)?;
    }
    Ok(Exit::Done)
}

fn show_sample(dir: &RunDir, id: &str, arguments: &Arguments) -> Result<Exit, Failure> {
    for record in dir.records().map_err(unreadable)? {
        let record = record.map_err(unreadable)?;
        if record.sample == id && record.epoch == arguments.epoch {
            if arguments.json {
                output::json(&record)?;
            } else {
                output::data(&output::visible(&transcript(&record)))?;
            }
            return Ok(Exit::Done);
        }
    }
    let message = format!("the run has no sample `{}` at epoch {}", output::visible(id), arguments.epoch);
    Err(Failure::new(Exit::Usage, "run::no_sample", message))
}

/// A sample's conversation and scores as text.
pub(in crate::cli) fn transcript(record: &SampleRecord) -> String {
    let mut text = format!("{} epoch {} · {}\n", record.sample, record.epoch, record.ending.name());
    if let Some(error) = record.ending.error() {
        let _ = writeln!(text, "{}: {}", error.code, error.message);
    }
    for message in &record.messages {
        let _ = writeln!(text, "\n[{}]\n{}", message.role.as_str(), message.text());
        for call in &message.tool_calls {
            let _ = writeln!(text, "→ {}({})", call.function, call.arguments);
        }
    }
    let _ = writeln!(text, "\nexpected: {}", record.expected.all().join(" | "));
    for (scorer, score) in &record.scores {
        let value = serde_json::to_string(&score.value).unwrap_or_default();
        let answer = score.answer.as_deref().unwrap_or("–");
        let _ = writeln!(text, "{scorer}: {value} (read: {answer})");
    }
    text
}
