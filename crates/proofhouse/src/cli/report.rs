//! `proofhouse report`: a report of runs that are there already.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ph_assess::{ReportError, ReportRequest, report_runs};
use ph_record::Treatment;

use super::work::{house, output_failure};
use crate::console::Console;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;
use crate::run_argument::{open_run, unreadable};
use crate::shell_word::{quoted, quoted_path};
use crate::treat_arguments::TreatArguments;

const AFTER_HELP: &str = "\
Examples:
  proofhouse report review/runs/run_0198… --out report
  proofhouse report run_0198…2 --comparator run_0198…1 --from review --out report";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The runs: paths of their directories, or ids
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// The run with which they are compared, paired by item and epoch
    #[arg(long, value_name = "RUN")]
    comparator: Option<String>,
    /// Where runs are looked for by id: an output directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    from: PathBuf,
    /// The output directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A difference is a finding only beyond this many points
    #[arg(long, value_name = "POINTS", default_value_t = 10.0, value_parser = super::assess::margin)]
    margin: f64,
    #[command(flatten)]
    treat: TreatArguments,
    /// Print the report's data on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let open = |run: &String| open_run(run, &arguments.from);
    let request = ReportRequest {
        runs: arguments.runs.iter().map(open).collect::<Result<_, _>>()?,
        comparator: arguments.comparator.as_ref().map(open).transpose()?,
        out: arguments.out.clone(),
        margin: arguments.margin / 100.0,
        treatment: treatment(arguments)?,
        repeat: repeat(arguments),
    };
    let house = house(Arc::new(Console::new()))?;
    let (report, out) = report_runs(&request, &house).map_err(failure)?;
    if arguments.json {
        output::json(&report)?;
    } else {
        output::data(&format!("{}\n", ph_report::text_table(&report)))?;
        report.limits.iter().filter(|limit| limit.contains("It lacks:")).for_each(|limit| output::say(limit));
    }
    output::say(&format!("report: {}", out.report().join("report.html").display()));
    Ok(if report.errors() > 0 { Exit::SampleErrors } else { Exit::Done })
}

/// What is asked for, over the default; none where nothing is.
fn treatment(arguments: &Arguments) -> Result<Option<Treatment>, Failure> {
    let given = arguments.treat.is_given();
    given.then(|| arguments.treat.over(Treatment::default())).transpose()
}

fn repeat(arguments: &Arguments) -> String {
    let mut line = vec!["proofhouse report".to_owned()];
    line.extend(arguments.runs.iter().map(|run| quoted(run)));
    line.extend(arguments.comparator.iter().map(|run| format!("--comparator {}", quoted(run))));
    line.push(format!("--from {} --margin {}", quoted_path(&arguments.from), arguments.margin));
    line.extend(arguments.treat.repeat());
    line.push(format!("--out {}", quoted_path(&arguments.out)));
    line.join(" ")
}

fn failure(error: ReportError) -> Failure {
    match error {
        ReportError::Run(error) => unreadable(error),
        ReportError::Output(error) => output_failure(error),
        ReportError::Page(error) => Failure::from_error(Exit::Unexpected, "report", error),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_line_that_repeats_it_is_the_line_that_ran() {
        let given =
            ["report", "run_2", "--comparator", "my runs/1", "--from", "old work", "--margin", "5", "--out", "o"];
        let line = Line::parse_from(given);
        assert_eq!(
            repeat(&line.arguments),
            "proofhouse report run_2 --comparator 'my runs/1' --from 'old work' --margin 5 --out o"
        );
    }
}
